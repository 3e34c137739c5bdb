import { Counts } from '../../../events/service.ts';
import { mergeCounts, newRemovalMaxima } from '../../../lib/operation/counts.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { IdFilter } from '../../../lib/task/id-filter.ts';
import { defineService, defineType, type Removal } from '../../../lib/task/service.ts';
import { preferred } from '../../dependencies.ts';
import { deleted, StatefulSimulation, TARGET } from '../../property/stateful-simulation.ts';

interface Row {
  readonly id: string;
  readonly owner: string;
}

/**
 * A simulation whose service `stubborn` answers each removal with `answer`, and lists with `list`.
 * `network` has a preferred dependency on it.
 */
async function simulationWith(
  list: (removals: number) => readonly string[],
  answer: (id: string, removals: number) => Removal,
) {
  const simulation = new StatefulSimulation([
    { name: 'stubborn', resourceTypes: { quota: 'A' } },
    { name: 'network', resourceTypes: { port: 'A' }, dependsOn: [preferred('stubborn')] },
  ]);
  const removed: string[] = [];
  simulation.services[0] = defineService({
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
  simulation.cloud.resources = simulation.cloud.resources.filter(
    ({ resourceType }) => !resourceType.startsWith('stubborn.'),
  );
  simulation.cloud.delete(TARGET);
  await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
  return { simulation, removed };
}

/** The name of a type, as a key of counts. */
const snapshotCounts = (listed: number, gone: number): Counts =>
  Counts.parse({ 'storage.snapshot': { listed, gone, left: listed - gone } });
const SNAPSHOT = 'storage.snapshot';

describe('a resource that the service reports as removed, and lists again', () => {
  it('is no progress: it is reported, retried with growing delays, overtaken, and dead-lettered', async () => {
    const { simulation, removed } = await simulationWith(
      () => ['limits'],
      () => ({ kind: 'gone' }),
    );
    const begun = await simulation.until(() => removed.length > 0);
    expect(begun).toBe(true);
    await simulation.until(() => simulation.task('stubborn').conditions.length > 0);
    const { progressAt } = simulation.task('stubborn');
    expect(simulation.task('stubborn').conditions).toMatchObject([
      { resourceType: 'stubborn.quota', message: expect.stringContaining('lists it again') },
    ]);
    expect(simulation.task('stubborn').error).toBeUndefined();
    // Another service does not wait for the stall timeout.
    await simulation.until(() => simulation.task('network').state === 'finished');
    expect(simulation.engine.time - progressAt).toBeLessThan(120_000);
    expect(simulation.task('stubborn').error).toMatchObject({ code: 'stubborn.quota.returned' });
    await simulation.until(() => simulation.taskOf('stubborn')?.state === 'dead-lettered');
    const task = simulation.task('stubborn');
    expect(task).toMatchObject({
      state: 'dead-lettered',
      progressAt,
      counts: { 'stubborn.quota': { found: 1, left: 1, removed: 0 } },
      error: { code: 'stubborn.quota.returned' },
    });
    expect(simulation.engine.time - progressAt).toBeGreaterThanOrEqual(
      simulation.limits.stallTimeoutMillis,
    );
    // One removal per run, and about one run per minute at the end.
    expect(removed.length).toBeLessThan(100);
    expect(simulation.left()).toEqual({});
  });

  it('is no error if the listing was outdated only for a moment', async () => {
    const { simulation, removed } = await simulationWith(
      (removals) => (removals < 2 ? ['limits'] : []),
      () => ({ kind: 'gone' }),
    );
    await simulation.until(() => simulation.state === 'finished');
    expect(simulation.task('stubborn')).toMatchObject({
      state: 'finished',
      error: undefined,
      counts: { 'stubborn.quota': { found: 1, left: 0, removed: 1 } },
    });
    expect(removed).toEqual(['limits', 'limits']);
    expect(simulation.engine.deadLetterList).toEqual([]);
  });

  it('is counted once, even if it was removed several times', async () => {
    // Four resources exist. The service reports each as removed three times too early.
    const { simulation } = await simulationWith(
      (removals) => (removals < 12 ? ['a', 'b', 'c', 'd'] : []),
      () => ({ kind: 'gone' }),
    );
    await simulation.until(() => simulation.state === 'finished');
    expect(simulation.task('stubborn').counts).toEqual({
      'stubborn.quota': { found: 4, removed: 4, left: 0 },
    });
  });

  it('is no progress if it returns after each run', () => {
    let counts = mergeCounts({}, snapshotCounts(1, 1), {}, { [SNAPSHOT]: 1 });
    let most = newRemovalMaxima({}, counts);
    expect(most).toEqual({ [SNAPSHOT]: 1 });
    for (let run = 0; run < 5; run += 1) {
      counts = mergeCounts(counts, snapshotCounts(1, 0), { [SNAPSHOT]: 1 });
      expect(newRemovalMaxima(most, counts)).toEqual({});
      counts = mergeCounts(counts, snapshotCounts(1, 1), { [SNAPSHOT]: 1 });
      expect(newRemovalMaxima(most, counts)).toEqual({});
      most = { ...most, ...newRemovalMaxima(most, counts) };
      expect(counts).toEqual({ [SNAPSHOT]: { found: 1, removed: 1, left: 0 } });
    }
    // A new resource is progress.
    counts = mergeCounts(counts, snapshotCounts(1, 1), { [SNAPSHOT]: 1 }, { [SNAPSHOT]: 1 });
    expect(newRemovalMaxima(most, counts)).toEqual({ [SNAPSHOT]: 2 });
  });
});

describe('a run that removed something and then failed', () => {
  it.each(['Unexpected', 'Denied'] as const)(
    'counts as progress if it failed with %s, so the task is not dead-lettered',
    async (errorClass) => {
      const ids = Array.from({ length: 40 }, (_, n) => `o${n}`);
      const gone = new Set<string>();
      // One resource of each listing is removed, and the next one is refused.
      const { simulation } = await simulationWith(
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
      await simulation.until(() => simulation.state === 'finished', 4000);
      expect(simulation.task('stubborn')).toMatchObject({
        state: 'finished',
        counts: { 'stubborn.quota': { found: 40, removed: 40, left: 0 } },
      });
      expect([...simulation.engine.tasks.values()].map(({ state }) => state)).not.toContain(
        'dead-lettered',
      );
    },
  );

  it('is dead-lettered after the maximum number of attempts if no resource was removed', async () => {
    const { simulation } = await simulationWith(
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
    await simulation.until(() => simulation.taskOf('stubborn')?.state === 'dead-lettered');
    expect(simulation.task('stubborn')).toMatchObject({ state: 'dead-lettered', attempts: 5 });
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

  it('gets a delay of one hour twice, and is not dead-lettered after the stall timeout', async () => {
    let calls = 0;
    const { simulation } = await simulationWith(
      (removals) => (removals > 0 ? [] : ['limits']),
      () => ({ kind: 'gone' }),
    );
    await simulation.until(() => simulation.taskOf('stubborn')?.state === 'requested');
    const startedAt = simulation.engine.time;
    const [service] = simulation.services;
    const [type] = service?.resourceTypes ?? [];
    if (!service || !type) throw new Error('no service');
    simulation.services[0] = {
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
    await simulation.until(() => simulation.state === 'finished');
    expect(simulation.task('stubborn').state).toBe('finished');
    expect(calls).toBeLessThanOrEqual(5);
    expect(simulation.engine.time - startedAt).toBeGreaterThanOrEqual(7_200_000);
  });

  it('is called again after the longest delay of the settings if it asks for 31 years', async () => {
    const { simulation } = await simulationWith(
      () => {
        throw maintenance(999_999_999);
      },
      () => ({ kind: 'gone' }),
    );
    await simulation.until(() => simulation.taskOf('stubborn')?.error !== undefined);
    const { nextAt } = simulation.task('stubborn');
    expect((nextAt ?? 0) - simulation.engine.time).toBeLessThanOrEqual(
      simulation.limits.maxWaitMillis,
    );
    expect((nextAt ?? 0) - simulation.engine.time).toBeGreaterThan(0);
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
    expect(filter.toString()).toHaveLength(2048);
    expect(IdFilter.from('garbage').has('x')).toBe(false);
  });
});
