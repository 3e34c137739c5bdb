import fc from 'fast-check';
import { asCaller, currentCaller } from '../../../lib/openstack/caller.ts';
import { FairQueue } from '../../../lib/openstack/fair-queue.ts';
import { AdaptiveLimiter } from '../../../lib/openstack/limiter.ts';

/** The answer that a simulated service will give at the time `at`. */
interface PlannedAnswer {
  readonly at: number;
  readonly answer: () => void;
}

/**
 * The answer of a simulated service. It depends on the number of calls in progress, this one
 * included.
 */
type Service = (activeCalls: number) => { millis: number; status?: number };

const nextTick = () => new Promise<void>((resolve) => setImmediate(resolve));

/** A service behind a limiter, with a virtual clock. No test waits for real time. */
class Simulation {
  readonly limiter: AdaptiveLimiter;
  #plannedAnswers: PlannedAnswer[] = [];
  #now = 0;
  #active = 0;
  /** The time of the last answer of each caller. */
  readonly endedAt = new Map<string, number>();
  /** The largest number of calls at the same time. */
  peak = 0;
  service: Service;

  constructor(ceiling: number, service: Service) {
    this.limiter = new AdaptiveLimiter({ ceiling });
    this.service = service;
  }

  call(caller: string): Promise<void> {
    return this.limiter.run(caller, async () => {
      this.#active += 1;
      this.peak = Math.max(this.peak, this.#active);
      const { millis, status = 204 } = this.service(this.#active);
      await new Promise<void>((resolve) => {
        this.#plannedAnswers.push({ at: this.#now + millis, answer: resolve });
      });
      this.#active -= 1;
      this.endedAt.set(caller, this.#now);
      this.limiter.observe({ label: 'DELETE /servers/{id}', millis, status });
    });
  }

  /** Starts `count` calls, and moves the clock until all of them have been answered. */
  async run(calls: Readonly<Record<string, number>>): Promise<number> {
    const began = this.#now;
    const all = Object.entries(calls).flatMap(([caller, count]) =>
      Array.from({ length: count }, () => this.call(caller)),
    );
    let isOver = false;
    const over = Promise.all(all).then(() => {
      isOver = true;
    });
    while (!isOver) {
      await nextTick();
      this.#plannedAnswers.sort((a, b) => a.at - b.at);
      const next = this.#plannedAnswers.shift();
      if (!next) continue;
      this.#now = next.at;
      next.answer();
    }
    await over;
    return this.#now - began;
  }
}

/** Answers each call in the same time, however many there are. */
const fast: Service = () => ({ millis: 100 });
/** Works on `capacity` calls at a time. Other calls wait inside the service. */
const withCapacity =
  (capacity: number): Service =>
  (active) => ({ millis: 100 * Math.max(1, active / capacity) });

test('a fast service gets as many calls at a time as the ceiling allows', async () => {
  const simulation = new Simulation(16, fast);
  await simulation.run({ a: 400 });
  expect(simulation.limiter.limit).toBe(16);
  expect(simulation.peak).toBe(16);
});

test('the ceiling is never exceeded', async () => {
  const simulation = new Simulation(3, fast);
  await simulation.run({ a: 200, b: 50 });
  expect(simulation.peak).toBe(3);
});

test('a service that works on two calls at a time gets less load, and loses no throughput', async () => {
  const simulation = new Simulation(16, withCapacity(2));
  const millis = await simulation.run({ a: 400 });
  expect(simulation.limiter.limit).toBeLessThanOrEqual(6);
  expect(simulation.peak).toBeLessThan(10);
  // 400 calls of 100 ms, two at a time, take 20 s.
  expect(millis).toBeLessThan(20_000 * 1.15);
});

test('a service that becomes slow gets less load, and more again when it has recovered', async () => {
  const simulation = new Simulation(12, fast);
  await simulation.run({ a: 300 });
  simulation.service = withCapacity(1);
  await simulation.run({ a: 200 });
  const slow = simulation.limiter.limit;
  simulation.service = fast;
  await simulation.run({ a: 300 });
  expect(slow).toBeLessThanOrEqual(4);
  expect(simulation.limiter.limit).toBe(12);
});

test.each([429, 413, 498, 500, 503])('an answer %i halves the limit once', async (status) => {
  const simulation = new Simulation(8, fast);
  await simulation.run({ a: 100 });
  expect(simulation.limiter.limit).toBe(8);
  let refused = 0;
  // All eight calls that are under way are refused at the same time.
  simulation.service = () => {
    refused += 1;
    return { millis: 50, status: refused <= 8 ? status : 204 };
  };
  await simulation.run({ a: 8 });
  expect(simulation.limiter.limit).toBe(4);
});

test('a service that refuses everything gets one call at a time', async () => {
  const simulation = new Simulation(8, () => ({ millis: 50, status: 429 }));
  await simulation.run({ a: 100 });
  expect(simulation.limiter.limit).toBe(1);
});

test('a call without an answer counts as a refusal', () => {
  const limiter = new AdaptiveLimiter({ ceiling: 8 });
  limiter.observe({ label: 'GET /servers', millis: 60_000, status: undefined });
  expect(limiter.limit).toBe(2);
});

test('conflicts (409) for most calls reduce the limit; conflicts for a tenth of the calls do not', async () => {
  const rare = new Simulation(8, fast);
  await rare.run({ a: 100 });
  let calls = 0;
  rare.service = () => {
    calls += 1;
    return { millis: 100, status: calls % 10 === 0 ? 409 : 204 };
  };
  await rare.run({ a: 100 });
  expect(rare.limiter.limit).toBe(8);
  rare.service = () => ({ millis: 100, status: 409 });
  await rare.run({ a: 100 });
  expect(rare.limiter.limit).toBe(2);
});

test('an operation of 10,000 resources does not delay an operation of ten resources', async () => {
  const simulation = new Simulation(8, fast);
  const all = simulation.run({ large: 10_000, small: 10 });
  const millis = await all;
  // The small operation gets every second call, so it ends after about twenty of them.
  expect(simulation.endedAt.get('small')).toBeLessThan(1000);
  expect(simulation.endedAt.get('large')).toBe(millis);
});

test('a call that throws releases its slot', async () => {
  const limiter = new AdaptiveLimiter({ ceiling: 1 });
  await expect(limiter.run('a', () => Promise.reject(new Error('broken')))).rejects.toThrow(
    'broken',
  );
  await expect(limiter.run('a', async () => 'next')).resolves.toBe('next');
});

test('a fair queue loses no call, keeps the order of each key, and alternates between keys', () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom('a', 'b', 'c'), { maxLength: 200 }), (keys) => {
      const queue = new FairQueue<{ key: string; at: number }>();
      for (const [at, key] of keys.entries()) queue.add(key, { key, at });
      const taken = keys.map(() => queue.takeNext());
      expect(queue.takeNext()).toBeUndefined();
      expect(queue.size).toBe(0);
      for (const key of ['a', 'b', 'c'] as const) {
        const itemsOfKey = taken.filter((one) => one?.key === key).map((one) => one?.at ?? -1);
        expect(itemsOfKey).toEqual([...itemsOfKey].sort((a, b) => a - b));
        expect(itemsOfKey).toHaveLength(keys.filter((one) => one === key).length);
      }
      const left = new Map<string, number>();
      for (const key of keys) left.set(key, (left.get(key) ?? 0) + 1);
      for (const [index, one] of taken.entries()) {
        const before = taken[index - 1];
        left.set(one?.key ?? '', (left.get(one?.key ?? '') ?? 0) - 1);
        const others = [...left].some(([key, count]) => key !== one?.key && count > 0);
        if (before && before.key === one?.key) expect(others).toBe(false);
      }
    }),
  );
});

test('currentCaller returns the caller in everything that the work awaits, and nowhere else', async () => {
  const inside = asCaller('operation-1', async () => {
    await nextTick();
    return currentCaller();
  });
  expect(currentCaller()).toBe('');
  await expect(inside).resolves.toBe('operation-1');
});
