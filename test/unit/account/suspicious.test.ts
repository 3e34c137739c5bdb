import { ingest } from '../../../lib/handlers/ingest.ts';
import { LivingWorld, TARGET } from '../../property/stateful-world.ts';
import { away, cadf, project, role, World } from './world.ts';

const forged = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => cadf('identity.project.deleted', `never-${n}`));

describe('the deletion of an account that neither Keystone nor the inventory has ever shown', () => {
  it('is held with the answer of Keystone, and no event is published', async () => {
    const world = new World();
    await world.take(...forged(1));
    expect(world.logged).toEqual([]);
    expect(await world.engine.reads.suspicions(10)).toMatchObject({
      total: 1,
      records: [{ account: { type: 'project', id: 'never-0' }, suspicion: { keystone: 'absent' } }],
    });
  });

  it('is published if Keystone shows the account, which is recorded in the inventory', async () => {
    const world = new World();
    world.keystone.put(project('p1'));
    await world.take(cadf('identity.project.deleted', 'p1'));
    expect(world.logged).toEqual(['account.project.deleted project p1']);
    world.keystone.remove('project', 'p1');
    await world.take(cadf('identity.project.deleted', 'p1'));
    expect(world.logged).toHaveLength(2);
    expect((await world.engine.reads.suspicions(10)).total).toBe(0);
  });

  it('is held also if Keystone does not answer, and is not retried', async () => {
    const world = new World();
    world.keystone.fault = away;
    await world.take(...forged(1));
    expect(world.delayed).toEqual([]);
    expect(await world.engine.reads.suspicions(10)).toMatchObject({
      records: [{ suspicion: { keystone: 'not asked' } }],
    });
  });

  it('causes few calls if there are many, and the deletion of a known account is published', async () => {
    const world = new World();
    world.keystone.put(project('p1'));
    world.keystone.put(project('p2'));
    world.keystone.roles.push(role('p1', 'u1'));
    await world.take(cadf('identity.project.created', 'p1'));
    world.keystone.asked = [];
    await world.take(...forged(100), cadf('identity.project.deleted', 'p1'), ...forged(100));
    expect(world.keystone.asked.length).toBeLessThanOrEqual(20);
    expect(world.logged.at(-1)).toBe('account.project.deleted project p1');
    expect((await world.engine.reads.suspicions(10)).total).toBe(100);
  });

  it('does not change a known project into a domain', async () => {
    const world = new World();
    world.keystone.put(project('p1'));
    await world.take(cadf('identity.project.created', 'p1'));
    await world.take(cadf('identity.domain.deleted', 'p1'));
    await world.take(cadf('identity.project.deleted', 'p1'));
    expect(world.logged.at(-1)).toBe('account.project.deleted project p1');
  });
});

describe('the decision of an operator about suspicious deletions', () => {
  async function held(count = 3): Promise<LivingWorld> {
    const world = new LivingWorld([{ name: 'compute', resourceTypes: { server: 'A' } }]);
    world.cloud.delete(TARGET);
    const keystone = world.cloud.port.keystone;
    const log = { info: () => undefined, warn: () => undefined } as never;
    const bodies = [cadf('identity.project.deleted', TARGET), ...forged(count - 1)];
    const messages = bodies.map((body) => ({
      message: new World().received(body),
      receiveCount: 1,
    }));
    await ingest(messages, { engine: world.engine, keystone, log, now: () => world.engine.time });
    return world;
  }
  const post = (world: LivingWorld, what: string, body: object) =>
    world.call('POST', `/v1/suspicious/${what}`, { reason: 'looked at it', ...body });

  it('releases one: it is confirmed and cleaned up, and does not count for the cap', async () => {
    const world = await held();
    world.limits.maxOperationsPerHour = 1;
    const answer = await post(world, 'release', { accounts: [{ type: 'project', id: TARGET }] });
    expect(answer).toMatchObject({ status: 202, body: { released: 1, left: 2 } });
    await world.settle();
    expect(world.operation).toMatchObject({
      state: 'finished',
      cause: { suspicious: true, note: 'released by ann: looked at it' },
    });
    expect(world.left()).toEqual({});
    expect(await world.engine.reads.startedSince(0, 'project')).toBe(0);
    world.expectOthersUntouched();
  });

  it('drops all of them, and a dropped one can still be released', async () => {
    const world = await held();
    expect(await post(world, 'drop', { all: true })).toMatchObject({
      body: { dropped: 3, left: 0 },
    });
    await world.settle();
    expect(world.engine.operations.size).toBe(0);
    expect((await world.call('GET', '/v1/suspicious')).body).toMatchObject({
      total: 0,
      records: [{ suspicion: { dropped: { by: 'ann', reason: 'looked at it' } } }, {}, {}],
    });
    expect(
      await post(world, 'release', { accounts: [{ type: 'project', id: TARGET }] }),
    ).toMatchObject({ body: { released: 1 } });
    await world.settle();
    expect(world.state).toBe('finished');
  });

  it('releases all of them', async () => {
    const world = await held();
    expect(await post(world, 'release', { all: true })).toMatchObject({
      body: { released: 3, left: 0 },
    });
    await world.settle();
    expect([...world.engine.operations.values()].map(({ state }) => state)).toEqual([
      'finished',
      'finished',
      'finished',
    ]);
    world.expectOthersUntouched();
  });

  it('must name the accounts, or all of them', async () => {
    const world = await held();
    expect((await post(world, 'drop', {})).status).toBe(400);
    expect((await post(world, 'drop', { all: true, accounts: [] })).status).toBe(400);
  });
});
