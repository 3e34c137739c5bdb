import {
  EVERY_CLASS,
  failure,
  StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';

let simulation: StatefulSimulation;
beforeEach(() => {
  simulation = new StatefulSimulation(EVERY_CLASS, 2, 3);
});
afterEach(() => {
  simulation.expectOthersUntouched();
  expect([...simulation.cloud.roles]).toEqual([]);
});
const messages = () =>
  [...simulation.engine.tasks.values()].flatMap(({ conditions }) =>
    conditions.map(({ message }) => message),
  );
const containing = (message: string) => expect.arrayContaining([expect.stringContaining(message)]);

describe('a project that is enabled again during its cleanup', () => {
  it.each([
    ['right after the project was disabled', () => simulation.state === 'running'],
    [
      'while a resource is being deleted',
      () => simulation.state === 'running' && simulation.left()['compute.server'] === 1,
    ],
    [
      'when only the last service has resources left',
      () => simulation.state === 'running' && simulation.left()['compute.server'] === undefined,
    ],
  ])('stops the removals until it is disabled: %s', async (_, moment) => {
    simulation = new StatefulSimulation(EVERY_CLASS, 2);
    simulation.cloud.make('compute.server', TARGET, 'target-2', 3);
    await simulation.ask();
    expect(await simulation.until(moment)).toBe(true);
    simulation.cloud.enable(TARGET, true);
    const left = simulation.left();
    await simulation.settle(100);
    expect(simulation.left()).toEqual(left);
    expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
    expect(simulation.state).toBe('running');
    expect(messages()).toEqual(containing('the project was enabled again'));
    simulation.cloud.enable(TARGET, false);
    await simulation.settle();
    expect(simulation.left()).toEqual({});
    // The types that only a token on the project lists were verified before the project was
    // enabled.
    expect(simulation.operation).toMatchObject({
      state: 'held',
      hold: { about: 'leftovers', reason: expect.stringContaining('vault: secrets') },
    });
    await simulation.release();
    await simulation.settle();
    expect(simulation.state).toBe('unverified');
    expect(simulation.cloud.projects.has(TARGET)).toBe(false);
  });

  it('makes a finished service with a new resource run again', async () => {
    simulation = new StatefulSimulation(EVERY_CLASS.slice(0, 2));
    await simulation.ask();
    expect(await simulation.until(() => simulation.tasks.compute === 'finished')).toBe(true);
    simulation.cloud.enable(TARGET, true);
    await simulation.settle(50);
    simulation.cloud.make('compute.server', TARGET);
    await simulation.settle(50);
    simulation.cloud.enable(TARGET, false);
    await simulation.settle();
    expect(simulation.left()).toEqual({});
    expect(simulation.state).toBe('finished');
    expect(simulation.cloud.projects.has(TARGET)).toBe(false);
  });

  it('makes the earlier verifications stale, even if it was enabled only for a moment', async () => {
    simulation = new StatefulSimulation([
      { name: 'vault', resourceTypes: { secret: 'C' } },
      ...EVERY_CLASS.slice(0, 2),
    ]);
    simulation.cloud.make('network.port', TARGET, 'target-2', 4);
    await simulation.ask();
    expect(
      await simulation.until(
        () => simulation.state === 'running' && simulation.tasks.vault === 'finished',
      ),
    ).toBe(true);
    simulation.cloud.enable(TARGET, true);
    simulation.cloud.make('vault.secret', TARGET);
    expect(
      await simulation.until(() =>
        messages().some((message) => message.includes('the project was enabled again')),
      ),
    ).toBe(true);
    simulation.cloud.enable(TARGET, false);
    await simulation.settle();
    expect(simulation.operation).toMatchObject({ state: 'held', hold: { about: 'leftovers' } });
    expect(simulation.tasks.vault).toBe('unreachable');
    expect(simulation.left()).toEqual({ 'vault.secret': 1 });
  });

  it('makes the verifications of a run in progress stale', async () => {
    simulation = new StatefulSimulation(
      [EVERY_CLASS[0] ?? { name: 'compute' }, { name: 'meter', resourceTypes: { sample: 'A' } }],
      1,
    );
    simulation.cloud.enable(TARGET, false);
    await simulation.ask({});
    const waiting = (type: string, service: string) =>
      simulation.engine.waiting.find(
        ({ message }) =>
          message.type === type && 'service' in message.data && message.data.service === service,
      );
    const isAsked = (service: string) =>
      simulation.state === 'running' && waiting('service.requested', service) !== undefined;
    expect(await simulation.until(() => isAsked('compute') && isAsked('meter'))).toBe(true);
    const deliver = async (type: string, service: string) => {
      const one = waiting(type, service);
      if (!one) throw new Error(`no message ${type} of ${service} is queued`);
      await simulation.handle(one.message);
      simulation.engine.removeDelivered(one);
    };
    await deliver('service.requested', 'compute');
    expect(simulation.left()).toEqual({ 'meter.sample': 1 });
    simulation.cloud.enable(TARGET, true);
    simulation.cloud.make('compute.server', TARGET);
    await deliver('service.requested', 'meter');
    simulation.cloud.enable(TARGET, false);
    await deliver('service.progressed', 'meter');
    expect(messages()).toEqual(containing('the project was enabled again'));
    expect(simulation.tasks.compute).toBe('requested');
    await simulation.settle();
    expect(simulation.left()).toEqual({});
    expect(simulation.state).toBe('finished');
  });

  it('does not reopen the skipped task of a service that the cloud lacks', async () => {
    simulation = new StatefulSimulation(
      [...EVERY_CLASS.slice(0, 2), { name: 'bills', resourceTypes: { bill: 'A' } }],
      1,
    );
    simulation.cloud.resources = simulation.cloud.resources.filter(
      ({ resourceType, owner }) => resourceType !== 'bills.bill' || owner !== TARGET,
    );
    simulation.cloud.lacking.add('bills');
    await simulation.ask();
    expect(await simulation.until(() => simulation.state === 'running')).toBe(true);
    simulation.cloud.enable(TARGET, true);
    await simulation.settle(30);
    simulation.cloud.enable(TARGET, false);
    await simulation.settle();
    expect(simulation.tasks).toEqual({
      compute: 'finished',
      network: 'finished',
      bills: 'skipped',
    });
    expect(simulation.state).toBe('finished');
  });

  it('is not deleted if it is enabled right before, and all services run again when it is disabled', async () => {
    simulation = new StatefulSimulation(EVERY_CLASS.slice(0, 2));
    await simulation.ask();
    expect(await simulation.until(() => simulation.state === 'closing')).toBe(true);
    simulation.cloud.enable(TARGET, true);
    simulation.cloud.make('compute.server', TARGET);
    simulation.cloud.make('network.port', TARGET);
    await simulation.settle(100);
    expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
    expect(simulation.left()).toEqual({ 'compute.server': 1, 'network.port': 1 });
    expect(messages()).toEqual(containing('the project was enabled again'));
    simulation.cloud.enable(TARGET, false);
    await simulation.settle();
    expect(simulation.left()).toEqual({});
    expect(simulation.state).toBe('finished');
  });

  it('is not deleted by an old message to delete it', async () => {
    simulation = new StatefulSimulation(EVERY_CLASS.slice(0, 2));
    await simulation.ask();
    expect(await simulation.until(() => simulation.state === 'closing')).toBe(true);
    const order = simulation.engine
      .dueMessages()
      .find(({ message }) => message.type === 'operation.keystone-action');
    simulation.cloud.enable(TARGET, true);
    expect(await simulation.until(() => simulation.state === 'running')).toBe(true);
    simulation.cloud.enable(TARGET, false);
    if (order) await simulation.handle(order.message);
    expect(order).toBeDefined();
    expect(simulation.cloud.projects.has(TARGET)).toBe(true);
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });
});

describe('a project that is disabled before phase pre-delete has ended', () => {
  it.each([
    ['before the role is assigned', () => simulation.state === 'pre-delete', 0],
    ['after the role is assigned', () => simulation.cloud.roles.size > 0, 2],
  ])(
    'makes phase pre-delete wait, and the operation reports the reason: %s',
    async (_, moment, roles) => {
      await simulation.ask();
      expect(await simulation.until(moment)).toBe(true);
      simulation.cloud.enable(TARGET, false);
      const left = simulation.left();
      await simulation.settle(50);
      expect(simulation.left()).toEqual(left);
      expect(simulation.state).toBe('pre-delete');
      expect([...messages(), simulation.operation.hold?.reason]).toEqual(
        containing('the project is disabled in Keystone'),
      );
      expect(simulation.cloud.roles.size).toBe(roles);
      simulation.cloud.enable(TARGET, true);
      await simulation.settle();
      expect(simulation.state).toBe('finished');
      expect(simulation.left()).toEqual({});
    },
  );

  it('loses the other resources when it is deleted, as the advice recommends', async () => {
    await simulation.ask();
    expect(await simulation.until(() => simulation.cloud.roles.size > 0)).toBe(true);
    simulation.cloud.enable(TARGET, false);
    await simulation.settle(50);
    simulation.cloud.delete(TARGET);
    await simulation.settle();
    expect(simulation.state).toBe('unverified');
    expect(simulation.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
  });

  it('has the reason reported between two calls, and no task is dead-lettered', async () => {
    simulation = new StatefulSimulation(EVERY_CLASS.slice(0, 3), 2, 3);
    simulation.cloud.beforeRemoval = () => {
      if (simulation.cloud.of(TARGET, 'vault.secret').some(({ deleting }) => deleting))
        simulation.cloud.enable(TARGET, false);
    };
    await simulation.ask();
    await simulation.settle(60);
    expect(simulation.state).toBe('pre-delete');
    expect(messages()).toEqual(containing('the project is disabled in Keystone'));
    expect(simulation.engine.deadLetterList).toEqual([]);
    simulation.cloud.beforeRemoval = undefined;
    simulation.cloud.enable(TARGET, true);
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });
});

describe('a refused run in phase pre-delete, while the project is enabled', () => {
  it('is dead-lettered', async () => {
    await simulation.ask();
    expect(await simulation.until(() => simulation.cloud.roles.size > 0)).toBe(true);
    simulation.cloud.broken.set('vault', failure('Denied'));
    await simulation.settle(100);
    expect(simulation.tasks.vault).toBe('dead-lettered');
    expect(simulation.state).toBe('pre-delete');
    simulation.cloud.broken.clear();
    await simulation.engine.redrive({}, { by: 'bob' });
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });
});
