import type { Delivery, WorkerEngine } from '../../lib/engine/port.ts';
import { barrier, median, until } from './engine-store.ts';
import { queue, requested, serviceOf, unique } from './samples.ts';

export const runOf = ({ message }: Delivery): number =>
  message.type === 'service.requested' ? message.data.run : Number.NaN;
const numbers = (count: number) => Array.from({ length: count }, (_, index) => index + 1);

/**
 * Tests which worker receives a message, at which time, in which batch, and how many run in
 * parallel.
 */
export function deliverySuite(
  open: () => Promise<WorkerEngine>,
  delayStepMillis: () => number,
  isServerless: boolean,
): void {
  describe('a message', () => {
    let engine: WorkerEngine;
    beforeAll(async () => {
      engine = await open();
    });
    afterAll(() => engine.close());

    it('wakes its worker immediately', async () => {
      const name = queue();
      const waits: number[] = [];
      let sentAt = 0;
      await engine.work(name, { concurrency: 1 }, async () => {
        waits.push(performance.now() - sentAt);
      });
      for (const run of numbers(7)) {
        sentAt = performance.now();
        await engine.commit({ messages: [requested(serviceOf(name), run)] });
        await until('the message', () => waits.length === run);
      }
      // With polling once a second alone, the median would be 500 ms.
      expect(median(waits)).toBeLessThan(150);
    });

    it('is not visible before the end of its delay, and then wakes its worker', async () => {
      const name = queue();
      const late: number[] = [];
      const sentAt = performance.now();
      await engine.work(name, { concurrency: 8 }, async ([delivery]) => {
        late.push(performance.now() - sentAt - (delivery ? runOf(delivery) : 0));
      });
      const delays = [250, 500, 700, 900, 1200, 1350, 1600];
      await engine.commit({
        messages: delays.map((delay) => ({
          ...requested(serviceOf(name), delay),
          delaySeconds: delay / 1000,
        })),
      });
      // On AWS the commit waits for fractions of a second, because SQS delays by whole seconds.
      if (!isServerless)
        expect((await engine.reads.depths())[name]).toMatchObject({
          delayed: delays.length,
          ready: 0,
        });
      await until('all messages', () => late.length === delays.length);
      expect(Math.min(...late)).toBeGreaterThanOrEqual(0);
      expect(median(late)).toBeLessThan(250 + delayStepMillis() / 2);
    });

    if (!isServerless)
      it('is delivered before all others of its queue if it is urgent', async () => {
        const name = queue();
        const messages = numbers(30).map((run) => requested(serviceOf(name), run));
        await engine.commit({ messages });
        await engine.commit({
          messages: [
            { ...requested(serviceOf(name), 101), isUrgent: true },
            requested(serviceOf(name), 31),
            { ...requested(serviceOf(name), 102), isUrgent: true },
          ],
        });
        const handled: number[] = [];
        const batchSize = 4;
        await engine.work(name, { concurrency: 1, batchSize }, async (deliveries) => {
          handled.push(...deliveries.map(runOf));
        });
        await until('all messages', () => handled.length === 33);
        expect(new Set(handled).size).toBe(33);
        expect(handled.slice(0, batchSize)).toEqual(expect.arrayContaining([101, 102]));
      });

    it('is delivered once from a full queue, in batches of at most the requested size', async () => {
      const name = queue();
      await engine.commit({ messages: numbers(250).map((run) => requested(serviceOf(name), run)) });
      const batches: number[][] = [];
      await engine.work(name, { concurrency: 2, batchSize: 100 }, async (deliveries) => {
        batches.push(deliveries.map(runOf));
      });
      await until('250 messages', () => batches.flat().length >= 250);
      expect(batches.flat().toSorted((a, b) => a - b)).toEqual(numbers(250));
      expect(batches.map((batch) => batch.length).toSorted((a, b) => b - a)).toEqual([
        100, 100, 50,
      ]);
      await until('an empty queue', async () => (await engine.reads.depths())[name]?.active === 0);
      expect((await engine.reads.depths())[name]).toEqual({
        ready: 0,
        delayed: 0,
        active: 0,
        dead: 0,
      });
    });

    it('makes its queue due while it is ready or handled, and not while it is delayed', async () => {
      const [name, other] = [queue(), queue()];
      const [handling, release] = [Promise.withResolvers<void>(), Promise.withResolvers<void>()];
      const hasUnfinished = () => engine.reads.hasUnfinished(name);
      expect(await hasUnfinished()).toBe(false);
      await engine.commit({
        messages: [
          { ...requested(serviceOf(name)), delaySeconds: 600 },
          requested(serviceOf(other)),
        ],
      });
      expect(await hasUnfinished()).toBe(false);
      await engine.commit({ messages: [requested(serviceOf(name))] });
      expect(await hasUnfinished()).toBe(true);
      await engine.work(name, { concurrency: 1 }, async () => {
        handling.resolve();
        await release.promise;
      });
      await handling.promise;
      expect(await hasUnfinished()).toBe(true);
      release.resolve();
      await until('an empty queue', async () => !(await hasUnfinished()));
      expect((await engine.reads.depths())[name]).toMatchObject({ delayed: 1, ready: 0 });
    });

    it('is handled with at most the allowed number of concurrent messages', async () => {
      const name = queue();
      const [four, all] = [barrier(), barrier()];
      let [inside, most, done] = [0, 0, 0];
      await engine.work(name, { concurrency: 4 }, async () => {
        inside += 1;
        most = Math.max(most, inside);
        if (inside === 4) four.open();
        await four.passed;
        await new Promise((resolve) => setTimeout(resolve, 5));
        inside -= 1;
        done += 1;
        if (done === 30) all.open();
      });
      await engine.commit({ messages: numbers(30).map((run) => requested(serviceOf(name), run)) });
      await until('30 messages', () => done === 30);
      expect(most).toBe(4);
    });

    it('is not delayed by a handler that is stuck', async () => {
      const name = queue();
      const stuck = barrier();
      const handled: number[] = [];
      await engine.work(name, { concurrency: 2 }, async ([delivery]) => {
        const run = delivery ? runOf(delivery) : 0;
        if (run === 1) await stuck.passed;
        handled.push(run);
      });
      await engine.commit({ messages: [requested(serviceOf(name), 1)] });
      for (const run of numbers(9).slice(1))
        await engine.commit({ messages: [requested(serviceOf(name), run)] });
      await until('the other eight', () => handled.length === 8);
      stuck.open();
      await until('the stuck one', () => handled.length === 9);
      expect(handled.at(-1)).toBe(1);
    });
  });

  describe('an engine that closes', () => {
    it('waits for a running handler to end and commit, and completes its message', async () => {
      const name = queue();
      const engine = await open();
      const begun = barrier();
      const counter = unique();
      let ended: unknown;
      await engine.work(name, { concurrency: 1 }, async () => {
        begun.open();
        await new Promise((resolve) => setTimeout(resolve, 300));
        ended = await engine.commit({ counters: { [counter]: 1 } });
      });
      await engine.commit({ messages: [requested(serviceOf(name))] });
      await begun.passed;
      await engine.close();
      expect(ended).toBe('committed');
      await expect(engine.commit({ seen: ['x'] })).rejects.toMatchObject({
        report: { code: 'engine.closed' },
      });
      await expect(engine.health()).rejects.toThrow();
      const next = await open();
      expect((await next.reads.counters())[counter]).toBe(1);
      expect((await next.reads.depths())[name]).toEqual({
        ready: 0,
        delayed: 0,
        active: 0,
        dead: 0,
      });
      await next.close();
    });

    // On AWS no process receives messages: SQS delivers those of a function that ends too late again,
    // and counts the delivery.
    const inProcess = isServerless ? undefined : it;
    inProcess?.(
      'returns messages whose handlers did not end in time, and does not count their delivery',
      async () => {
        const name = queue();
        const engine = await open();
        const begun = barrier();
        const never = barrier();
        await engine.work(name, { concurrency: 2, batchSize: 3 }, async () => {
          begun.open();
          await never.passed;
        });
        await engine.commit({ messages: numbers(8).map((run) => requested(serviceOf(name), run)) });
        await begun.passed;
        await engine.close(0.1);
        never.open();
        const next = await open();
        const got: [number, number][] = [];
        await next.work(name, { concurrency: 1 }, async (deliveries) => {
          for (const delivery of deliveries) got.push([runOf(delivery), delivery.receiveCount]);
        });
        await until('all eight', () => got.length === 8);
        expect(got.toSorted(([a], [b]) => a - b)).toEqual(numbers(8).map((run) => [run, 1]));
        await next.close();
      },
      30_000,
    );

    it('leaves waiting messages to the next engine, which delivers each of them when it is due', async () => {
      const name = queue();
      const engine = await open();
      const sentAt = performance.now();
      await engine.commit({
        messages: [
          requested(serviceOf(name), 1),
          { ...requested(serviceOf(name), 2), delaySeconds: 3 },
        ],
      });
      await engine.close();
      const next = await open();
      const got = new Map<number, number>();
      await next.work(name, { concurrency: 1 }, async ([delivery]) => {
        if (delivery) got.set(runOf(delivery), performance.now() - sentAt);
      });
      await until('both', () => got.size === 2);
      expect(got.get(2)).toBeGreaterThanOrEqual(3000);
      await next.close();
    });
  });
}
