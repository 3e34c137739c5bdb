import { EVERY_CLASS, failure, LivingWorld, TARGET } from '../../property/stateful-world.ts';

let world: LivingWorld;
beforeEach(() => {
  world = new LivingWorld(EVERY_CLASS, 2, 3);
});
afterEach(() => {
  world.expectOthersUntouched();
  expect([...world.cloud.roles]).toEqual([]);
});
const told = () =>
  [...world.engine.tasks.values()].flatMap(({ conditions }) =>
    conditions.map(({ message }) => message),
  );
const people = (message: string) => expect.arrayContaining([expect.stringContaining(message)]);

describe('somebody enables the project again in the middle', () => {
  it.each([
    ['right after it was disabled', () => world.state === 'running'],
    [
      'when something is on its way out',
      () => world.state === 'running' && world.left()['compute.server'] === 1,
    ],
    [
      'when only the last service has something left',
      () => world.state === 'running' && world.left()['compute.server'] === undefined,
    ],
  ])('%s: nothing more goes until it is disabled', async (_, moment) => {
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
    expect(told()).toEqual(people('the project was enabled again'));
    world.cloud.enable(TARGET, false);
    await world.settle();
    expect(world.left()).toEqual({});
    // What only a token on the project shows was proven before somebody worked in it once more.
    expect(world.operation).toMatchObject({
      state: 'held',
      hold: { about: 'leftovers', reason: expect.stringContaining('vault: secrets') },
    });
    await world.release();
    await world.settle();
    expect(world.state).toBe('unverified');
    expect(world.cloud.projects.has(TARGET)).toBe(false);
  });

  it('and makes something in a service that was done: it is looked at once more', async () => {
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

  it('only for a moment: what was proven while it lived is not proven any more', async () => {
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
        told().some((message) => message.includes('the project was enabled again')),
      ),
    ).toBe(true);
    world.cloud.enable(TARGET, false);
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'held', hold: { about: 'leftovers' } });
    expect(world.tasks.vault).toBe('unreachable');
    expect(world.left()).toEqual({ 'vault.secret': 1 });
  });

  it('while a service is at work: what its pass has seen by then counts no more', async () => {
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
      if (!one) throw new Error(`no ${type} of ${service} waits`);
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
    expect(told()).toEqual(people('the project was enabled again'));
    expect(world.tasks.compute).toBe('requested');
    await world.settle();
    expect(world.left()).toEqual({});
    expect(world.state).toBe('finished');
  });

  it('in a cloud that lacks a service: that one stays left out', async () => {
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

  it('right before it would be deleted: it is not, and all is looked at once more when it is disabled', async () => {
    world = new LivingWorld(EVERY_CLASS.slice(0, 2));
    await world.ask();
    expect(await world.until(() => world.state === 'closing')).toBe(true);
    world.cloud.enable(TARGET, true);
    world.cloud.make('compute.server', TARGET);
    world.cloud.make('network.port', TARGET);
    await world.settle(100);
    expect(world.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
    expect(world.left()).toEqual({ 'compute.server': 1, 'network.port': 1 });
    expect(told()).toEqual(people('the project was enabled again'));
    world.cloud.enable(TARGET, false);
    await world.settle();
    expect(world.left()).toEqual({});
    expect(world.state).toBe('finished');
  });

  it('an old order to delete it does not count any more', async () => {
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

describe('somebody disables the project too early', () => {
  it.each([
    ['before the role is taken', () => world.state === 'pre-delete', 0],
    ['when the role is taken', () => world.cloud.roles.size > 0, 2],
  ])('%s: what needs it alive waits, and people are told', async (_, moment, roles) => {
    await world.ask();
    expect(await world.until(moment)).toBe(true);
    world.cloud.enable(TARGET, false);
    const left = world.left();
    await world.settle(50);
    expect(world.left()).toEqual(left);
    expect(world.state).toBe('pre-delete');
    expect([...told(), world.operation.hold?.reason]).toEqual(
      people('the project is disabled in Keystone'),
    );
    expect(world.cloud.roles.size).toBe(roles);
    world.cloud.enable(TARGET, true);
    await world.settle();
    expect(world.state).toBe('finished');
    expect(world.left()).toEqual({});
  });

  it('and deletes it then, as he was advised: the rest goes', async () => {
    await world.ask();
    expect(await world.until(() => world.cloud.roles.size > 0)).toBe(true);
    world.cloud.enable(TARGET, false);
    await world.settle(50);
    world.cloud.delete(TARGET);
    await world.settle();
    expect(world.state).toBe('unverified');
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
  });

  it('is told, and no refusal, when it happens between two calls', async () => {
    world = new LivingWorld(EVERY_CLASS.slice(0, 3), 2, 3);
    world.cloud.beforeRemoval = () => {
      if (world.cloud.of(TARGET, 'vault.secret').some(({ deleting }) => deleting))
        world.cloud.enable(TARGET, false);
    };
    await world.ask();
    await world.settle(60);
    expect(world.state).toBe('pre-delete');
    expect(told()).toEqual(people('the project is disabled in Keystone'));
    expect(world.engine.deadLetterList).toEqual([]);
    world.cloud.beforeRemoval = undefined;
    world.cloud.enable(TARGET, true);
    await world.settle();
    expect(world.state).toBe('finished');
  });
});

describe('a refusal of an early pass that has no such excuse', () => {
  it('is a dead letter', async () => {
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
