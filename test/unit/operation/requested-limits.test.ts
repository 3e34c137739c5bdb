import { failure, type StatefulSimulation, TARGET } from '../../property/stateful-simulation.ts';
import { ALL_RESOURCES, eachSimulation, expectUntouched } from './each-simulation.ts';

let simulation: StatefulSimulation;
eachSimulation((fresh) => {
  simulation = fresh;
});

describe('a requested cleanup in mode observe', () => {
  it('counts, changes nothing, and assigns no role', async () => {
    simulation.mode = 'observe';
    await simulation.ask();
    const hadRole = await simulation.until(() => simulation.cloud.roles.size > 0);
    expect(hadRole).toBe(false);
    expect(simulation.state).toBe('observed');
    expectUntouched(simulation);
    expect(await simulation.release()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('propagator operation rerun') } },
    });
  });

  it('is carried out when it is requested again in mode enforce', async () => {
    simulation.mode = 'observe';
    await simulation.ask();
    await simulation.settle();
    // The second request in mode observe counts the resources created since.
    expect(await simulation.ask()).toMatchObject({ status: 202 });
    await simulation.settle();
    simulation.mode = 'enforce';
    await simulation.ask();
    await simulation.settle();
    expect([...simulation.engine.operations.values()].map(({ state }) => state)).toEqual([
      'observed',
      'observed',
      'finished',
    ]);
    expect(simulation.left()).toEqual({});
  });

  it.each([
    ['before a role is assigned', () => simulation.state === 'pre-delete', ALL_RESOURCES],
    [
      'before the project is disabled',
      () => simulation.operation.keystoneAction?.what === 'disable',
      { 'compute.server': 2, 'network.port': 2 },
    ],
    ['before the project is deleted', () => simulation.state === 'closing', {}],
  ])('changes nothing in Keystone if the mode is set back %s', async (_, moment, left) => {
    await simulation.ask();
    expect(await simulation.until(moment)).toBe(true);
    const enabled = simulation.cloud.projects.get(TARGET)?.enabled;
    simulation.mode = 'observe';
    await simulation.settle(50);
    expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled });
    expect([...simulation.cloud.roles]).toEqual([]);
    expect(simulation.left()).toEqual(left);
    expect(simulation.operation.hold?.reason).toContain('the mode is observe');
    simulation.mode = 'enforce';
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });
});

describe('the cap on resources', () => {
  it('holds the operation before a role is assigned, and a release continues it', async () => {
    simulation.limits = { ...simulation.limits, maxResourcesPerOperation: 3 };
    await simulation.ask();
    await simulation.settle();
    expect(simulation.operation).toMatchObject({
      state: 'held',
      hold: { reason: 'the account has 10 resources, and the cap is 3' },
    });
    expectUntouched(simulation);
    await simulation.release();
    await simulation.settle();
    expect(simulation.operation).toMatchObject({
      state: 'finished',
      released: { by: 'bob', reason: 'looked at it' },
    });
  });

  it('holds the operation again if more resources are found after the project was disabled; a release continues it without a role', async () => {
    simulation.limits = { ...simulation.limits, maxResourcesPerOperation: 13 };
    simulation.cloud.broken.set('compute', failure('Transient'));
    await simulation.ask();
    expect(await simulation.until(() => simulation.state === 'running')).toBe(true);
    for (let n = 0; n < 4; n += 1) simulation.cloud.make('compute.server', TARGET);
    simulation.cloud.broken.clear();
    await simulation.settle();
    expect(simulation.operation).toMatchObject({
      state: 'held',
      hold: { reason: expect.stringMatching(/^the account has 1\d resources, and the cap is 13$/) },
    });
    await simulation.release();
    const tookRole = await simulation.until(() => simulation.cloud.roles.size > 0);
    expect(tookRole).toBe(false);
    expect(simulation.state).toBe('finished');
    expect(simulation.left()).toEqual({});
  });

  it('includes the resources that only a token on the project lists; the hold revokes the role and stops the removals', async () => {
    simulation.limits = { ...simulation.limits, maxResourcesPerOperation: 11 };
    simulation.cloud.make('vault.secret', TARGET, 'target-3', 9);
    simulation.cloud.make('booking.lease', TARGET, 'target-3', 9);
    await simulation.ask();
    expect(await simulation.until(() => simulation.state === 'held')).toBe(true);
    const left = simulation.left();
    await simulation.settle(100);
    expect([...simulation.cloud.roles]).toEqual([]);
    expect(simulation.left()).toEqual(left);
    expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
    await simulation.release();
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(simulation.left()).toEqual({});
  });
});
