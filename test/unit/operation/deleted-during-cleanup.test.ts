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

describe('somebody else deletes the project in Keystone while its cleanup is under way', () => {
  it.each([
    ['before the first look', () => world.state === 'confirming'],
    ['while it is counted', () => world.engine.tasks.size > 0],
    ['before the role is taken', () => world.state === 'pre-delete'],
    ['when the role is taken', () => world.cloud.roles.size > 0],
  ])('%s: the rest goes, and what nobody can reach any more is said', async (_, moment) => {
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
  });

  it.each([
    [
      'when all that needs it alive was proven empty',
      () => world.operation.keystoneAction?.what === 'disable',
    ],
    ['when it was disabled', () => world.state === 'running'],
    ['when half of the rest is gone', () => world.left()['compute.server'] === undefined],
    ['right before we do', () => world.state === 'closing'],
  ])('%s: nothing is unknown', async (_, moment) => {
    await world.ask();
    expect(await world.until(moment)).toBe(true);
    world.cloud.delete(TARGET);
    await world.settle();
    expect(world.state).toBe('finished');
    expect(world.left()).toEqual({});
  });

  it('between two calls of an early pass: it is no refusal, and no dead letter', async () => {
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

  it('does not take what an API said for proof: a resource type is proven only by a look at it', async () => {
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

  it('while Keystone does not take the role: the next try sees that it is gone', async () => {
    world.cloud.refusals['assign-role'] = [failure('Gone')];
    await world.ask();
    expect(await world.until(() => world.operation.hold !== undefined)).toBe(true);
    world.cloud.delete(TARGET);
    await world.settle();
    expect(world.state).toBe('unverified');
  });

  it('and one early service is away: the others do not wait for it', async () => {
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

  it('before the role is taken, while one early service is away: nobody waits for it', async () => {
    world.cloud.broken.set('vault', failure('Transient'));
    await world.ask();
    expect(await world.until(() => world.state === 'pre-delete')).toBe(true);
    world.cloud.delete(TARGET);
    await world.until(() => world.left()['network.port'] === undefined, 300);
    expect(world.left()).toEqual({ 'vault.secret': 2, 'vault.label': 2, 'booking.lease': 2 });
  });

  it('while a person is asked about what may be left: once Keystone tells, there is nothing to be decided', async () => {
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

describe('a false rumour of its deletion', () => {
  it('changes nothing, whenever it comes', async () => {
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

  it('is no rumour when Keystone itself errs once: a 404 that is taken back never was one', async () => {
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
