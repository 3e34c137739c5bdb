import type { Condition } from '../../../events/service.ts';
import { nextRunSeconds } from '../../../lib/operation/counts.ts';
import { preferred, required } from '../../dependencies.ts';
import type { Described } from '../../property/stateful-service.ts';
import { deleted, failure, LivingWorld, TARGET } from '../../property/stateful-world.ts';

let world: LivingWorld;
afterEach(() => world.expectOthersUntouched());

const service = (name: string, order: Partial<Described> = {}): Described => ({
  name,
  resourceTypes: { resource: 'A' },
  ...order,
});
/** `maker` creates resources in the others. `soft` prefers it first, and `hard` requires it. */
const MAKER = [
  service('maker'),
  service('soft', { dependsOn: [preferred('maker')] }),
  service('hard', { dependsOn: [required('maker')] }),
];

async function begin(
  described: readonly Described[],
  prepare: () => void = () => {},
): Promise<void> {
  world = new LivingWorld(described);
  prepare();
  world.cloud.delete(TARGET);
  await world.engine.commit({ messages: [deleted('project', TARGET)] });
}
const gone = (name: string) => world.left()[`${name}.resource`] === undefined;
/** The order in which the services became empty. */
async function orderOf(): Promise<string[]> {
  const order: string[] = [];
  const names = world.services.map(({ name }) => name as string);
  for (;;) {
    const next = await world.until(() => names.some((name) => !order.includes(name) && gone(name)));
    if (!next) return order;
    order.push(...names.filter((name) => !order.includes(name) && gone(name)));
  }
}

describe('the order of services', () => {
  it('runs a service before those that prefer it first', async () => {
    await begin([
      service('soft', { dependsOn: [preferred('maker')] }),
      service('first', { dependents: [preferred('maker')] }),
      service('maker'),
    ]);
    expect(await orderOf()).toEqual(['first', 'maker', 'soft']);
  });

  it('runs a service that prefers all others first at the end', async () => {
    await begin([
      service('keeper', { dependsOn: [preferred('*')] }),
      service('soft', { dependsOn: [preferred('maker')] }),
      service('maker'),
    ]);
    expect(await orderOf()).toEqual(['maker', 'soft', 'keeper']);
  });
});

describe('a dependency that is blocked', () => {
  it.each([
    ['cannot be listed', () => world.cloud.broken.set('maker', failure('Transient'))],
    ['was refused, and is dead-lettered', () => world.cloud.broken.set('maker', failure('Denied'))],
    [
      'fails repeatedly, and is dead-lettered',
      () => world.cloud.broken.set('maker', failure('Unexpected')),
    ],
    [
      'waits for an operator',
      () =>
        world.cloud.blocks.set('maker', {
          message: 'locked by an administrator',
          actor: 'operator',
        }),
    ],
    [
      'waits for another project',
      () =>
        world.cloud.blocks.set('maker', {
          message: 'used by another project',
          actor: 'other-project',
        }),
    ],
  ])(
    'that %s is overtaken by its preferred dependents, and by no other service',
    async (_, prepare) => {
      await begin(MAKER, prepare);
      expect(await world.until(() => gone('soft'))).toBe(true);
      await world.settle(40);
      expect(world.left()).toEqual({ 'maker.resource': 2, 'hard.resource': 2 });
      expect(world.tasks).toMatchObject({ soft: 'finished', hard: 'pending' });
      expect(world.state).toBe('running');
    },
  );

  it('that waits for an operator, and also lacks an extension, is overtaken as well', async () => {
    const lacks = { name: 'maker', resourceTypes: { resource: 'A', extra: 'A' } } as const;
    await begin([lacks, service('soft', { dependsOn: [preferred('maker')] })], () => {
      world.cloud.blocks.set('maker', { message: 'locked', actor: 'operator' });
      world.cloud.brokenTypes.set('maker.extra', failure('Unsupported', 'maker.extension'));
    });
    expect(await world.until(() => gone('soft'), 200)).toBe(true);
    expect(world.left()).toMatchObject({ 'maker.resource': 2 });
    const lacking = {
      class: 'Unsupported',
      message: 'skipped: no such extension',
      actor: 'none',
      count: 1,
    } as const;
    const locked = { class: 'Blocked', message: 'locked', actor: 'operator', count: 1 } as const;
    const seconds = (conditions: Condition[]) =>
      nextRunSeconds({ progressAt: 0, conditions }, 600_000, 0);
    expect(seconds([locked, lacking])).toBe(seconds([locked]));
    expect(seconds([lacking])).toBe(seconds([]));
  });

  it('that is only slow is not overtaken', async () => {
    await begin(MAKER, () => {
      for (const resource of world.cloud.of(TARGET, 'maker')) resource.lingers = 60;
    });
    await world.until(() => gone('maker'));
    expect(world.engine.time).toBeGreaterThan(1_000_000_000 + 60_000);
    expect(world.left()).toEqual({ 'soft.resource': 2, 'hard.resource': 2 });
    await world.settle();
    expect(world.state).toBe('finished');
  });

  it('that waits for an operator only for a moment is not overtaken', async () => {
    await begin(MAKER, () =>
      world.cloud.blocks.set('maker', { message: 'locked', actor: 'operator' }),
    );
    const began = () => world.engine.tasks.size > 0 && world.task('maker').startedAt !== undefined;
    expect(await world.until(began)).toBe(true);
    const { startedAt = 0 } = world.task('maker');
    await world.until(() => world.engine.time >= startedAt + 20_000);
    expect(world.left()).toMatchObject({ 'soft.resource': 2 });
    world.cloud.blocks.clear();
    await world.settle();
    expect(world.state).toBe('finished');
  });

  it('does not stop the preferred dependents of a service that requires it', async () => {
    await begin(
      [
        ...MAKER,
        service('third', { dependsOn: [preferred('hard')] }),
        service('last', { dependsOn: [preferred('*')] }),
      ],
      () => world.cloud.broken.set('maker', failure('Denied')),
    );
    await world.settle();
    expect(world.left()).toEqual({ 'maker.resource': 2, 'hard.resource': 2 });
    expect(world.tasks).toMatchObject({ hard: 'pending', third: 'finished', last: 'finished' });
  });
});

describe('when a blocked dependency has ended', () => {
  it('a service that overtook it runs again, and removes the resources that the dependency has created', async () => {
    await begin(MAKER, () => world.cloud.broken.set('maker', failure('Transient')));
    expect(await world.until(() => world.tasks.soft === 'finished')).toBe(true);
    const runBefore = world.task('soft').run;
    world.cloud.make('soft.resource', TARGET);
    await world.settle(20);
    expect(world.left()).toMatchObject({ 'soft.resource': 1 });
    world.cloud.broken.clear();
    await world.settle();
    expect(world.left()).toEqual({});
    expect(world.state).toBe('finished');
    expect(world.task('soft')).toMatchObject({
      overtook: [],
      counts: { 'soft.resource': { found: 3, removed: 3, left: 0 } },
    });
    expect(world.task('soft').run).toBeGreaterThan(runBefore);
  });

  it('the dependents of a service that overtook it run again after that service', async () => {
    const dependent = service('dependent', { dependsOn: [required('soft')] });
    await begin([dependent, ...MAKER], () => world.cloud.broken.set('maker', failure('Denied')));
    expect(await world.until(() => world.tasks.dependent === 'finished')).toBe(true);
    world.cloud.make('soft.resource', TARGET, 'target-made', 3);
    world.cloud.make('dependent.resource', TARGET, 'target-made');
    world.cloud.broken.clear();
    await world.engine.redrive({}, { by: 'bob' });
    const order = await orderOf();
    expect(order.indexOf('dependent')).toBeGreaterThan(order.indexOf('soft'));
    expect(world.left()).toEqual({});
    expect(world.state).toBe('finished');
  });

  it('a service that overtook an overtaking service runs again after both', async () => {
    const zero = service('zero');
    await begin(
      [
        zero,
        service('maker', { dependsOn: [preferred('zero')] }),
        service('soft', { dependsOn: [preferred('maker')] }),
      ],
      () => {
        world.cloud.broken.set('zero', failure('Denied'));
        world.cloud.broken.set('maker', failure('Transient'));
      },
    );
    expect(await world.until(() => world.tasks.soft === 'finished')).toBe(true);
    world.cloud.broken.delete('maker');
    expect(await world.until(() => world.tasks.maker === 'finished')).toBe(true);
    await world.settle();
    world.cloud.broken.clear();
    await world.engine.redrive({}, { by: 'bob' });
    // The service in the middle creates a resource during its last run.
    expect(
      await world.until(() => world.tasks.zero === 'finished' && world.tasks.maker === 'requested'),
    ).toBe(true);
    world.cloud.make('soft.resource', TARGET);
    await world.settle();
    expect(world.left()).toEqual({});
    expect(world.state).toBe('finished');
  });

  it('a service that waited does not run again', async () => {
    await begin(MAKER);
    await world.settle();
    expect(world.task('soft').run).toBe(2);
    expect(world.task('hard').run).toBe(2);
  });

  it('a service that has left the catalog meanwhile is retried, and not treated as absent', async () => {
    await begin(MAKER, () => world.cloud.broken.set('maker', failure('Transient')));
    expect(await world.until(() => world.taskOf('soft')?.state === 'requested')).toBe(true);
    world.cloud.lacking.add('soft');
    world.cloud.broken.clear();
    expect(
      await world.until(() => world.task('soft').error?.code === 'soft.endpoint.missing'),
    ).toBe(true);
    expect(world.state).toBe('running');
    expect(world.task('soft').error).toMatchObject({
      class: 'Transient',
      message: expect.stringContaining(
        'the catalog had soft in one when the operation was planned',
      ),
    });
    expect(world.left()).toMatchObject({ 'soft.resource': 2 });
    world.cloud.lacking.clear();
    await world.settle();
    expect(world.left()).toEqual({});
    expect(world.state).toBe('finished');
    expect(world.tasks).toEqual({ maker: 'finished', soft: 'finished', hard: 'finished' });
  });

  it('a service that does not return to the catalog is dead-lettered', async () => {
    await begin(MAKER, () => world.cloud.broken.set('maker', failure('Transient')));
    expect(await world.until(() => world.taskOf('soft')?.state === 'requested')).toBe(true);
    world.cloud.lacking.add('soft');
    world.cloud.broken.clear();
    expect(await world.until(() => world.tasks.soft === 'dead-lettered', 5000)).toBe(true);
    expect(world.state).toBe('running');
    expect(world.left()).toEqual({ 'soft.resource': 2 });
  });
});

describe('the order of the services in phase pre-delete', () => {
  it.each([
    ['prefers', { dependsOn: [preferred('maker')] }, true],
    ['requires', { dependsOn: [required('maker')] }, false],
  ])('a service that %s a service that is down', async (_, order, runs) => {
    world = new LivingWorld([
      service('maker', { preDelete: true }),
      service('other', { preDelete: true, ...order }),
    ]);
    world.cloud.broken.set('maker', failure('Transient'));
    await world.ask();
    await world.settle(60);
    expect(gone('other')).toBe(runs);
    expect(world.state).toBe('pre-delete');
    world.cloud.broken.clear();
    await world.settle();
    expect(world.state).toBe('finished');
  });
});

describe('a service that overtook a blocked dependency, and whose dead letter was discarded', () => {
  it('does not run again', async () => {
    await begin(MAKER, () => world.cloud.broken.set('maker', failure('Transient')));
    expect(await world.until(() => world.tasks.soft === 'requested')).toBe(true);
    world.cloud.broken.set('soft', failure('Denied'));
    expect(await world.until(() => world.tasks.soft === 'dead-lettered')).toBe(true);
    expect(world.task('soft').overtook).toHaveLength(1);
    await world.engine.discard({ service: 'soft' }, { by: 'bob', reason: 'retired' });
    world.cloud.broken.clear();
    await world.settle();
    expect(world.tasks).toMatchObject({ maker: 'finished', soft: 'unreachable' });
    expect(world.task('soft')).toMatchObject({
      overtook: [],
      because: 'discarded by bob: retired',
    });
    expect(world.state).toBe('unverified');
  });
});
