import fc from 'fast-check';
import { withCorrectedIdleTime, withoutFutureTimes } from '../../../lib/operation/elapsed.ts';
import type { Task } from '../../../lib/operation/model.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const stallTimeoutMillis = HOUR;
const NOON = Date.UTC(2026, 0, 1, 12);

/** A task whose run has just been requested. */
const requestedTask = (at: number): Task => {
  const times: Partial<Task> = { progressAt: at, reportedAt: at, nextAt: undefined };
  return times as Task;
};

/** Reports without progress, with the waits between them. The clock jumps before one report. */
const reportsWithoutProgress = fc.record({
  waits: fc.array(fc.integer({ min: 400, max: 5 * MINUTE }), { minLength: 2, maxLength: 30 }),
  jumpBefore: fc.nat(29),
  jump: fc.constantFrom(-48, -3, -1, 1, 6, 48),
});

interface ReportsWithoutProgress {
  readonly waits: readonly number[];
  readonly jumpBefore: number;
  readonly jump: number;
}

function idleAfter({ waits, jumpBefore, jump }: ReportsWithoutProgress) {
  let [clock, task, passed] = [NOON, requestedTask(NOON), 0];
  const idle: number[] = [];
  for (const [index, wait] of waits.entries()) {
    task = { ...task, nextAt: clock + wait };
    clock += wait + (index === jumpBefore ? jump * HOUR : 0);
    passed += wait;
    task = withCorrectedIdleTime(task, { now: clock, stallTimeoutMillis });
    idle.push(clock - task.progressAt);
  }
  return { idle, passed };
}

describe('the time without progress of a task', () => {
  it('is the elapsed time if the clock is not changed', () =>
    fc.assert(
      fc.property(reportsWithoutProgress, (shape) => {
        const { idle, passed } = idleAfter({ ...shape, jump: 0 });
        expect(idle.at(-1)).toBe(passed);
      }),
    ));

  it('exceeds the elapsed time by at most a quarter of the stall timeout if the clock is set forward', () =>
    fc.assert(
      fc.property(reportsWithoutProgress, (shape) => {
        const { idle, passed } = idleAfter({ ...shape, jump: Math.abs(shape.jump) });
        expect(idle.at(-1)).toBeLessThanOrEqual(passed + stallTimeoutMillis / 4);
        expect(idle.at(-1)).toBeGreaterThanOrEqual(passed);
      }),
    ));

  it('grows, but not faster than the elapsed time, if the clock is set back', () =>
    fc.assert(
      fc.property(reportsWithoutProgress, (shape) => {
        const { idle, passed } = idleAfter({ ...shape, jump: -Math.abs(shape.jump) });
        expect(idle).toEqual(idle.toSorted((a, b) => a - b));
        expect(idle.at(-1)).toBeLessThanOrEqual(passed);
        expect(idle.at(-1)).toBeGreaterThanOrEqual(passed - 5 * MINUTE);
      }),
    ));

  it('does not include the time before the run was requested', () => {
    const task = { ...requestedTask(NOON), reportedAt: NOON - 5 * HOUR };
    const { progressAt } = withCorrectedIdleTime(task, { now: NOON + MINUTE, stallTimeoutMillis });
    expect(progressAt).toBe(NOON);
  });
});

describe('an operation in its grace period', () => {
  const opened = { openedAt: NOON, notBefore: NOON + HOUR, confirmedAt: [NOON + 1000] };

  it('is unchanged while the clock is not changed', () => {
    expect(withoutFutureTimes(opened, NOON + 2000)).toBe(opened);
  });

  it('waits for exactly the rest of the grace period after the clock was set back', () =>
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 48 * HOUR }), (back) => {
        const now = NOON + 1000 - back;
        const after = withoutFutureTimes(opened, now);
        expect(after.notBefore - now).toBe(HOUR - 1000);
        expect(after.confirmedAt).toEqual([]);
      }),
    ));
});
