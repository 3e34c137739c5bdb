import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** The start of a new database takes half a minute on a busy machine. */
const TIMEOUT_MILLIS = 300_000;
const LIB = join(import.meta.dirname, '../../lib/engine/postgres');
/**
 * Opens the database, stores many ids, and prints its largest resident memory in megabytes. The
 * kernel's `VmHWM` begins with the program. `maxRSS` begins with the fork, so it includes the
 * memory of the process of the tests.
 */
const USE = `
  const { openPostgresEngine } = await import('${LIB}/open.ts');
  const engine = await openPostgresEngine({ dataFolder: process.argv[1] });
  for (let n = 0; n < 30; n += 1)
    await engine.commit({ seen: Array.from({ length: 200 }, () => crypto.randomUUID()) });
  await engine.close();
  const { readFileSync } = await import('node:fs');
  const status = readFileSync('/proc/self/status', 'utf8');
  console.log(Number(/VmHWM:\\s+(\\d+) kB/.exec(status)[1]) / 1024);
`;

let parent: string;
beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), 'memory-'));
});
afterAll(() => rmSync(parent, { recursive: true }));

/** The second process finds the data folder of the first. */
it.each(['new', 'an earlier one'])(
  'the embedded database needs less than 450 MB when its data folder is %s',
  () => {
    const argv = ['--input-type=module', '--eval', USE, join(parent, 'data')];
    const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(Number(stdout)).toBeGreaterThan(50);
    expect(Number(stdout)).toBeLessThan(450);
  },
  TIMEOUT_MILLIS,
);
