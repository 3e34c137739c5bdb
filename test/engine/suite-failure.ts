import type { WorkerEngine } from '../../lib/engine/port.ts';
import { PropagatorError } from '../../lib/shared/errors.ts';
import { until } from './engine-store.ts';
import { queue, requested, serviceOf } from './samples.ts';
import { runOf } from './suite-delivery.ts';

const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/** The deliveries of a message whose handler throws. */
export function failureSuite(open: () => Promise<WorkerEngine>, isServerless: boolean): void {
  describe('a message whose handler throws', () => {
    let engine: WorkerEngine;
    beforeAll(async () => {
      engine = await open();
    });
    afterAll(() => engine.close());

    it('is delivered again after a pause, counts its deliveries, and is finally a dead letter, while others are handled', async () => {
      const name = queue();
      const received: { count: number; at: number }[] = [];
      const others: number[] = [];
      await engine.work(name, { concurrency: 1 }, async ([delivery]) => {
        if (!delivery) return;
        if (runOf(delivery) !== 1) {
          others.push(runOf(delivery));
          return;
        }
        received.push({ count: delivery.receiveCount, at: performance.now() });
        throw new PropagatorError({
          code: 'nova.http.500',
          class: 'Unexpected',
          message: 'broken',
          advice: 'confirmation',
          requestId: 'req-1',
        });
      });
      const bad = requested(serviceOf(name), 1);
      await engine.commit({ messages: [bad] });
      await until('the first delivery', () => received.length === 1);
      await engine.commit({
        messages: numbers(20)
          .slice(1)
          .map((run) => requested(serviceOf(name), run)),
      });
      await until('the others', () => others.length === 19);
      expect(received.length).toBeLessThan(3);

      await until('a dead letter', async () => (await engine.reads.depths())[name]?.dead === 1);
      expect(received.map(({ count }) => count)).toEqual([1, 2, 3]);
      const pauses = received.slice(1).map(({ at }, index) => at - (received[index]?.at ?? 0));
      expect(Math.min(...pauses)).toBeGreaterThan(900);
      const [deadLetter] = await engine.deadLetters({ service: serviceOf(name) });
      expect(deadLetter).toMatchObject({
        queue: name,
        message: bad,
        error: { code: 'nova.http.500', message: 'broken', requestId: 'req-1' },
      });
      expect(Math.abs(Date.now() - (deadLetter?.at ?? 0))).toBeLessThan(60_000);
      expect((await engine.reads.depths())[name]).toEqual({
        ready: 0,
        delayed: 0,
        active: 0,
        dead: 1,
      });
    });

    it('does not fail its batch: it is delivered alone the next time', async () => {
      const name = queue();
      const handled: number[] = [];
      let [inside, most] = [0, 0];
      await engine.work(name, { concurrency: 2, batchSize: 50 }, async (deliveries) => {
        inside += 1;
        most = Math.max(most, inside);
        await new Promise((resolve) => setTimeout(resolve, 5));
        inside -= 1;
        const runs = deliveries.map(runOf);
        if (runs.includes(13)) throw new TypeError('thirteen');
        handled.push(...runs);
      });
      await engine.commit({ messages: numbers(50).map((run) => requested(serviceOf(name), run)) });
      await until('a dead letter', async () => (await engine.reads.depths())[name]?.dead === 1);
      expect(handled.toSorted((a, b) => a - b)).toEqual(numbers(50).filter((run) => run !== 13));
      // One invocation of a function handles the records that it retries side by side.
      if (!isServerless) expect(most).toBe(2);
      const deadLetters = await engine.deadLetters({ service: serviceOf(name) });
      expect(deadLetters).toMatchObject([
        {
          message: { data: { run: 13 } },
          error: { code: 'handler.failed', message: 'TypeError: thirteen' },
        },
      ]);
    });
  });
}
