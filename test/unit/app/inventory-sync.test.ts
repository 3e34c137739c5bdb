import { type InventorySync, startInventorySync } from '../../../lib/app/inventory-sync.ts';
import { createLogger } from '../../../lib/shared/log.ts';
import { until } from '../../engine/engine-store.ts';

const HOUR = 3_600_000;
let time: number;
let claimed: Set<string>;
let calls: string[];
let running: InventorySync[];
beforeEach(() => {
  [time, claimed, calls, running] = [10 * HOUR, new Set(), [], []];
});
afterEach(async () => {
  await Promise.all(running.map((one) => one.stop()));
});

const NO_FAILURE = async (): Promise<void> => undefined;

/** Starts one of several processes with a common store, which has received every notification. */
function start(
  name: string,
  sweepMillis = HOUR,
  sweep = async () => ({ held: 0 }),
  fill = NO_FAILURE,
): void {
  running.push(
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
      async claim(sweepId) {
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
const state = (): string | undefined => running[0]?.state();
const count = (call: RegExp) => calls.filter((one) => call.test(one)).length;

describe('the sweep', () => {
  it('runs once per interval, in one of the processes', async () => {
    start('a');
    start('b');
    await until('the fill', () => count(/fills/) === 2);
    expect(count(/sweeps|asks/)).toBe(0);
    for (const span of [1, 2]) {
      time += HOUR;
      await until('both have asked', () => count(/asks/) === 2 * span);
      expect(count(/sweeps/)).toBe(span);
    }
  });

  it('is retried after a failure by the process that claimed it', async () => {
    let failures = 1;
    start('a', HOUR, async () => {
      if (failures-- > 0) throw new Error('Keystone does not answer');
      return { held: 7 };
    });
    await until('the fill', () => count(/fills/) === 1);
    time += HOUR;
    await until('the second try', () => count(/sweeps/) === 2);
    expect(count(/asks/)).toBe(1);
    await until('the state', () => running[0]?.state().includes('7 accounts') === true);
    expect(running[0]?.state()).toContain('propagator operation list --state held');
  });

  it('does not run in intervals if the interval is 0', async () => {
    start('a', 0);
    start('b');
    await until('the fill', () => count(/fills/) === 2);
    time += 5 * HOUR;
    await until('the other sweeps', () => count(/b sweeps/) === 1);
    expect(count(/a sweeps|a asks/)).toBe(0);
  });
});

describe('the state', () => {
  it('names the failure until the first success, and a later failure does not change it', async () => {
    let [hasKeystone, sweeps] = [false, 0];
    const unlessDown = async (): Promise<void> => {
      if (!hasKeystone) throw new Error('Keystone does not answer');
    };
    const sweep = async () => {
      sweeps += 1;
      await unlessDown();
      return { held: 0 };
    };
    start('a', HOUR, sweep, unlessDown);
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
