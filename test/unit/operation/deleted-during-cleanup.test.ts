import { typesEmptyBeforeDeletion } from '../../../lib/operation/verification.ts';
import {
  deleted,
  EVERY_CLASS,
  failure,
  StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';

let simulation: StatefulSimulation;
beforeEach(() => {
  simulation = new StatefulSimulation(EVERY_CLASS);
});
afterEach(() => {
  simulation.expectOthersUntouched();
  expect([...simulation.cloud.roles]).toEqual([]);
});
const advices = (service: string) =>
  simulation.task(service).conditions.map(({ advice }) => advice);

describe('a project that another actor deletes in Keystone during its cleanup', () => {
  it.each([
    ['before the first confirmation', () => simulation.state === 'confirming'],
    ['during phase plan', () => simulation.engine.tasks.size > 0],
    ['before the role is assigned', () => simulation.state === 'pre-delete'],
    ['after the role is assigned', () => simulation.cloud.roles.size > 0],
  ])('loses its reachable resources, and unreachable ones are reported: %s', async (_, moment) => {
    await simulation.ask();
    expect(await simulation.until(moment)).toBe(true);
    simulation.cloud.delete(TARGET);
    await simulation.settle();
    expect(simulation.state).toBe('unverified');
    expect(simulation.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
    expect(simulation.tasks).toEqual({
      compute: 'finished',
      network: 'finished',
      vault: 'unreachable',
      booking: 'unreachable',
    });
    expect(advices('vault')).toEqual(['Remove the secrets by hand.']);
    expect(advices('booking')).toEqual(['Remove the leases by hand.']);
    expect(simulation.engine.deadLetterList).toEqual([]);
  });

  it.each([
    [
      'when all types that need the living project were verified empty',
      () => simulation.operation.keystoneAction?.what === 'disable',
    ],
    ['after the project was disabled', () => simulation.state === 'running'],
    [
      'when half of the remaining resources are removed',
      () => simulation.left()['compute.server'] === undefined,
    ],
    ['right before the propagator deletes it', () => simulation.state === 'closing'],
  ])('has its operation end as finished: %s', async (_, moment) => {
    await simulation.ask();
    expect(await simulation.until(moment)).toBe(true);
    simulation.cloud.delete(TARGET);
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(simulation.left()).toEqual({});
  });

  it('names the command that removes the remaining resources if it is canceled later', async () => {
    simulation.cloud.broken.set('network', failure('Transient'));
    await simulation.ask();
    simulation.cloud.delete(TARGET);
    expect(await simulation.until(() => simulation.state === 'running')).toBe(true);
    const { id } = simulation.operation;
    const body = { reason: 'the contract goes on' };
    const canceled = await simulation.call('POST', `/v1/operations/${id}/cancel`, body);
    expect(canceled).toMatchObject({ status: 202, body: { putBack: false } });
    await simulation.settle();
    expect(simulation.operation).toMatchObject({
      id,
      state: 'canceled',
      hold: {
        reason: 'canceled by ann: the contract goes on',
        advice:
          'Resources that the counts show as removed are gone. The project is deleted in ' +
          'Keystone, so nothing is put back. Its remaining resources stay. To remove them: ' +
          `propagator operation rerun ${id} --reason "…"`,
      },
    });
    expect(simulation.engine.waiting).toEqual([]);
  });

  it('causes no refusal and no dead letter between two calls of a pre-delete run', async () => {
    simulation = new StatefulSimulation(EVERY_CLASS.slice(0, 3));
    let removals = 0;
    simulation.cloud.beforeRemoval = () => {
      removals += 1;
      if (removals === 2) simulation.cloud.delete(TARGET);
    };
    await simulation.ask();
    await simulation.settle();
    expect(removals).toBeGreaterThan(2);
    expect(simulation.state).toBe('unverified');
    expect(simulation.task('vault').state).toBe('unreachable');
    expect(typesEmptyBeforeDeletion(simulation.task('vault').verifications)).toEqual([]);
    expect(simulation.engine.deadLetterList).toEqual([]);
  });

  it('makes a type unreachable, not empty, that was not listed again after its removals', async () => {
    simulation = new StatefulSimulation([
      ...EVERY_CLASS.slice(0, 2),
      { name: 'vault', resourceTypes: { secret: 'C', order: 'C' } },
    ]);
    for (const resource of simulation.cloud.of(TARGET, 'vault.order')) resource.lingers = 5;
    await simulation.ask();
    expect(await simulation.until(() => simulation.left()['vault.secret'] === undefined)).toBe(
      true,
    );
    simulation.cloud.delete(TARGET);
    simulation.cloud.make('vault.secret', TARGET);
    await simulation.settle();
    expect(simulation.task('vault')).toMatchObject({ state: 'unreachable' });
    expect(simulation.task('vault').conditions.map(({ resourceType }) => resourceType)).toEqual([
      'vault.order',
      'vault.secret',
    ]);
  });

  it('is found deleted by the next attempt to assign a role after a refusal of Keystone', async () => {
    simulation.cloud.refusals['assign-role'] = [failure('Gone')];
    await simulation.ask();
    expect(await simulation.until(() => simulation.operation.hold !== undefined)).toBe(true);
    simulation.cloud.delete(TARGET);
    await simulation.settle();
    expect(simulation.state).toBe('unverified');
  });

  it('does not make other services wait for a pre-delete service that is down, after the role is assigned', async () => {
    simulation.cloud.broken.set('vault', failure('Transient'));
    await simulation.ask();
    expect(await simulation.until(() => simulation.cloud.roles.size > 0)).toBe(true);
    simulation.cloud.delete(TARGET);
    await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
    await simulation.until(
      () =>
        simulation.left()['compute.server'] === undefined &&
        simulation.left()['network.port'] === undefined,
      300,
    );
    expect(simulation.left()).toMatchObject({ 'vault.label': 2 });
    expect(simulation.left()).not.toHaveProperty(['compute.server']);
    expect(simulation.left()).not.toHaveProperty(['network.port']);
    simulation.cloud.broken.clear();
    await simulation.settle();
    expect(simulation.state).toBe('unverified');
  });

  it('does not make other services wait for a pre-delete service that is down, before the role is assigned', async () => {
    simulation.cloud.broken.set('vault', failure('Transient'));
    await simulation.ask();
    expect(await simulation.until(() => simulation.state === 'pre-delete')).toBe(true);
    simulation.cloud.delete(TARGET);
    await simulation.until(() => simulation.left()['network.port'] === undefined, 300);
    expect(simulation.left()).toEqual({ 'vault.secret': 2, 'vault.label': 2, 'booking.lease': 2 });
  });

  it('ends the hold for leftovers when the notification of its deletion arrives', async () => {
    simulation.cloud.moreTypes.push('rating');
    await simulation.ask();
    await simulation.settle();
    expect(simulation.operation).toMatchObject({ state: 'held', hold: { about: 'leftovers' } });
    simulation.cloud.delete(TARGET);
    await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
    await simulation.settle();
    expect(simulation.operation).toMatchObject({ state: 'unverified', hold: undefined });
    expect(simulation.engine.operations.size).toBe(1);
  });
});

describe('false information that a project is deleted', () => {
  it('changes nothing in any state of the operation if it is a notification', async () => {
    simulation.cloud.moreTypes.push('rating');
    await simulation.ask();
    for (const state of ['confirming', 'pre-delete', 'running', 'held']) {
      expect(await simulation.until(() => simulation.state === state)).toBe(true);
      const before = simulation.left();
      await simulation.engine.commit({ messages: [deleted('project', TARGET, `m-${state}`)] });
      expect(simulation.left()).toEqual(before);
    }
    await simulation.settle();
    expect(simulation.operation).toMatchObject({ state: 'held', hold: { about: 'leftovers' } });
    expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled: false });
    expect(simulation.engine.operations.size).toBe(1);
  });

  it('restarts the confirmation if Keystone answers 404 only once', async () => {
    await simulation.ask();
    simulation.cloud.projects.delete(TARGET);
    expect(await simulation.until(() => simulation.operation.confirmedAt.length === 1)).toBe(true);
    simulation.cloud.projects.set(TARGET, { name: 'shop', enabled: true });
    await simulation.settle();
    expect(simulation.operation).toMatchObject({ state: 'finished', confirmedAt: [] });
    expect(simulation.left()).toEqual({});
    expect(simulation.cloud.projects.has(TARGET)).toBe(false);
  });
});
