import { type InventorySync, startInventorySync } from '../../../lib/app/inventory-sync.ts';
import { createLogger } from '../../../lib/shared/log.ts';
import { until } from '../../engine/engine-store.ts';

const HOUR = 3_600_000;
let time: number;
let claimed: Set<string>;
let calls: string[];
let syncs: InventorySync[];
beforeEach(() => {
  [time, claimed, calls, syncs] = [10 * HOUR, new Set(), [], []];
});
afterEach(async () => {
  await Promise.all(syncs.map((one) => one.stop()));
});

const NO_FAILURE = async (): Promise<void> => undefined;

/**
 * Starts one of several processes with a common store. No process has a subscription, so no process
 * compares the inventory after a gap.
 */
function start(
  name: string,
  sweepMillis = HOUR,
  sweep = async () => ({ held: 0 }),
  fill = NO_FAILURE,
): void {
  syncs.push(
    startInventorySync({
      async syncInventory() {
        await fill();
        calls.push(`${name} fills`);
      },
      async sweep() {
        calls.push(`${name} sweeps`);
        return sweep();
      },
      sweepMillis,
      async claimSweep(sweepId) {
        calls.push(`${name} asks`);
        if (claimed.has(sweepId)) return false;
        claimed.add(sweepId);
        return true;
      },
      subscriptionState: () => undefined,
      log: createLogger('silent'),
      now: () => time,
    }),
  );
}
const state = (): string | undefined => syncs[0]?.state();
const countCalls = (call: RegExp) => calls.filter((one) => call.test(one)).length;

describe('the sweep', () => {
  it('runs once per interval, in one of the processes', async () => {
    start('a');
    start('b');
    await until('the fill', () => countCalls(/fills/) === 2);
    expect(countCalls(/sweeps|asks/)).toBe(0);
    for (const interval of [1, 2]) {
      time += HOUR;
      await until('both have asked', () => countCalls(/asks/) === 2 * interval);
      expect(countCalls(/sweeps/)).toBe(interval);
    }
  });

  it('is retried after a failure by the process that claimed it', async () => {
    let failures = 1;
    start('a', HOUR, async () => {
      if (failures-- > 0) throw new Error('Keystone does not answer');
      return { held: 7 };
    });
    await until('the fill', () => countCalls(/fills/) === 1);
    time += HOUR;
    await until('the second try', () => countCalls(/sweeps/) === 2);
    expect(countCalls(/asks/)).toBe(1);
    await until('the state', () => syncs[0]?.state().includes('7 accounts') === true);
    expect(syncs[0]?.state()).toContain('propagator operation list --state held');
  });

  it('does not run in intervals if the interval is 0', async () => {
    start('a', 0);
    start('b');
    await until('the fill', () => countCalls(/fills/) === 2);
    time += 5 * HOUR;
    await until('the other sweeps', () => countCalls(/b sweeps/) === 1);
    expect(countCalls(/a sweeps|a asks/)).toBe(0);
  });
});

describe('the state', () => {
  it('names the failure until the first success, and a later failure does not change it', async () => {
    let [hasKeystone, sweeps] = [false, 0];
    const failWhileDown = async (): Promise<void> => {
      if (!hasKeystone) throw new Error('Keystone does not answer');
    };
    const sweep = async () => {
      sweeps += 1;
      await failWhileDown();
      return { held: 0 };
    };
    start('a', HOUR, sweep, failWhileDown);
    expect(state()).toBe('initial listing in progress');
    await until('the failure', () => state()?.includes('Keystone does not answer') === true);
    expect(state()).toMatch(/^not synchronized: /);
    hasKeystone = true;
    await until('the fill', () => state() === 'filled');
    hasKeystone = false;
    time += HOUR;
    await until('the failed sweep', () => sweeps === 1);
    expect(state()).toBe('filled');
    hasKeystone = true;
    await until('the retry', () => sweeps === 2);
    expect(state()).toBe('filled');
  });
});
