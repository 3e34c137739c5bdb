import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { jest } from '@jest/globals';

const root = join(import.meta.dirname, '../..');
const timeoutOf = async (path: string): Promise<unknown> =>
  (await import(pathToFileURL(join(root, path)).href)).default.testTimeout;
const suites = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('jest.config.js'))
  .map((path) => join('test', path));

// The configuration of the AWS suite says on stderr which tests it leaves out.
beforeAll(() => jest.spyOn(console, 'error').mockReturnValue());

describe('the configuration of each suite', () => {
  it('is found', () => expect(suites.length).toBeGreaterThanOrEqual(5));

  // The default of jest is 5 s. A broker or a database that shares its processor takes longer.
  it.each(suites)('%s gives a test more time than the default of jest', async (path) => {
    expect(await timeoutOf(path)).toBeGreaterThanOrEqual(30_000);
  });
});
