import { WorkerWakeups } from '../../../lib/engine/worker-wakeups.ts';

/**
 * The time is not a whole number of milliseconds, because a timer of Node counts only whole ones.
 */
const DELAYS_MILLIS = Array.from({ length: 60 }, (_, index) => 10.9 + index * 0.55);

describe('the timer of a delayed message', () => {
  it('never ends before its time', async () => {
    const wakeups = new WorkerWakeups();
    const late = DELAYS_MILLIS.map(
      (delay, index) =>
        new Promise<number>((resolve) => {
          const queue = `queue-${index}`;
          const dueAt = performance.now() + delay;
          wakeups.addCallback(queue, () => resolve(performance.now() - dueAt));
          wakeups.wake(queue, delay / 1000, ['1']);
        }),
    );
    expect(Math.min(...(await Promise.all(late)))).toBeGreaterThanOrEqual(0);
  });

  it('ends at the time at which the messages are due', async () => {
    let time = 0;
    const wakeups = new WorkerWakeups({ now: () => time });
    const woken = new Promise<number>((resolve) => {
      wakeups.addCallback('coordinate', () => resolve(time));
    });
    wakeups.wake('coordinate', 0.002, ['1']);
    await new Promise((resolve) => setTimeout(resolve, 20));
    time = 2;
    await expect(woken).resolves.toBe(2);
  });

  it('does not wake a worker after its engine was closed', async () => {
    const woken: string[] = [];
    const wakeups = new WorkerWakeups();
    wakeups.addCallback('coordinate', () => woken.push('coordinate'));
    wakeups.wake('coordinate', 0.005, ['1']);
    wakeups.stop();
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(woken).toEqual([]);
  });
});
