import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

/** Two processes run one after the other, each for 2 s on an idle machine. */
const TIMEOUT_MILLIS = 120_000;
const MODULE = join(import.meta.dirname, '../../../lib/cli/heap-growth.ts');
/**
 * Keeps objects of about 60 MB, replaces a part of them again and again, and prints the largest
 * heap in megabytes.
 */
const programOf = (call: string) => `
  const { limitHeapGrowth } = await import('${MODULE}');
  ${call}
  const create = () => Array.from({ length: 100 }, (_, n) => ({ n, text: String(n) + Math.random() }));
  const live = Array.from({ length: 6000 }, create);
  let largest = 0;
  for (let round = 0; round < 60000; round += 1) {
    live[round % 6000] = create();
    if (round % 500 === 0) largest = Math.max(largest, process.memoryUsage().heapTotal);
  }
  console.log(largest / 1024 / 1024, live.length);
`;

function largestHeap(call: string): number {
  const argv = ['--input-type=module', '--eval', programOf(call)];
  const { stdout, stderr, status } = spawnSync(process.execPath, argv, { encoding: 'utf8' });
  expect({ status, stderr }).toMatchObject({ status: 0 });
  return Number(stdout.split(' ')[0]);
}

describe('the limit of the heap', () => {
  it(
    'keeps the heap nearer to its live objects',
    () => expect(largestHeap('limitHeapGrowth();')).toBeLessThan(0.85 * largestHeap('')),
    TIMEOUT_MILLIS,
  );
});
