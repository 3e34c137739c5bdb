import { UserId } from '../../../events/ids.ts';
import { aodh } from '../../../lib/services/aodh.ts';
import { createMemoize } from '../../../lib/task/memoize.ts';
import { runUserCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { aodhIn, aodh as fake } from '../../cloud/documented/aodh.ts';
import { uuid } from '../../cloud/resource-store.ts';
import { dependentsOf } from '../../dependencies.ts';
import { CleanupFixture } from './cleanup-fixture.ts';
import { testServiceContract } from './service-contract.ts';

testServiceContract(aodh, { with: [fake] });

let fixture: CleanupFixture;
beforeEach(async () => {
  fixture = await CleanupFixture.open({ with: [fake] });
});
afterEach(() => fixture.close());
const tables = () => aodhIn(fixture.rehearsal.state);
const callsOf = (method: string) =>
  fixture.rehearsal.calls.filter((call) => call.service === 'aodh' && call.method === method);

describe('the cleanup of a project in Aodh', () => {
  it('removes every alarm of a deleted project, whatever the state of its trust', async () => {
    await fixture.deleteProject();
    const report = await fixture.clean(aodh);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toEqual({ 'aodh.alarm': { listed: 3, gone: 3, left: 0 } });
    expect(fixture.left('aodh')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
    // The three GET requests: the first list, one alarm after its deletion failed, the empty list.
    expect([callsOf('GET').length, callsOf('DELETE').length]).toEqual([3, 3]);
  });

  it('lists all alarms when many have the same timestamp', async () => {
    for (let n = 0; n < 1500; n += 1)
      tables().alarms.add({
        id: uuid(),
        name: `more-${n}`,
        project_id: fixture.project,
        user_id: 'u',
        alarm_actions: [],
        enabled: true,
        timestamp: 7,
      });
    const report = await fixture.plan(aodh);
    expect(report.counts).toMatchObject({ 'aodh.alarm': { listed: 1503 } });
  });

  it('does not report an alarm as removed when its deletion failed', async () => {
    fixture.rehearsal.faults.inject({
      service: 'aodh',
      method: 'DELETE',
      effect: { does: 'answer', status: 500 },
    });
    const report = await fixture.clean(aodh);
    expect(report.outcome).toMatchObject({
      kind: 'again',
      error: { class: 'Transient', status: 500 },
    });
    expect(fixture.left('aodh')).toHaveLength(3);
  });

  it('does not read an alarm again after a 429', async () => {
    fixture.rehearsal.faults.inject({
      service: 'aodh',
      method: 'DELETE',
      effect: { does: 'answer', status: 429, retryAfter: 9 },
    });
    expect((await fixture.clean(aodh)).outcome).toMatchObject({ kind: 'again', afterSeconds: 9 });
    expect(callsOf('GET')).toHaveLength(1);
  });

  it('creates no quota row by listing', async () => {
    await fixture.plan(aodh);
    await fixture.clean(aodh);
    expect(tables().quotas.all()).toEqual([]);
  });

  it('runs before the cleanup of every service that alarms may scale', () => {
    expect(dependentsOf(aodh)).toEqual(
      expect.arrayContaining(['heat', 'nova', 'neutron', 'mistral']),
    );
    expect(aodh.preDelete).toBe(true);
  });
});

describe('Aodh, after a user was deleted', () => {
  it('reports the alarms of existing projects that use a trust of the user, and changes none', async () => {
    const api = await fixture.cloud.api(aodh, 'RegionOne');
    if (!api) throw new TypeError('the catalog has no aodh');
    const user = UserId.parse(fixture.control.userId);
    const common = {
      region: 'RegionOne',
      api,
      projectApi: undefined,
      apiOf: async () => undefined,
      now: Date.now,
      memoize: createMemoize(),
    };
    const context = { ...common, user, userName: 'ann', projects: [] };
    const confirmation = Confirmation.fromAnswers(user, [0, 5000], 5000);
    const before = tables().alarms.size;
    const report = await runUserCleanup({
      service: aodh,
      context,
      phase: 'apply',
      confirmation,
      deadline: Date.now() + 60_000,
    });
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toEqual({ 'aodh.alarm-of-user': { listed: 2, gone: 0, left: 2 } });
    expect(report.conditions).toMatchObject([
      {
        class: 'Unsupported',
        actor: 'operator',
        count: 2,
        message: expect.stringContaining(fixture.control.project.id),
      },
    ]);
    expect(tables().alarms.size).toBe(before);
    expect(callsOf('DELETE')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });
});
