import type { Condition } from '../../../events/service.ts';
import { nextRunDelaySeconds } from '../../../lib/operation/counts.ts';
import { preferred, required } from '../../dependencies.ts';
import type { Described } from '../../property/stateful-service.ts';
import {
  deleted,
  failure,
  StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';

let simulation: StatefulSimulation;
afterEach(() => simulation.expectOthersUntouched());

const service = (name: string, order: Partial<Described> = {}): Described => ({
  name,
  resourceTypes: { resource: 'A' },
  ...order,
});
/**
 * `maker` creates resources in the others. `soft` has a preferred dependency on `maker`, and `hard`
 * a required one.
 */
const MAKER = [
  service('maker'),
  service('soft', { dependsOn: [preferred('maker')] }),
  service('hard', { dependsOn: [required('maker')] }),
];

async function startCleanup(
  described: readonly Described[],
  prepare: () => void = () => {},
): Promise<void> {
  simulation = new StatefulSimulation(described);
  prepare();
  simulation.cloud.delete(TARGET);
  await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
}
const isRemoved = (name: string) => simulation.left()[`${name}.resource`] === undefined;
/** The order in which the services became empty. */
async function orderOfRemovals(): Promise<string[]> {
  const order: string[] = [];
  const names = simulation.services.map(({ name }) => name as string);
  for (;;) {
    const next = await simulation.until(() =>
      names.some((name) => !order.includes(name) && isRemoved(name)),
    );
    if (!next) return order;
    order.push(...names.filter((name) => !order.includes(name) && isRemoved(name)));
  }
}

describe('the order of services', () => {
  it('runs a service before the services with a preferred dependency on it', async () => {
    await startCleanup([
      service('soft', { dependsOn: [preferred('maker')] }),
      service('first', { dependents: [preferred('maker')] }),
      service('maker'),
    ]);
    expect(await orderOfRemovals()).toEqual(['first', 'maker', 'soft']);
  });

  it('runs a service with a preferred dependency on all others last', async () => {
    await startCleanup([
      service('keeper', { dependsOn: [preferred('*')] }),
      service('soft', { dependsOn: [preferred('maker')] }),
      service('maker'),
    ]);
    expect(await orderOfRemovals()).toEqual(['maker', 'soft', 'keeper']);
  });
});

describe('a dependency that is blocked', () => {
  it.each([
    ['cannot be listed', () => simulation.cloud.broken.set('maker', failure('Transient'))],
    [
      'was refused, and is dead-lettered',
      () => simulation.cloud.broken.set('maker', failure('Denied')),
    ],
    [
      'fails repeatedly, and is dead-lettered',
      () => simulation.cloud.broken.set('maker', failure('Unexpected')),
    ],
    [
      'waits for an operator',
      () =>
        simulation.cloud.blocks.set('maker', {
          message: 'locked by an administrator',
          actor: 'operator',
        }),
    ],
    [
      'waits for another project',
      () =>
        simulation.cloud.blocks.set('maker', {
          message: 'used by another project',
          actor: 'other-project',
        }),
    ],
  ])(
    'is overtaken by its preferred dependents, and by no other service, if it %s',
    async (_, prepare) => {
      await startCleanup(MAKER, prepare);
      expect(await simulation.until(() => isRemoved('soft'))).toBe(true);
      await simulation.settle(40);
      expect(simulation.left()).toEqual({ 'maker.resource': 2, 'hard.resource': 2 });
      expect(simulation.tasks).toMatchObject({ soft: 'finished', hard: 'pending' });
      expect(simulation.state).toBe('running');
    },
  );

  it('is overtaken as well if it waits for an operator and also lacks an extension', async () => {
    const lacks = { name: 'maker', resourceTypes: { resource: 'A', extra: 'A' } } as const;
    await startCleanup([lacks, service('soft', { dependsOn: [preferred('maker')] })], () => {
      simulation.cloud.blocks.set('maker', { message: 'locked', actor: 'operator' });
      simulation.cloud.brokenTypes.set('maker.extra', failure('Unsupported', 'maker.extension'));
    });
    expect(await simulation.until(() => isRemoved('soft'), 200)).toBe(true);
    expect(simulation.left()).toMatchObject({ 'maker.resource': 2 });
    const lacking = {
      class: 'Unsupported',
      message: 'skipped: no such extension',
      actor: 'none',
      count: 1,
    } as const;
    const locked = { class: 'Blocked', message: 'locked', actor: 'operator', count: 1 } as const;
    const seconds = (conditions: Condition[]) =>
      nextRunDelaySeconds({ progressAt: 0, conditions }, 600_000, 0);
    expect(seconds([locked, lacking])).toBe(seconds([locked]));
    expect(seconds([lacking])).toBe(seconds([]));
  });

  it('is not overtaken if it is only slow', async () => {
    await startCleanup(MAKER, () => {
      for (const resource of simulation.cloud.of(TARGET, 'maker')) resource.lingers = 60;
    });
    await simulation.until(() => isRemoved('maker'));
    expect(simulation.engine.time).toBeGreaterThan(1_000_000_000 + 60_000);
    expect(simulation.left()).toEqual({ 'soft.resource': 2, 'hard.resource': 2 });
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });

  it('is not overtaken if it waits for an operator only for a moment', async () => {
    await startCleanup(MAKER, () =>
      simulation.cloud.blocks.set('maker', { message: 'locked', actor: 'operator' }),
    );
    const began = () =>
      simulation.engine.tasks.size > 0 && simulation.task('maker').startedAt !== undefined;
    expect(await simulation.until(began)).toBe(true);
    const { startedAt = 0 } = simulation.task('maker');
    await simulation.until(() => simulation.engine.time >= startedAt + 20_000);
    expect(simulation.left()).toMatchObject({ 'soft.resource': 2 });
    simulation.cloud.blocks.clear();
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });

  it('does not block a service whose preferred dependency requires it', async () => {
    await startCleanup(
      [
        ...MAKER,
        service('third', { dependsOn: [preferred('hard')] }),
        service('last', { dependsOn: [preferred('*')] }),
      ],
      () => simulation.cloud.broken.set('maker', failure('Denied')),
    );
    await simulation.settle();
    expect(simulation.left()).toEqual({ 'maker.resource': 2, 'hard.resource': 2 });
    expect(simulation.tasks).toMatchObject({
      hard: 'pending',
      third: 'finished',
      last: 'finished',
    });
  });
});

describe('a preferred dependency that was counted empty', () => {
  const empty = (name: string): void => {
    simulation.cloud.resources = simulation.cloud.resources.filter(
      ({ owner, resourceType }) => owner !== TARGET || !resourceType.startsWith(`${name}.`),
    );
  };
  const slow = (name: string): void => {
    for (const resource of simulation.cloud.of(TARGET, name)) resource.lingers = 5;
  };
  const started = (name: string): boolean => simulation.taskOf(name)?.startedAt !== undefined;

  it('runs at the same time as a dependent with resources, which needs no further run', async () => {
    const runsOf = async (services: readonly Described[], prepare: () => void) => {
      await startCleanup(services, prepare);
      await simulation.settle();
      expect(simulation.state).toBe('finished');
      expect(simulation.left()).toEqual({});
      return simulation.task('soft').run;
    };
    const alone = await runsOf([service('soft')], () => slow('soft'));
    const prepare = (): void => {
      empty('maker');
      slow('soft');
    };
    await startCleanup(MAKER, prepare);
    expect(await simulation.until(() => started('soft'))).toBe(true);
    expect(simulation.task('maker').endedAt).toBeUndefined();
    expect(simulation.task('soft').overtook).toEqual([simulation.task('maker').id]);
    expect(simulation.tasks.hard).toBe('pending');
    expect(await runsOf(MAKER, prepare)).toBe(alone);
  });

  it('does not run before a dependency of its own that has resources', async () => {
    await startCleanup(
      [
        service('zero'),
        service('maker', { dependsOn: [preferred('zero')] }),
        service('soft', { dependsOn: [preferred('maker')] }),
      ],
      () => {
        empty('maker');
        slow('zero');
      },
    );
    expect(await simulation.until(() => started('soft'))).toBe(true);
    expect(isRemoved('zero')).toBe(true);
  });

  it('makes a dependent that ended before it run again', async () => {
    await startCleanup(MAKER, () => empty('maker'));
    expect(await simulation.until(() => started('soft'))).toBe(true);
    simulation.cloud.broken.set('maker', failure('Transient'));
    expect(await simulation.until(() => simulation.tasks.soft === 'finished')).toBe(true);
    expect(simulation.task('maker').endedAt).toBeUndefined();
    simulation.cloud.make('soft.resource', TARGET);
    simulation.cloud.broken.clear();
    await simulation.settle();
    expect(simulation.left()).toEqual({});
    expect(simulation.state).toBe('finished');
  });

  it('makes a dependent run once more when the dependency itself is run again', async () => {
    await startCleanup(
      [
        service('zero'),
        service('maker', { dependsOn: [preferred('zero')] }),
        service('soft', { dependsOn: [preferred('maker')] }),
      ],
      () => {
        empty('zero');
        empty('maker');
        slow('soft');
      },
    );
    expect(await simulation.until(() => started('soft'))).toBe(true);
    simulation.cloud.broken.set('zero', failure('Transient'));
    expect(await simulation.until(() => simulation.tasks.maker === 'finished')).toBe(true);
    expect(await simulation.until(() => simulation.tasks.soft === 'finished')).toBe(true);
    expect(simulation.task('zero').endedAt).toBeUndefined();
    simulation.cloud.broken.clear();
    // The service in the middle creates a resource during its last run.
    expect(
      await simulation.until(
        () => simulation.tasks.zero === 'finished' && simulation.tasks.maker === 'requested',
      ),
    ).toBe(true);
    simulation.cloud.make('soft.resource', TARGET);
    await simulation.settle();
    expect(simulation.left()).toEqual({});
    expect(simulation.state).toBe('finished');
  });
});

describe('the end of a blocked dependency', () => {
  it('makes a service that overtook it run again, and that service removes the new resources', async () => {
    await startCleanup(MAKER, () => simulation.cloud.broken.set('maker', failure('Transient')));
    expect(await simulation.until(() => simulation.tasks.soft === 'finished')).toBe(true);
    const runBefore = simulation.task('soft').run;
    simulation.cloud.make('soft.resource', TARGET);
    await simulation.settle(20);
    expect(simulation.left()).toMatchObject({ 'soft.resource': 1 });
    simulation.cloud.broken.clear();
    await simulation.settle();
    expect(simulation.left()).toEqual({});
    expect(simulation.state).toBe('finished');
    expect(simulation.task('soft')).toMatchObject({
      overtook: [],
      counts: { 'soft.resource': { found: 3, removed: 3, left: 0 } },
    });
    expect(simulation.task('soft').run).toBeGreaterThan(runBefore);
  });

  it('reruns the dependents of an overtaking service, after that service', async () => {
    const dependent = service('dependent', { dependsOn: [required('soft')] });
    await startCleanup([dependent, ...MAKER], () =>
      simulation.cloud.broken.set('maker', failure('Denied')),
    );
    expect(await simulation.until(() => simulation.tasks.dependent === 'finished')).toBe(true);
    simulation.cloud.make('soft.resource', TARGET, 'target-made', 3);
    simulation.cloud.make('dependent.resource', TARGET, 'target-made');
    simulation.cloud.broken.clear();
    await simulation.engine.redrive({}, { by: 'bob' });
    const order = await orderOfRemovals();
    expect(order.indexOf('dependent')).toBeGreaterThan(order.indexOf('soft'));
    expect(simulation.left()).toEqual({});
    expect(simulation.state).toBe('finished');
  });

  it('reruns maker and then soft, if maker overtook zero and soft overtook maker', async () => {
    const zero = service('zero');
    await startCleanup(
      [
        zero,
        service('maker', { dependsOn: [preferred('zero')] }),
        service('soft', { dependsOn: [preferred('maker')] }),
      ],
      () => {
        simulation.cloud.broken.set('zero', failure('Denied'));
        simulation.cloud.broken.set('maker', failure('Transient'));
      },
    );
    expect(await simulation.until(() => simulation.tasks.soft === 'finished')).toBe(true);
    simulation.cloud.broken.delete('maker');
    expect(await simulation.until(() => simulation.tasks.maker === 'finished')).toBe(true);
    await simulation.settle();
    simulation.cloud.broken.clear();
    await simulation.engine.redrive({}, { by: 'bob' });
    // The service in the middle creates a resource during its last run.
    expect(
      await simulation.until(
        () => simulation.tasks.zero === 'finished' && simulation.tasks.maker === 'requested',
      ),
    ).toBe(true);
    simulation.cloud.make('soft.resource', TARGET);
    await simulation.settle();
    expect(simulation.left()).toEqual({});
    expect(simulation.state).toBe('finished');
  });

  it('does not rerun a service that had waited', async () => {
    await startCleanup(MAKER);
    await simulation.settle();
    expect(simulation.task('soft').run).toBe(2);
    expect(simulation.task('hard').run).toBe(2);
  });

  it('a service that left the catalog during the operation is retried, and not treated as absent', async () => {
    await startCleanup(MAKER, () => simulation.cloud.broken.set('maker', failure('Transient')));
    expect(await simulation.until(() => simulation.taskOf('soft')?.state === 'requested')).toBe(
      true,
    );
    simulation.cloud.lacking.add('soft');
    simulation.cloud.broken.clear();
    expect(
      await simulation.until(() => simulation.task('soft').error?.code === 'soft.endpoint.missing'),
    ).toBe(true);
    expect(simulation.state).toBe('running');
    expect(simulation.task('soft').error).toMatchObject({
      class: 'Transient',
      message: expect.stringContaining(
        'the catalog contained soft in one when the operation was planned',
      ),
    });
    expect(simulation.left()).toMatchObject({ 'soft.resource': 2 });
    simulation.cloud.lacking.clear();
    await simulation.settle();
    expect(simulation.left()).toEqual({});
    expect(simulation.state).toBe('finished');
    expect(simulation.tasks).toEqual({ maker: 'finished', soft: 'finished', hard: 'finished' });
  });

  it('a service that does not return to the catalog is dead-lettered', async () => {
    await startCleanup(MAKER, () => simulation.cloud.broken.set('maker', failure('Transient')));
    expect(await simulation.until(() => simulation.taskOf('soft')?.state === 'requested')).toBe(
      true,
    );
    simulation.cloud.lacking.add('soft');
    simulation.cloud.broken.clear();
    expect(await simulation.until(() => simulation.tasks.soft === 'dead-lettered', 5000)).toBe(
      true,
    );
    expect(simulation.state).toBe('running');
    expect(simulation.left()).toEqual({ 'soft.resource': 2 });
  });
});

describe('the order of the services in phase pre-delete', () => {
  it.each([
    ['runs a service that prefers', { dependsOn: [preferred('maker')] }, true],
    ['does not run a service that requires', { dependsOn: [required('maker')] }, false],
  ])('%s a failing service', async (_, order, runs) => {
    simulation = new StatefulSimulation([
      service('maker', { preDelete: true }),
      service('other', { preDelete: true, ...order }),
    ]);
    simulation.cloud.broken.set('maker', failure('Transient'));
    await simulation.ask();
    await simulation.settle(60);
    expect(isRemoved('other')).toBe(runs);
    expect(simulation.state).toBe('pre-delete');
    simulation.cloud.broken.clear();
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });
});

describe('a service that overtook a blocked dependency, and whose dead letter was discarded', () => {
  it('does not run again', async () => {
    await startCleanup(MAKER, () => simulation.cloud.broken.set('maker', failure('Transient')));
    expect(await simulation.until(() => simulation.tasks.soft === 'requested')).toBe(true);
    simulation.cloud.broken.set('soft', failure('Denied'));
    expect(await simulation.until(() => simulation.tasks.soft === 'dead-lettered')).toBe(true);
    expect(simulation.task('soft').overtook).toHaveLength(1);
    await simulation.engine.discard({ service: 'soft' }, { by: 'bob', reason: 'retired' });
    simulation.cloud.broken.clear();
    await simulation.settle();
    expect(simulation.tasks).toMatchObject({ maker: 'finished', soft: 'unreachable' });
    expect(simulation.task('soft')).toMatchObject({
      overtook: [],
      because: 'discarded by bob: retired',
    });
    expect(simulation.state).toBe('unverified');
  });
});
