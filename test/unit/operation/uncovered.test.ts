import type { Caller } from '../../api-tokens.ts';
import { preferred, required } from '../../dependencies.ts';
import { deleted, LivingWorld, TARGET } from '../../property/stateful-world.ts';

const COVERED = [{ name: 'compute', resourceTypes: { server: 'A' } }] as const;
let world: LivingWorld;
beforeEach(() => {
  world = new LivingWorld(COVERED);
  world.cloud.moreTypes.push('rating', 'fortune-telling');
});
afterEach(() => world.expectOthersUntouched());

async function notified(): Promise<void> {
  world.cloud.delete(TARGET);
  await world.engine.commit({ messages: [deleted('project', TARGET)] });
}
const waive = (type: string, by: Caller = 'ann') =>
  world.call('POST', '/v1/waivers', { type, reason: 'it holds nothing of customers' }, by);
const waived = () => world.operation.waived.map(({ type, by, reason }) => [type, by, reason]);

describe('a service of the catalog that no service file covers', () => {
  it('is listed on the operation, which ends as unverified', async () => {
    await notified();
    await world.settle();
    expect(world.state).toBe('unverified');
    expect(world.operation.uncovered).toEqual([
      { type: 'fortune-telling', name: 'fortune-telling' },
      { type: 'rating', name: 'rating' },
    ]);
    expect(world.left()).toEqual({});
    expect(world.tasks).toEqual({ compute: 'finished' });
    expect(waived()).toEqual([]);
  });

  it('holds a requested cleanup, and the hold names the service', async () => {
    await world.ask();
    await world.settle();
    expect(world.operation).toMatchObject({
      state: 'held',
      hold: { about: 'leftovers', reason: expect.stringMatching(/fortune-telling: .*rating: /) },
    });
    expect(world.cloud.projects.get(TARGET)).toMatchObject({ enabled: false });
    await world.release();
    await world.settle();
    expect(world.state).toBe('unverified');
    expect(world.cloud.projects.has(TARGET)).toBe(false);
  });

  it('does not concern the cleanup of users', async () => {
    world.cloud.users.delete('gone-user');
    await world.engine.commit({ messages: [deleted('user', 'gone-user')] });
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'finished', uncovered: [] });
  });
});

describe('a waiver', () => {
  it('lets the operation end as finished, and stays on it with author and reason', async () => {
    await waive('rating');
    await waive('fortune-telling', 'bob');
    await notified();
    await world.settle();
    expect(world.state).toBe('finished');
    expect(waived().sort()).toEqual([
      ['fortune-telling', 'bob', 'it holds nothing of customers'],
      ['rating', 'ann', 'it holds nothing of customers'],
    ]);
    await world.call('DELETE', '/v1/waivers/rating');
    expect(waived()).toHaveLength(2);
  });

  it('of one of two uncovered types is not enough', async () => {
    await waive('rating');
    await notified();
    await world.settle();
    expect(world.state).toBe('unverified');
    expect(waived()).toEqual([['rating', 'ann', 'it holds nothing of customers']]);
  });

  it('applies to a running operation', async () => {
    await notified();
    expect(await world.until(() => world.state === 'running')).toBe(true);
    await waive('rating');
    await waive('fortune-telling');
    await world.settle();
    expect(world.state).toBe('finished');
  });

  it('applies to a held operation, which ends as finished after its release', async () => {
    await world.ask();
    await world.settle();
    await waive('rating');
    await waive('fortune-telling');
    await world.release();
    await world.settle();
    expect(world.state).toBe('finished');
    expect(waived()).toHaveLength(2);
  });

  it('that is deleted does not apply any more', async () => {
    await waive('rating');
    await waive('fortune-telling');
    expect(await world.call('DELETE', '/v1/waivers/rating')).toEqual({
      status: 200,
      body: { unwaived: 'rating' },
    });
    expect((await world.call('GET', '/v1/waivers')).body.waivers).toMatchObject([
      { type: 'fortune-telling' },
    ]);
    await notified();
    await world.settle();
    expect(world.state).toBe('unverified');
    expect(waived().map(([type]) => type)).toEqual(['fortune-telling']);
  });

  it('applies to unreachable resources of its own type, and of no other type', async () => {
    const withVault = [...COVERED, { name: 'vault', resourceTypes: { secret: 'C' } }] as const;
    world = new LivingWorld(withVault);
    await waive('rating');
    await notified();
    await world.settle();
    expect(world.state).toBe('unverified');
    expect(waived()).toEqual([]);
    world = new LivingWorld(withVault);
    // The listener of Barbican itself removes the secrets, and the operator knows that it runs.
    expect(await waive('vault')).toMatchObject({ status: 201 });
    await notified();
    await world.settle();
    expect(world.tasks).toMatchObject({ vault: 'unreachable' });
    expect(world.state).toBe('finished');
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
    const answer = await world.call('POST', '/v1/waivers', body);
    expect(answer).toMatchObject({
      status,
      body: { error: { code: expect.stringMatching(/^api\./), message: expect.any(String) } },
    });
    expect((await world.call('GET', '/v1/waivers')).body.waivers).toEqual([]);
  });

  it('is stored with its author, and the newest of a type applies', async () => {
    expect(await waive('rating')).toEqual({ status: 201, body: { waived: 'rating' } });
    await waive('rating', 'bob');
    expect((await world.call('GET', '/v1/waivers')).body.waivers).toMatchObject([
      { type: 'rating', by: 'bob', at: world.engine.time },
    ]);
  });
});

describe('GET /v1/services', () => {
  it('lists the covered, uncovered and waived services, with their order and classes', async () => {
    world = new LivingWorld([
      { name: 'network', resourceTypes: { port: 'A' }, dependsOn: [required('compute')] },
      {
        name: 'vault',
        resourceTypes: { secret: 'C', label: 'A' },
        dependsOn: [preferred('compute')],
      },
      { name: 'compute', resourceTypes: { server: 'A' }, userResourceTypes: ['keypair'] },
    ]);
    world.cloud.moreTypes.push('rating', 'fortune-telling');
    world.httpPlugins.push('billing');
    await waive('rating');
    const { status, body } = await world.call('GET', '/v1/services');
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
