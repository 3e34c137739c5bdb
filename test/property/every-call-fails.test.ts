import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { Run } from './every-call-fails.ts';

interface Answer {
  readonly calls: number;
  readonly names: number;
  readonly runs: readonly Run[];
}

describe('every call of every port, failing one at a time', () => {
  let answer: Answer;
  beforeAll(async () => {
    const script = join(import.meta.dirname, 'every-call-fails.ts');
    // An unhandled rejection ends that process with exit code 1.
    const { stdout } = await promisify(execFile)(process.execPath, [script]);
    answer = JSON.parse(stdout) as Answer;
  }, 120_000);

  it('is tried', () => {
    expect(answer.calls).toBeGreaterThan(50);
    expect(answer.names).toBeGreaterThan(8);
    expect(answer.runs).toHaveLength(answer.calls + answer.names);
  });

  it('leaves an operation that ends well once the fault is over, and a control project that is untouched', () => {
    const wrong = answer.runs.filter(
      ({ state, left, control }) => state !== 'finished' || left !== 0 || control !== 6,
    );
    expect(wrong).toEqual([]);
  });

  it('never ends an operation while the fault lasts and something is left, and gives a reason', () => {
    const lasting = answer.runs.filter(({ fault }) => fault.name !== undefined);
    expect(lasting.filter(({ endedDuring, reason }) => !endedDuring && !reason)).toEqual([]);
    expect(answer.runs.filter((run) => run.endedDuring && run.leftDuring > 0)).toEqual([]);
  });
});
