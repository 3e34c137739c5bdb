import { EVERY_CLASS, failure, LivingWorld, TARGET } from '../../property/stateful-world.ts';

let world: LivingWorld;
beforeEach(() => {
  world = new LivingWorld(EVERY_CLASS, 2, 3);
});
afterEach(() => {
  world.expectOthersUntouched();
  expect([...world.cloud.roles]).toEqual([]);
});
const messages = () =>
  [...world.engine.tasks.values()].flatMap(({ conditions }) =>
    conditions.map(({ message }) => message),
  );
const containing = (message: string) => expect.arrayContaining([expect.stringContaining(message)]);

describe('a project that is enabled again during its cleanup', () => {
  it.each([
    ['right after the project was disabled', () => world.state === 'running'],
    [
      'while a resource is being deleted',
      () => world.state === 'running' && world.left()['compute.server'] === 1,
    ],
    [
      'when only the last service has resources left',
      () => world.state === 'running' && world.left()['compute.server'] === undefined,
    ],
  ])('%s: the removals stop until the project is disabled', async (_, moment) => {
    world = new LivingWorld(EVERY_CLASS, 2);
    world.cloud.make('compute.server', TARGET, 'target-2', 3);
    await world.ask();
    expect(await world.until(moment)).toBe(true);
    world.cloud.enable(TARGET, true);
    const left = world.left();
    await world.settle(100);
    expect(world.left()).toEqual(left);
    expect(world.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
    expect(world.state).toBe('running');
    expect(messages()).toEqual(containing('the project was enabled again'));
    world.cloud.enable(TARGET, false);
    await world.settle();
    expect(world.left()).toEqual({});
    // The verification of what only a token on the project shows is older than the enabling.
    expect(world.operation).toMatchObject({
      state: 'held',
      hold: { about: 'leftovers', reason: expect.stringContaining('vault: secrets') },
    });
    await world.release();
    await world.settle();
    expect(world.state).toBe('unverified');
    expect(world.cloud.projects.has(TARGET)).toBe(false);
  });

  it('with a new resource in a finished service: the service runs again', async () => {
    world = new LivingWorld(EVERY_CLASS.slice(0, 2));
    await world.ask();
    expect(await world.until(() => world.tasks.compute === 'finished')).toBe(true);
    world.cloud.enable(TARGET, true);
    await world.settle(50);
    world.cloud.make('compute.server', TARGET);
    await world.settle(50);
    world.cloud.enable(TARGET, false);
    await world.settle();
    expect(world.left()).toEqual({});
    expect(world.state).toBe('finished');
    expect(world.cloud.projects.has(TARGET)).toBe(false);
  });

  it('only for a moment: the verifications from before are stale', async () => {
    world = new LivingWorld([
      { name: 'vault', resourceTypes: { secret: 'C' } },
      ...EVERY_CLASS.slice(0, 2),
    ]);
    world.cloud.make('network.port', TARGET, 'target-2', 4);
    await world.ask();
    expect(
      await world.until(() => world.state === 'running' && world.tasks.vault === 'finished'),
    ).toBe(true);
    world.cloud.enable(TARGET, true);
    world.cloud.make('vault.secret', TARGET);
    expect(
      await world.until(() =>
        messages().some((message) => message.includes('the project was enabled again')),
      ),
    ).toBe(true);
    world.cloud.enable(TARGET, false);
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'held', hold: { about: 'leftovers' } });
    expect(world.tasks.vault).toBe('unreachable');
    expect(world.left()).toEqual({ 'vault.secret': 1 });
  });

  it('while a service runs: the verifications of its run are stale', async () => {
    world = new LivingWorld(
      [EVERY_CLASS[0] ?? { name: 'compute' }, { name: 'meter', resourceTypes: { sample: 'A' } }],
      1,
    );
    world.cloud.enable(TARGET, false);
    await world.ask({});
    const waiting = (type: string, service: string) =>
      world.engine.waiting.find(
        ({ message }) =>
          message.type === type && 'service' in message.data && message.data.service === service,
      );
    const isAsked = (service: string) =>
      world.state === 'running' && waiting('service.requested', service) !== undefined;
    expect(await world.until(() => isAsked('compute') && isAsked('meter'))).toBe(true);
    const deliver = async (type: string, service: string) => {
      const one = waiting(type, service);
      if (!one) throw new Error(`no message ${type} of ${service} is queued`);
      await world.handle(one.message);
      world.engine.take(one);
    };
    await deliver('service.requested', 'compute');
    expect(world.left()).toEqual({ 'meter.sample': 1 });
    world.cloud.enable(TARGET, true);
    world.cloud.make('compute.server', TARGET);
    await deliver('service.requested', 'meter');
    world.cloud.enable(TARGET, false);
    await deliver('service.progressed', 'meter');
    expect(messages()).toEqual(containing('the project was enabled again'));
    expect(world.tasks.compute).toBe('requested');
    await world.settle();
    expect(world.left()).toEqual({});
    expect(world.state).toBe('finished');
  });

  it('in a cloud that lacks a service: the task of that service stays skipped', async () => {
    world = new LivingWorld(
      [...EVERY_CLASS.slice(0, 2), { name: 'bills', resourceTypes: { bill: 'A' } }],
      1,
    );
    world.cloud.resources = world.cloud.resources.filter(
      ({ resourceType, owner }) => resourceType !== 'bills.bill' || owner !== TARGET,
    );
    world.cloud.lacking.add('bills');
    await world.ask();
    expect(await world.until(() => world.state === 'running')).toBe(true);
    world.cloud.enable(TARGET, true);
    await world.settle(30);
    world.cloud.enable(TARGET, false);
    await world.settle();
    expect(world.tasks).toEqual({ compute: 'finished', network: 'finished', bills: 'skipped' });
    expect(world.state).toBe('finished');
  });

  it('right before its deletion: it is not deleted, and all services run again when it is disabled', async () => {
    world = new LivingWorld(EVERY_CLASS.slice(0, 2));
    await world.ask();
    expect(await world.until(() => world.state === 'closing')).toBe(true);
    world.cloud.enable(TARGET, true);
    world.cloud.make('compute.server', TARGET);
    world.cloud.make('network.port', TARGET);
    await world.settle(100);
    expect(world.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
    expect(world.left()).toEqual({ 'compute.server': 1, 'network.port': 1 });
    expect(messages()).toEqual(containing('the project was enabled again'));
    world.cloud.enable(TARGET, false);
    await world.settle();
    expect(world.left()).toEqual({});
    expect(world.state).toBe('finished');
  });

  it('is not deleted by an old message to delete it', async () => {
    world = new LivingWorld(EVERY_CLASS.slice(0, 2));
    await world.ask();
    expect(await world.until(() => world.state === 'closing')).toBe(true);
    const order = world.engine
      .due()
      .find(({ message }) => message.type === 'operation.keystone-action');
    world.cloud.enable(TARGET, true);
    expect(await world.until(() => world.state === 'running')).toBe(true);
    world.cloud.enable(TARGET, false);
    if (order) await world.handle(order.message);
    expect(order).toBeDefined();
    expect(world.cloud.projects.has(TARGET)).toBe(true);
    await world.settle();
    expect(world.state).toBe('finished');
  });
});

describe('a project that is disabled before phase pre-delete has ended', () => {
  it.each([
    ['before the role is assigned', () => world.state === 'pre-delete', 0],
    ['after the role is assigned', () => world.cloud.roles.size > 0, 2],
  ])(
    '%s: phase pre-delete waits, and the operation reports the reason',
    async (_, moment, roles) => {
      await world.ask();
      expect(await world.until(moment)).toBe(true);
      world.cloud.enable(TARGET, false);
      const left = world.left();
      await world.settle(50);
      expect(world.left()).toEqual(left);
      expect(world.state).toBe('pre-delete');
      expect([...messages(), world.operation.hold?.reason]).toEqual(
        containing('the project is disabled in Keystone'),
      );
      expect(world.cloud.roles.size).toBe(roles);
      world.cloud.enable(TARGET, true);
      await world.settle();
      expect(world.state).toBe('finished');
      expect(world.left()).toEqual({});
    },
  );

  it('and is then deleted, as the advice recommends: the other resources are removed', async () => {
    await world.ask();
    expect(await world.until(() => world.cloud.roles.size > 0)).toBe(true);
    world.cloud.enable(TARGET, false);
    await world.settle(50);
    world.cloud.delete(TARGET);
    await world.settle();
    expect(world.state).toBe('unverified');
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
  });

  it('between two calls: the reason is reported, and no task is dead-lettered', async () => {
    world = new LivingWorld(EVERY_CLASS.slice(0, 3), 2, 3);
    world.cloud.beforeRemoval = () => {
      if (world.cloud.of(TARGET, 'vault.secret').some(({ deleting }) => deleting))
        world.cloud.enable(TARGET, false);
    };
    await world.ask();
    await world.settle(60);
    expect(world.state).toBe('pre-delete');
    expect(messages()).toEqual(containing('the project is disabled in Keystone'));
    expect(world.engine.deadLetterList).toEqual([]);
    world.cloud.beforeRemoval = undefined;
    world.cloud.enable(TARGET, true);
    await world.settle();
    expect(world.state).toBe('finished');
  });
});

describe('a refused run in phase pre-delete, while the project is enabled', () => {
  it('is dead-lettered', async () => {
    await world.ask();
    expect(await world.until(() => world.cloud.roles.size > 0)).toBe(true);
    world.cloud.broken.set('vault', failure('Denied'));
    await world.settle(100);
    expect(world.tasks.vault).toBe('dead-lettered');
    expect(world.state).toBe('pre-delete');
    world.cloud.broken.clear();
    await world.engine.redrive({}, { by: 'bob' });
    await world.settle();
    expect(world.state).toBe('finished');
  });
});
