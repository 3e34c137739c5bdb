import { Counts } from '../../../events/service.ts';
import { mergeCounts, newRecords } from '../../../lib/operation/counts.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { IdFilter } from '../../../lib/task/id-filter.ts';
import { defineService, defineType, type Removal } from '../../../lib/task/service.ts';
import { preferred } from '../../dependencies.ts';
import { deleted, LivingWorld, TARGET } from '../../property/stateful-world.ts';

interface Row {
  readonly id: string;
  readonly owner: string;
}

/**
 * A world whose service `stubborn` answers each removal with `answer`, and lists with `list`.
 * `network` has a preferred dependency on it.
 */
async function worldWith(
  list: (removals: number) => readonly string[],
  answer: (id: string, removals: number) => Removal,
) {
  const world = new LivingWorld([
    { name: 'stubborn', resourceTypes: { quota: 'A' } },
    { name: 'network', resourceTypes: { port: 'A' }, dependsOn: [preferred('stubborn')] },
  ]);
  const removed: string[] = [];
  world.services[0] = defineService({
    name: 'stubborn',
    catalogTypes: ['stubborn'],
    resourceTypes: [
      defineType<Row>({
        name: 'quota',
        list: async ({ project }) =>
          project === TARGET ? list(removed.length).map((id) => ({ id, owner: TARGET })) : [],
        id: ({ id }) => id,
        owner: ({ owner }) => owner,
        remove: async ({ id }) => {
          removed.push(id);
          return answer(id, removed.length);
        },
      }),
    ],
  });
  world.cloud.resources = world.cloud.resources.filter(
    ({ resourceType }) => !resourceType.startsWith('stubborn.'),
  );
  world.cloud.delete(TARGET);
  await world.engine.commit({ messages: [deleted('project', TARGET)] });
  return { world, removed };
}

/** The name of a type, as a key of counts. */
const counted = (listed: number, gone: number): Counts =>
  Counts.parse({ 'shelf.book': { listed, gone, left: listed - gone } });
const T = 'shelf.book';

describe('a resource that the service reports as removed, and lists again', () => {
  it('is no progress: it is reported, retried with growing delays, overtaken, and dead-lettered', async () => {
    const { world, removed } = await worldWith(
      () => ['limits'],
      () => ({ kind: 'gone' }),
    );
    const begun = await world.until(() => removed.length > 0);
    expect(begun).toBe(true);
    await world.until(() => world.task('stubborn').conditions.length > 0);
    const { progressAt } = world.task('stubborn');
    expect(world.task('stubborn').conditions).toMatchObject([
      { resourceType: 'stubborn.quota', message: expect.stringContaining('lists it again') },
    ]);
    expect(world.task('stubborn').error).toBeUndefined();
    // Another service does not wait for the stall timeout.
    await world.until(() => world.task('network').state === 'finished');
    expect(world.engine.time - progressAt).toBeLessThan(120_000);
    expect(world.task('stubborn').error).toMatchObject({ code: 'stubborn.quota.returned' });
    await world.until(() => world.taskOf('stubborn')?.state === 'dead-lettered');
    const task = world.task('stubborn');
    expect(task).toMatchObject({
      state: 'dead-lettered',
      progressAt,
      counts: { 'stubborn.quota': { found: 1, left: 1, removed: 0 } },
      error: { code: 'stubborn.quota.returned' },
    });
    expect(world.engine.time - progressAt).toBeGreaterThanOrEqual(world.limits.stallTimeoutMillis);
    // One removal per run, and about one run per minute at the end.
    expect(removed.length).toBeLessThan(100);
    expect(world.left()).toEqual({});
  });

  it('is no error if the listing was outdated only for a moment', async () => {
    const { world, removed } = await worldWith(
      (removals) => (removals < 2 ? ['limits'] : []),
      () => ({ kind: 'gone' }),
    );
    await world.until(() => world.state === 'finished');
    expect(world.task('stubborn')).toMatchObject({
      state: 'finished',
      error: undefined,
      counts: { 'stubborn.quota': { found: 1, left: 0, removed: 1 } },
    });
    expect(removed).toEqual(['limits', 'limits']);
    expect(world.engine.deadLetterList).toEqual([]);
  });

  it('is counted once, even if it was removed several times', async () => {
    // Four resources exist. The service reports each as removed three times too early.
    const { world } = await worldWith(
      (removals) => (removals < 12 ? ['a', 'b', 'c', 'd'] : []),
      () => ({ kind: 'gone' }),
    );
    await world.until(() => world.state === 'finished');
    expect(world.task('stubborn').counts).toEqual({
      'stubborn.quota': { found: 4, removed: 4, left: 0 },
    });
  });

  it('is no progress if it returns after each run', () => {
    let counts = mergeCounts({}, counted(1, 1), {}, { [T]: 1 });
    let most = newRecords({}, counts);
    expect(most).toEqual({ [T]: 1 });
    for (let run = 0; run < 5; run += 1) {
      counts = mergeCounts(counts, counted(1, 0), { [T]: 1 });
      expect(newRecords(most, counts)).toEqual({});
      counts = mergeCounts(counts, counted(1, 1), { [T]: 1 });
      expect(newRecords(most, counts)).toEqual({});
      most = { ...most, ...newRecords(most, counts) };
      expect(counts).toEqual({ [T]: { found: 1, removed: 1, left: 0 } });
    }
    // A new resource is progress.
    counts = mergeCounts(counts, counted(1, 1), { [T]: 1 }, { [T]: 1 });
    expect(newRecords(most, counts)).toEqual({ [T]: 2 });
  });
});

describe('a run that removed something and then failed', () => {
  it.each(['Unexpected', 'Denied'] as const)(
    'with %s is progress, so the task is not dead-lettered',
    async (errorClass) => {
      const ids = Array.from({ length: 40 }, (_, n) => `o${n}`);
      const gone = new Set<string>();
      // One resource of each listing is removed, and the next one is refused.
      const { world } = await worldWith(
        () => ids.filter((id) => !gone.has(id)),
        (id, removals) => {
          if (removals % 2 === 0 && gone.size < 39)
            throw new PropagatorError({
              code: 'stubborn.http.420',
              class: errorClass,
              message: 'not now',
              advice: 'See to it.',
            });
          gone.add(id);
          return { kind: 'gone' };
        },
      );
      await world.until(() => world.state === 'finished', 4000);
      expect(world.task('stubborn')).toMatchObject({
        state: 'finished',
        counts: { 'stubborn.quota': { found: 40, removed: 40, left: 0 } },
      });
      expect([...world.engine.tasks.values()].map(({ state }) => state)).not.toContain(
        'dead-lettered',
      );
    },
  );

  it('is dead-lettered after its attempts if no resource was removed', async () => {
    const { world } = await worldWith(
      () => ['limits'],
      () => {
        throw new PropagatorError({
          code: 'stubborn.http.420',
          class: 'Unexpected',
          message: 'not now',
          advice: 'See to it.',
        });
      },
    );
    await world.until(() => world.taskOf('stubborn')?.state === 'dead-lettered');
    expect(world.task('stubborn')).toMatchObject({ state: 'dead-lettered', attempts: 5 });
  });
});

describe('a service that asks for a delay', () => {
  const maintenance = (retryAfterSeconds: number) =>
    new PropagatorError({
      code: 'stubborn.http.503',
      class: 'Transient',
      message: 'maintenance',
      advice: 'Wait.',
      retryAfterSeconds,
    });

  it('of one hour gets it twice, and is not dead-lettered after the stall timeout', async () => {
    let calls = 0;
    const { world } = await worldWith(
      (removals) => (removals > 0 ? [] : ['limits']),
      () => ({ kind: 'gone' }),
    );
    await world.until(() => world.taskOf('stubborn')?.state === 'requested');
    const startedAt = world.engine.time;
    const [service] = world.services;
    const [type] = service?.resourceTypes ?? [];
    if (!service || !type) throw new Error('no service');
    world.services[0] = {
      ...service,
      resourceTypes: [
        {
          ...type,
          list: (context) => {
            calls += 1;
            return calls <= 2 ? Promise.reject(maintenance(3600)) : type.list(context);
          },
        },
      ],
    };
    await world.until(() => world.state === 'finished');
    expect(world.task('stubborn').state).toBe('finished');
    expect(calls).toBeLessThanOrEqual(5);
    expect(world.engine.time - startedAt).toBeGreaterThanOrEqual(7_200_000);
  });

  it('of 31 years is called again after the longest delay of the settings', async () => {
    const { world } = await worldWith(
      () => {
        throw maintenance(999_999_999);
      },
      () => ({ kind: 'gone' }),
    );
    await world.until(() => world.taskOf('stubborn')?.error !== undefined);
    const { nextAt } = world.task('stubborn');
    expect((nextAt ?? 0) - world.engine.time).toBeLessThanOrEqual(world.limits.maxWaitMillis);
    expect((nextAt ?? 0) - world.engine.time).toBeGreaterThan(0);
  });
});

describe('the filter of ids', () => {
  it('contains every id that was added, and few others', () => {
    const filter = IdFilter.from(undefined);
    const ids = Array.from({ length: 500 }, (_, n) => `nova.server ${n}-${n * 7919}`);
    for (const id of ids) filter.add(id);
    const again = IdFilter.from(filter.toString());
    expect(ids.every((id) => again.has(id))).toBe(true);
    const others = Array.from({ length: 5000 }, (_, n) => `nova.server other-${n}`);
    expect(others.filter((id) => again.has(id)).length).toBeLessThan(50);
    expect(filter.toString()).toHaveLength(1368);
    expect(IdFilter.from('garbage').has('x')).toBe(false);
  });
});
