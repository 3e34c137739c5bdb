import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const FOLDER = join(import.meta.dirname, '../../../lib/cli');
/** Creates objects of which many stay for a while, and prints the size of the young generation. */
const PROGRAM = `
  import v8 from 'node:v8';
  let kept = [];
  for (let n = 0; n < 3_000_000; n += 1) {
    kept.push({ n, list: [n] });
    if (kept.length > 200_000) kept = kept.slice(100_000);
  }
  const young = v8.getHeapSpaceStatistics().find((space) => space.space_name === 'new_space');
  console.log(young.space_size / 1024 / 1024);
`;

function youngMegabytes(firstImport: string): number {
  const argv = ['--input-type=module', '--eval', firstImport + PROGRAM];
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  return Number(stdout);
}

describe('the young generation of the heap', () => {
  it('does not grow after the import of the module', () => {
    expect(youngMegabytes('')).toBeGreaterThan(30);
    expect(youngMegabytes(`import '${FOLDER}/young-generation.ts';`)).toBeLessThan(17);
  });

  it('is limited by the first import of the command', () => {
    const program = readFileSync(join(FOLDER, 'propagator.ts'), 'utf8');
    expect(/^import .*$/m.exec(program)?.[0]).toBe("import './young-generation.ts';");
  });
});
