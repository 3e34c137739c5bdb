import { keystonePropagator } from '../../../lib/services/keystone-propagator.ts';
import type { Caller } from '../../api-tokens.ts';
import { preferred, required } from '../../dependencies.ts';
import { deleted, StatefulSimulation, TARGET } from '../../property/stateful-simulation.ts';

const COVERED = [{ name: 'compute', resourceTypes: { server: 'A' } }] as const;
let simulation: StatefulSimulation;
beforeEach(() => {
  simulation = new StatefulSimulation(COVERED);
  simulation.cloud.moreTypes.push('rating', 'fortune-telling');
});
afterEach(() => simulation.expectOthersUntouched());

async function notified(): Promise<void> {
  simulation.cloud.delete(TARGET);
  await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
}
const waive = (type: string, by: Caller = 'ann') =>
  simulation.call('POST', '/v1/waivers', { type, reason: 'it holds nothing of customers' }, by);
const waived = () => simulation.operation.waived.map(({ type, by, reason }) => [type, by, reason]);

describe('a service of the catalog that no service file covers', () => {
  it('is listed on the operation, which ends as unverified', async () => {
    await notified();
    await simulation.settle();
    expect(simulation.state).toBe('unverified');
    expect(simulation.operation.uncovered).toEqual([
      { type: 'fortune-telling', name: 'fortune-telling' },
      { type: 'rating', name: 'rating' },
    ]);
    expect(simulation.left()).toEqual({});
    expect(simulation.tasks).toEqual({ compute: 'finished' });
    expect(waived()).toEqual([]);
  });

  it('holds a requested cleanup, and the hold names the service', async () => {
    await simulation.ask();
    await simulation.settle();
    expect(simulation.operation).toMatchObject({
      state: 'held',
      hold: { about: 'leftovers', reason: expect.stringMatching(/fortune-telling: .*rating: /) },
    });
    expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled: false });
    await simulation.release();
    await simulation.settle();
    expect(simulation.state).toBe('unverified');
    expect(simulation.cloud.projects.has(TARGET)).toBe(false);
  });

  it('does not concern the cleanup of users', async () => {
    simulation.cloud.users.delete('gone-user');
    await simulation.engine.commit({ messages: [deleted('user', 'gone-user')] });
    await simulation.settle();
    expect(simulation.operation).toMatchObject({ state: 'finished', uncovered: [] });
  });
});

describe('the propagator in the catalog', () => {
  it('is no uncovered service: the operation ends as finished, without a task for it', async () => {
    simulation = new StatefulSimulation(COVERED);
    simulation.cloud.moreTypes.push('account-propagation');
    simulation.services.push(keystonePropagator);
    await notified();
    await simulation.settle();
    expect(simulation.operation).toMatchObject({ state: 'finished', uncovered: [] });
    expect(simulation.left()).toEqual({});
    expect(simulation.tasks).toEqual({ compute: 'finished' });
  });
});

describe('a waiver', () => {
  it('lets the operation end as finished, and the operation keeps its author and reason', async () => {
    await waive('rating');
    await waive('fortune-telling', 'bob');
    await notified();
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(waived().sort()).toEqual([
      ['fortune-telling', 'bob', 'it holds nothing of customers'],
      ['rating', 'ann', 'it holds nothing of customers'],
    ]);
    await simulation.call('DELETE', '/v1/waivers/rating');
    expect(waived()).toHaveLength(2);
  });

  it('is not enough for one of two uncovered types', async () => {
    await waive('rating');
    await notified();
    await simulation.settle();
    expect(simulation.state).toBe('unverified');
    expect(waived()).toEqual([['rating', 'ann', 'it holds nothing of customers']]);
  });

  it('applies to a running operation', async () => {
    await notified();
    expect(await simulation.until(() => simulation.state === 'running')).toBe(true);
    await waive('rating');
    await waive('fortune-telling');
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });

  it('applies to a held operation, which ends as finished after its release', async () => {
    await simulation.ask();
    await simulation.settle();
    await waive('rating');
    await waive('fortune-telling');
    await simulation.release();
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(waived()).toHaveLength(2);
  });

  it('no longer applies after it is deleted', async () => {
    await waive('rating');
    await waive('fortune-telling');
    expect(await simulation.call('DELETE', '/v1/waivers/rating')).toEqual({
      status: 200,
      body: { removedWaiver: 'rating' },
    });
    expect((await simulation.call('GET', '/v1/waivers')).body.waivers).toMatchObject([
      { type: 'fortune-telling' },
    ]);
    await notified();
    await simulation.settle();
    expect(simulation.state).toBe('unverified');
    expect(waived().map(([type]) => type)).toEqual(['fortune-telling']);
  });

  it('applies to unreachable resources of its own type, and of no other type', async () => {
    const withVault = [...COVERED, { name: 'vault', resourceTypes: { secret: 'C' } }] as const;
    simulation = new StatefulSimulation(withVault);
    await waive('rating');
    await notified();
    await simulation.settle();
    expect(simulation.state).toBe('unverified');
    expect(waived()).toEqual([]);
    simulation = new StatefulSimulation(withVault);
    // The listener of Barbican itself removes the secrets, and the operator knows that it runs.
    expect(await waive('vault')).toMatchObject({ status: 201 });
    await notified();
    await simulation.settle();
    expect(simulation.tasks).toMatchObject({ vault: 'unreachable' });
    expect(simulation.state).toBe('finished');
    expect(waived().map(([type]) => type)).toEqual(['vault']);
  });

  it.each([
    ['of a type that is covered', { type: 'compute', reason: 'x' }, 409],
    ['without a reason', { type: 'rating' }, 400],
    ['with an empty reason', { type: 'rating', reason: '' }, 400],
    ['of an empty type', { type: '', reason: 'x' }, 400],
    ['of an invalid type', { type: '../waivers', reason: 'x' }, 400],
    ['that is no JSON', 'rating', 400],
  ])('%s is refused, with a reason, and nothing is stored', async (_, body, status) => {
    const answer = await simulation.call('POST', '/v1/waivers', body);
    expect(answer).toMatchObject({
      status,
      body: { error: { code: expect.stringMatching(/^api\./), message: expect.any(String) } },
    });
    expect((await simulation.call('GET', '/v1/waivers')).body.waivers).toEqual([]);
  });

  it('is stored with its author, and the newest of a type applies', async () => {
    expect(await waive('rating')).toEqual({ status: 201, body: { waived: 'rating' } });
    await waive('rating', 'bob');
    expect((await simulation.call('GET', '/v1/waivers')).body.waivers).toMatchObject([
      { type: 'rating', by: 'bob', at: simulation.engine.time },
    ]);
  });
});

describe('GET /v1/services', () => {
  it('lists the covered, uncovered and waived services, with their order and classes', async () => {
    simulation = new StatefulSimulation([
      { name: 'network', resourceTypes: { port: 'A' }, dependsOn: [required('compute')] },
      {
        name: 'vault',
        resourceTypes: { secret: 'C', label: 'A' },
        dependsOn: [preferred('compute')],
      },
      { name: 'compute', resourceTypes: { server: 'A' }, userResourceTypes: ['keypair'] },
    ]);
    simulation.cloud.moreTypes.push('rating', 'fortune-telling');
    simulation.httpPlugins.push('billing');
    await waive('rating');
    const { status, body } = await simulation.call('GET', '/v1/services');
    expect(status).toBe(200);
    expect(body).toMatchObject({
      httpPlugins: ['billing'],
      uncovered: [{ type: 'fortune-telling' }],
      waived: [{ type: 'rating', by: 'ann' }],
      services: [
        {
          name: 'compute',
          classes: ['A'],
          resourceTypes: ['compute.server'],
          userResourceTypes: ['compute.keypair'],
          regions: ['one'],
          on: true,
          preDelete: false,
        },
        { name: 'network', dependsOn: [{ service: 'compute', strength: 'required' }] },
        {
          name: 'vault',
          classes: ['A', 'C'],
          dependsOn: [{ service: 'compute', strength: 'preferred' }],
          preDelete: true,
        },
      ],
    });
  });
});
