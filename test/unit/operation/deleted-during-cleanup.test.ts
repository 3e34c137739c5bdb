import { emptyBeforeDeletion } from '../../../lib/operation/verification.ts';
import {
  deleted,
  EVERY_CLASS,
  failure,
  LivingWorld,
  TARGET,
} from '../../property/stateful-world.ts';

let world: LivingWorld;
beforeEach(() => {
  world = new LivingWorld(EVERY_CLASS);
});
afterEach(() => {
  world.expectOthersUntouched();
  expect([...world.cloud.roles]).toEqual([]);
});
const advices = (service: string) => world.task(service).conditions.map(({ advice }) => advice);

describe('a project that another actor deletes in Keystone during its cleanup', () => {
  it.each([
    ['before the first confirmation', () => world.state === 'confirming'],
    ['during phase plan', () => world.engine.tasks.size > 0],
    ['before the role is assigned', () => world.state === 'pre-delete'],
    ['after the role is assigned', () => world.cloud.roles.size > 0],
  ])(
    '%s: reachable resources are removed, and unreachable ones are reported',
    async (_, moment) => {
      await world.ask();
      expect(await world.until(moment)).toBe(true);
      world.cloud.delete(TARGET);
      await world.settle();
      expect(world.state).toBe('unverified');
      expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
      expect(world.tasks).toEqual({
        compute: 'finished',
        network: 'finished',
        vault: 'unreachable',
        booking: 'unreachable',
      });
      expect(advices('vault')).toEqual(['Remove the secrets by hand.']);
      expect(advices('booking')).toEqual(['Remove the leases by hand.']);
      expect(world.engine.deadLetterList).toEqual([]);
    },
  );

  it.each([
    [
      'when all types that need the living project were verified empty',
      () => world.operation.keystoneAction?.what === 'disable',
    ],
    ['after the project was disabled', () => world.state === 'running'],
    [
      'when half of the remaining resources are removed',
      () => world.left()['compute.server'] === undefined,
    ],
    ['right before the propagator deletes it', () => world.state === 'closing'],
  ])('%s: the operation ends as finished', async (_, moment) => {
    await world.ask();
    expect(await world.until(moment)).toBe(true);
    world.cloud.delete(TARGET);
    await world.settle();
    expect(world.state).toBe('finished');
    expect(world.left()).toEqual({});
  });

  it('between two calls of a pre-delete run: the run is neither refused nor dead-lettered', async () => {
    world = new LivingWorld(EVERY_CLASS.slice(0, 3));
    let removals = 0;
    world.cloud.beforeRemoval = () => {
      removals += 1;
      if (removals === 2) world.cloud.delete(TARGET);
    };
    await world.ask();
    await world.settle();
    expect(removals).toBeGreaterThan(2);
    expect(world.state).toBe('unverified');
    expect(world.task('vault').state).toBe('unreachable');
    expect(emptyBeforeDeletion(world.task('vault').verifications)).toEqual([]);
    expect(world.engine.deadLetterList).toEqual([]);
  });

  it('while a type was not listed again after its removals: the type is unreachable, not empty', async () => {
    world = new LivingWorld([
      ...EVERY_CLASS.slice(0, 2),
      { name: 'vault', resourceTypes: { secret: 'C', order: 'C' } },
    ]);
    for (const resource of world.cloud.of(TARGET, 'vault.order')) resource.lingers = 5;
    await world.ask();
    expect(await world.until(() => world.left()['vault.secret'] === undefined)).toBe(true);
    world.cloud.delete(TARGET);
    world.cloud.make('vault.secret', TARGET);
    await world.settle();
    expect(world.task('vault')).toMatchObject({ state: 'unreachable' });
    expect(world.task('vault').conditions.map(({ resourceType }) => resourceType)).toEqual([
      'vault.order',
      'vault.secret',
    ]);
  });

  it('while Keystone refuses the role: the next attempt finds the project deleted', async () => {
    world.cloud.refusals['assign-role'] = [failure('Gone')];
    await world.ask();
    expect(await world.until(() => world.operation.hold !== undefined)).toBe(true);
    world.cloud.delete(TARGET);
    await world.settle();
    expect(world.state).toBe('unverified');
  });

  it('after the role is assigned, while a pre-delete service is down: the other services do not wait', async () => {
    world.cloud.broken.set('vault', failure('Transient'));
    await world.ask();
    expect(await world.until(() => world.cloud.roles.size > 0)).toBe(true);
    world.cloud.delete(TARGET);
    await world.engine.commit({ messages: [deleted('project', TARGET)] });
    await world.until(
      () =>
        world.left()['compute.server'] === undefined && world.left()['network.port'] === undefined,
      300,
    );
    expect(world.left()).toMatchObject({ 'vault.label': 2 });
    expect(world.left()).not.toHaveProperty(['compute.server']);
    expect(world.left()).not.toHaveProperty(['network.port']);
    world.cloud.broken.clear();
    await world.settle();
    expect(world.state).toBe('unverified');
  });

  it('before the role is assigned, while a pre-delete service is down: the other services do not wait', async () => {
    world.cloud.broken.set('vault', failure('Transient'));
    await world.ask();
    expect(await world.until(() => world.state === 'pre-delete')).toBe(true);
    world.cloud.delete(TARGET);
    await world.until(() => world.left()['network.port'] === undefined, 300);
    expect(world.left()).toEqual({ 'vault.secret': 2, 'vault.label': 2, 'booking.lease': 2 });
  });

  it('while the operation is held for leftovers: the notification of Keystone ends the hold', async () => {
    world.cloud.moreTypes.push('rating');
    await world.ask();
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'held', hold: { about: 'leftovers' } });
    world.cloud.delete(TARGET);
    await world.engine.commit({ messages: [deleted('project', TARGET)] });
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'unverified', hold: undefined });
    expect(world.engine.operations.size).toBe(1);
  });
});

describe('false information that a project is deleted', () => {
  it('from a notification changes nothing in any state of the operation', async () => {
    world.cloud.moreTypes.push('rating');
    await world.ask();
    for (const state of ['confirming', 'pre-delete', 'running', 'held']) {
      expect(await world.until(() => world.state === state)).toBe(true);
      const before = world.left();
      await world.engine.commit({ messages: [deleted('project', TARGET, `m-${state}`)] });
      expect(world.left()).toEqual(before);
    }
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'held', hold: { about: 'leftovers' } });
    expect(world.cloud.projects.get(TARGET)).toMatchObject({ enabled: false });
    expect(world.engine.operations.size).toBe(1);
  });

  it('from a single 404 of Keystone restarts the confirmation', async () => {
    await world.ask();
    world.cloud.projects.delete(TARGET);
    expect(await world.until(() => world.operation.confirmedAt.length === 1)).toBe(true);
    world.cloud.projects.set(TARGET, { name: 'shop', enabled: true });
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'finished', confirmedAt: [] });
    expect(world.left()).toEqual({});
    expect(world.cloud.projects.has(TARGET)).toBe(false);
  });
});
