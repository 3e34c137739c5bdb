import { EVERY_CLASS, failure, LivingWorld, TARGET } from '../../property/stateful-world.ts';

const ALL = {
  'booking.host': 2,
  'booking.lease': 2,
  'compute.server': 2,
  'network.port': 2,
  'vault.label': 2,
  'vault.secret': 2,
};
let world: LivingWorld;
beforeEach(() => {
  world = new LivingWorld(EVERY_CLASS);
});
afterEach(() => {
  world.expectOthersUntouched();
});
const untouched = (): void => {
  expect(world.left()).toEqual(ALL);
  expect(world.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
  expect([...world.cloud.roles]).toEqual([]);
};

describe('a requested cleanup in mode observe', () => {
  it('counts, changes nothing, and assigns no role', async () => {
    world.mode = 'observe';
    await world.ask();
    const hadRole = await world.until(() => world.cloud.roles.size > 0);
    expect(hadRole).toBe(false);
    expect(world.state).toBe('observed');
    untouched();
    expect(await world.release()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('propagator operation rerun') } },
    });
  });

  it('is carried out when it is requested again in mode enforce', async () => {
    world.mode = 'observe';
    await world.ask();
    await world.settle();
    // The second request in mode observe counts the resources created since.
    expect(await world.ask()).toMatchObject({ status: 202 });
    await world.settle();
    world.mode = 'enforce';
    await world.ask();
    await world.settle();
    expect([...world.engine.operations.values()].map(({ state }) => state)).toEqual([
      'observed',
      'observed',
      'finished',
    ]);
    expect(world.left()).toEqual({});
  });

  it.each([
    ['before a role is assigned', () => world.state === 'pre-delete', ALL],
    [
      'before the project is disabled',
      () => world.operation.keystoneAction?.what === 'disable',
      { 'compute.server': 2, 'network.port': 2 },
    ],
    ['before the project is deleted', () => world.state === 'closing', {}],
  ])('changes nothing in Keystone if the mode is set back %s', async (_, moment, left) => {
    await world.ask();
    expect(await world.until(moment)).toBe(true);
    const enabled = world.cloud.projects.get(TARGET)?.enabled;
    world.mode = 'observe';
    await world.settle(50);
    expect(world.cloud.projects.get(TARGET)).toMatchObject({ enabled });
    expect([...world.cloud.roles]).toEqual([]);
    expect(world.left()).toEqual(left);
    expect(world.operation.hold?.reason).toContain('the mode is observe');
    world.mode = 'enforce';
    await world.settle();
    expect(world.state).toBe('finished');
  });
});

describe('the cap on resources', () => {
  it('holds the operation before a role is assigned, and a release continues it', async () => {
    world.limits = { ...world.limits, maxResourcesPerOperation: 3 };
    await world.ask();
    await world.settle();
    expect(world.operation).toMatchObject({
      state: 'held',
      hold: { reason: 'it holds 10 resources, the cap is 3' },
    });
    untouched();
    await world.release();
    await world.settle();
    expect(world.operation).toMatchObject({
      state: 'finished',
      released: { by: 'bob', reason: 'looked at it' },
    });
  });

  it('holds the operation again if more is found after the project was disabled; it continues without a role', async () => {
    world.limits = { ...world.limits, maxResourcesPerOperation: 13 };
    world.cloud.broken.set('compute', failure('Transient'));
    await world.ask();
    expect(await world.until(() => world.state === 'running')).toBe(true);
    for (let n = 0; n < 4; n += 1) world.cloud.make('compute.server', TARGET);
    world.cloud.broken.clear();
    await world.settle();
    expect(world.operation).toMatchObject({
      state: 'held',
      hold: { reason: expect.stringMatching(/^it holds 1\d resources, the cap is 13$/) },
    });
    await world.release();
    const tookRole = await world.until(() => world.cloud.roles.size > 0);
    expect(tookRole).toBe(false);
    expect(world.state).toBe('finished');
    expect(world.left()).toEqual({});
  });

  it('includes what only a token on the project shows; the hold revokes the role and stops the removals', async () => {
    world.limits = { ...world.limits, maxResourcesPerOperation: 11 };
    world.cloud.make('vault.secret', TARGET, 'target-3', 9);
    world.cloud.make('booking.lease', TARGET, 'target-3', 9);
    await world.ask();
    expect(await world.until(() => world.state === 'held')).toBe(true);
    const left = world.left();
    await world.settle(100);
    expect([...world.cloud.roles]).toEqual([]);
    expect(world.left()).toEqual(left);
    expect(world.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
    await world.release();
    await world.settle();
    expect(world.state).toBe('finished');
    expect(world.left()).toEqual({});
  });
});
