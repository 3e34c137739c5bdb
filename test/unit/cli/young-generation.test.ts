import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const FOLDER = join(import.meta.dirname, '../../../lib/cli');
const IMPORT = `import '${FOLDER}/young-generation.ts';`;
/** Functions of the programs below. `load` creates objects of which many stay for a while. */
const HELPERS = `
  import v8 from 'node:v8';
  import vm from 'node:vm';
  import { setTimeout as delay } from 'node:timers/promises';
  const young = () => v8.getHeapSpaceStatistics().find((one) => one.space_name === 'new_space');
  const megabytes = () => young().space_size / 1024 / 1024;
  let kept = [];
  function load(count) {
    for (let n = 0; n < count; n += 1) {
      kept.push({ n, list: [n] });
      if (kept.length > 200_000) kept = kept.slice(100_000);
    }
  }
  v8.setFlagsFromString('--expose-gc');
  const collect = vm.runInNewContext('gc');
`;
const PRINT_SIZE_AFTER_LOAD = 'load(3_000_000); console.log(megabytes());';
/** Full collections shrink the young generation. Then prints its size before and after a load. */
const PRINT_SIZES_AROUND_LOAD = `
  load(3_000_000);
  kept = [];
  for (let n = 0; n < 3; n += 1) collect();
  console.log(megabytes());
  for (let n = 0; n < 3000 && megabytes() < 16; n += 1) {
    load(20_000);
    await delay(5);
  }
  await delay(100);
  load(3_000_000);
  console.log(megabytes());
`;

function outputOf(program: string): number[] {
  const argv = ['--input-type=module', '--eval', program];
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  return stdout.trim().split('\n').map(Number);
}

describe('the young generation of the heap', () => {
  it('does not grow while a program only computes', () => {
    const [usualSize = 0] = outputOf(HELPERS + PRINT_SIZE_AFTER_LOAD);
    const [limitedSize = 0] = outputOf(IMPORT + HELPERS + PRINT_SIZE_AFTER_LOAD);
    expect(usualSize).toBeGreaterThan(30);
    // On a busy machine the limited size can exceed 16 MB by some megabytes.
    expect(limitedSize).toBeLessThan(0.75 * usualSize);
  });

  it('grows again after V8 has shrunk it', () => {
    const [shrunk, grown] = outputOf(IMPORT + HELPERS + PRINT_SIZES_AROUND_LOAD);
    expect(shrunk).toBeLessThan(8);
    expect(grown).toBeGreaterThanOrEqual(16);
    expect(grown).toBeLessThan(70);
  });

  it('is limited by the first import of the command', () => {
    const program = readFileSync(join(FOLDER, 'propagator.ts'), 'utf8');
    expect(/^import .*$/m.exec(program)?.[0]).toBe("import './young-generation.ts';");
  });
});
