import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openPostgresEngine } from '../../lib/engine/postgres/open.ts';

/** The start of a new database takes half a minute on a busy machine. */
const TIMEOUT_MILLIS = 300_000;
const MEGABYTE = 1024 * 1024;
const LIB = join(import.meta.dirname, '../../lib/engine/postgres');
/**
 * Opens the database, stores many ids, and prints its largest resident memory in megabytes. The
 * kernel's `VmHWM` begins with the program. `maxRSS` begins with the fork, so it includes the
 * memory of the process of the tests.
 */
const USE = `
  const { limitCompilerMemory } = await import('${LIB}/compiler-memory.ts');
  limitCompilerMemory(Number(process.argv[1]));
  const { openPostgresEngine } = await import('${LIB}/open.ts');
  const engine = await openPostgresEngine({ dataFolder: process.argv[2] });
  for (let n = 0; n < 30; n += 1)
    await engine.commit({ seen: Array.from({ length: 200 }, () => crypto.randomUUID()) });
  await engine.close();
  const { readFileSync } = await import('node:fs');
  const status = readFileSync('/proc/self/status', 'utf8');
  console.log(Number(/VmHWM:\\s+(\\d+) kB/.exec(status)[1]) / 1024);
`;

let folder: string;
beforeAll(async () => {
  folder = join(mkdtempSync(join(tmpdir(), 'memory-')), 'data');
  await (await openPostgresEngine({ dataFolder: folder })).close();
}, TIMEOUT_MILLIS);
afterAll(() => rmSync(join(folder, '..'), { recursive: true }));

it(
  'the embedded database needs less than 400 MB in a container of 512 MB',
  () => {
    const argv = ['--input-type=module', '--eval', USE, String(512 * MEGABYTE), folder];
    const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
    expect({ status, stderr }).toMatchObject({ status: 0 });
    expect(Number(stdout)).toBeGreaterThan(50);
    expect(Number(stdout)).toBeLessThan(400);
  },
  TIMEOUT_MILLIS,
);
