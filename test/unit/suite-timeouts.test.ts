import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import base from '../../jest.config.js';

const root = join(import.meta.dirname, '../..');
const suites = readdirSync(join(root, 'test'), { recursive: true, encoding: 'utf8' })
  .filter((path) => path.endsWith('jest.config.js'))
  .map((path) => join('test', path));

describe('the configuration of each suite', () => {
  it('is found', () => expect(suites.length).toBeGreaterThanOrEqual(5));

  // The default of jest is 5 s. A broker or a database that shares its processor takes longer.
  it.each(suites)('%s gives a test more time than the default of jest', async (path) => {
    const { default: config } = await import(pathToFileURL(join(root, path)).href);
    expect(config.testTimeout).toBeGreaterThanOrEqual(base.testTimeout);
  });
});
