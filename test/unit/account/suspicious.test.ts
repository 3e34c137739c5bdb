import { ingest } from '../../../lib/handlers/ingest.ts';
import { StatefulSimulation, TARGET } from '../../property/stateful-simulation.ts';
import { cadf, failUnavailable, IngestFixture, project, role } from './ingest-fixture.ts';

const forgedDeletions = (count: number): string[] =>
  Array.from({ length: count }, (_, n) => cadf('identity.project.deleted', `never-${n}`));

describe('the deletion of an account that neither Keystone nor the inventory has ever shown', () => {
  it('is held with the answer of Keystone, and no event is published', async () => {
    const fixture = new IngestFixture();
    await fixture.deliver(...forgedDeletions(1));
    expect(fixture.eventTexts).toEqual([]);
    expect(await fixture.engine.reads.suspicions(10)).toMatchObject({
      total: 1,
      records: [{ account: { type: 'project', id: 'never-0' }, suspicion: { keystone: 'absent' } }],
    });
  });

  it('is published if Keystone shows the account, which is recorded in the inventory', async () => {
    const fixture = new IngestFixture();
    fixture.keystone.put(project('p1'));
    await fixture.deliver(cadf('identity.project.deleted', 'p1'));
    expect(fixture.eventTexts).toEqual(['account.project.deleted project p1']);
    fixture.keystone.remove('project', 'p1');
    await fixture.deliver(cadf('identity.project.deleted', 'p1'));
    expect(fixture.eventTexts).toHaveLength(2);
    expect((await fixture.engine.reads.suspicions(10)).total).toBe(0);
  });

  it('is held also if Keystone does not answer, and is not retried', async () => {
    const fixture = new IngestFixture();
    fixture.keystone.fault = failUnavailable;
    await fixture.deliver(...forgedDeletions(1));
    expect(fixture.delayedNotifications).toEqual([]);
    expect(await fixture.engine.reads.suspicions(10)).toMatchObject({
      records: [{ suspicion: { keystone: 'not asked' } }],
    });
  });

  it('causes few calls if there are many, and the deletion of a known account is published', async () => {
    const fixture = new IngestFixture();
    fixture.keystone.put(project('p1'));
    fixture.keystone.put(project('p2'));
    fixture.keystone.roles.push(role('p1', 'u1'));
    await fixture.deliver(cadf('identity.project.created', 'p1'));
    fixture.keystone.calls = [];
    await fixture.deliver(
      ...forgedDeletions(100),
      cadf('identity.project.deleted', 'p1'),
      ...forgedDeletions(100),
    );
    expect(fixture.keystone.calls.length).toBeLessThanOrEqual(20);
    expect(fixture.eventTexts.at(-1)).toBe('account.project.deleted project p1');
    expect((await fixture.engine.reads.suspicions(10)).total).toBe(100);
  });

  it('is checked in Keystone although another account is reported deleted many times', async () => {
    const fixture = new IngestFixture();
    const repeated = Array.from({ length: 50 }, () => cadf('identity.project.deleted', 'p1'));
    await fixture.deliver(...repeated, cadf('identity.project.deleted', 'p2'));
    expect(fixture.keystone.calls).toEqual(['show project p1', 'show project p2']);
  });

  it('does not change a known project into a domain', async () => {
    const fixture = new IngestFixture();
    fixture.keystone.put(project('p1'));
    await fixture.deliver(cadf('identity.project.created', 'p1'));
    await fixture.deliver(cadf('identity.domain.deleted', 'p1'));
    await fixture.deliver(cadf('identity.project.deleted', 'p1'));
    expect(fixture.eventTexts.at(-1)).toBe('account.project.deleted project p1');
  });
});

describe('the decision of an operator about suspicious deletions', () => {
  async function simulateHeldDeletions(count = 3): Promise<StatefulSimulation> {
    const fixture = new StatefulSimulation([{ name: 'compute', resourceTypes: { server: 'A' } }]);
    fixture.cloud.delete(TARGET);
    const keystone = fixture.cloud.port.keystone;
    const log = { info: () => undefined, warn: () => undefined } as never;
    const bodies = [cadf('identity.project.deleted', TARGET), ...forgedDeletions(count - 1)];
    const messages = bodies.map((body) => ({
      message: new IngestFixture().received(body),
      receiveCount: 1,
    }));
    await ingest(messages, {
      engine: fixture.engine,
      keystone,
      log,
      now: () => fixture.engine.time,
    });
    return fixture;
  }
  const postDecision = (fixture: StatefulSimulation, decision: string, body: object) =>
    fixture.call('POST', `/v1/suspicious/${decision}`, { reason: 'looked at it', ...body });

  it('releases one: it is confirmed and cleaned up, and does not count for the cap', async () => {
    const fixture = await simulateHeldDeletions();
    fixture.limits.maxOperationsPerHour = 1;
    const answer = await postDecision(fixture, 'release', {
      accounts: [{ type: 'project', id: TARGET }],
    });
    expect(answer).toMatchObject({ status: 202, body: { released: 1, left: 2 } });
    await fixture.settle();
    expect(fixture.operation).toMatchObject({
      state: 'finished',
      cause: { suspicious: true, note: 'released by ann: looked at it' },
    });
    expect(fixture.left()).toEqual({});
    expect(await fixture.engine.reads.countStartedSince(0, 'project')).toBe(0);
    fixture.expectOthersUntouched();
  });

  it('drops all of them, and a dropped one can still be released', async () => {
    const fixture = await simulateHeldDeletions();
    expect(await postDecision(fixture, 'drop', { all: true })).toMatchObject({
      body: { dropped: 3, left: 0 },
    });
    await fixture.settle();
    expect(fixture.engine.operations.size).toBe(0);
    expect((await fixture.call('GET', '/v1/suspicious')).body).toMatchObject({
      total: 0,
      records: [{ suspicion: { dropped: { by: 'ann', reason: 'looked at it' } } }, {}, {}],
    });
    expect(
      await postDecision(fixture, 'release', { accounts: [{ type: 'project', id: TARGET }] }),
    ).toMatchObject({ body: { released: 1 } });
    await fixture.settle();
    expect(fixture.state).toBe('finished');
  });

  it('releases all of them', async () => {
    const fixture = await simulateHeldDeletions();
    expect(await postDecision(fixture, 'release', { all: true })).toMatchObject({
      body: { released: 3, left: 0 },
    });
    await fixture.settle();
    expect([...fixture.engine.operations.values()].map(({ state }) => state)).toEqual([
      'finished',
      'finished',
      'finished',
    ]);
    fixture.expectOthersUntouched();
  });

  it('must name the accounts, or all of them', async () => {
    const fixture = await simulateHeldDeletions();
    expect((await postDecision(fixture, 'drop', {})).status).toBe(400);
    expect((await postDecision(fixture, 'drop', { all: true, accounts: [] })).status).toBe(400);
  });
});
