import { zaqar } from '../../../lib/services/zaqar.ts';
import { zaqar as fake, zaqarIn, zaqarOn } from '../../cloud/documented/zaqar.ts';
import { CleanupFixture } from './cleanup-fixture.ts';
import { testServiceContract } from './service-contract.ts';

// No row of Zaqar names its owner: see the service file.
testServiceContract(zaqar, { with: [fake], ownerInRow: false });

let fixture: CleanupFixture;
afterEach(() => fixture?.close());
const open = async (documented = fake): Promise<void> => {
  fixture = await CleanupFixture.open({ with: [documented] });
  await fixture.grantCleaner();
};
const addQueue = (project: string, name: string) => {
  zaqarIn(fixture.rehearsal.state).queues.add({
    id: `${project}/${name}`,
    name,
    project_id: project,
  });
};
/**
 * Removes the queues of the project. A run then ends after its first listing if it has no topic.
 */
const removeQueues = () => {
  const { queues, subscriptions } = zaqarIn(fixture.rehearsal.state);
  for (const row of queues.where((one) => one.project_id === fixture.project))
    queues.delete(row.id);
  for (const row of subscriptions.where(
    (one) => one.project_id === fixture.project && one.source === 'jobs',
  ))
    subscriptions.delete(row.id);
};
const callsTo = (path: RegExp) =>
  fixture.rehearsal.calls.filter((call) => call.service === 'zaqar' && path.test(call.path));

describe('the cleanup of an existing project in Zaqar', () => {
  it('removes queues and topics with their subscriptions in one run', async () => {
    await open();
    const report = await fixture.preDelete(zaqar);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toEqual({
      'zaqar.queue': { listed: 3, gone: 3, left: 0 },
      'zaqar.topic': { listed: 1, gone: 1, left: 0 },
    });
    expect(fixture.left('zaqar')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('lists all pages of queues', async () => {
    await open();
    for (let n = 0; n < 57; n += 1) addQueue(fixture.project, `more-${n}`);
    const report = await fixture.preDelete(zaqar);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toMatchObject({ 'zaqar.queue': { listed: 60, gone: 60 } });
    expect(fixture.left('zaqar')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('keeps a queue whose subscriptions could not be removed', async () => {
    await open();
    fixture.rehearsal.faults.inject({
      service: 'zaqar',
      method: 'DELETE',
      path: /subscriptions/,
      effect: { does: 'answer', status: 503 },
    });
    expect((await fixture.preDelete(zaqar)).outcome).toMatchObject({
      kind: 'again',
      error: { class: 'Transient' },
    });
    expect(fixture.left('zaqar')).toEqual(
      expect.arrayContaining(['zaqar.queue jobs', 'zaqar.topic news']),
    );
    expect(fixture.left('zaqar')).not.toContain('zaqar.queue results');
  });

  it('removes nothing with a token on another project', async () => {
    await open();
    const cleanerProject = await fixture.cloud.ownProject();
    addQueue(cleanerProject.id, 'ours');
    fixture.rememberControls();
    const before = fixture.left('zaqar');
    const context = await fixture.context(zaqar);
    const report = await fixture.preDelete(zaqar, { projectApi: context.api });
    expect(fixture.left('zaqar')).toEqual(before);
    expect(report.conditions).toMatchObject([{ class: 'Unexpected', resourceType: 'zaqar.queue' }]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });
});

describe('Zaqar without MongoDB', () => {
  it('is finished without topics, which this Zaqar does not have', async () => {
    await open(zaqarOn('sqlalchemy'));
    const report = await fixture.preDelete(zaqar);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toMatchObject([
      { class: 'Unsupported', resourceType: 'zaqar.topic', actor: 'none' },
    ]);
    expect(fixture.left('zaqar')).toEqual([]);
  });

  it('is not treated as empty while its store is down', async () => {
    await open();
    fixture.rehearsal.faults.inject({
      service: 'zaqar',
      method: 'GET',
      effect: { does: 'answer', status: 503 },
    });
    const report = await fixture.preDelete(zaqar);
    expect(report.outcome).toMatchObject({ kind: 'again', error: { class: 'Transient' } });
    expect(fixture.left('zaqar')).not.toEqual([]);
  });

  it('lists topics a second time, because its store may have been down for a moment', async () => {
    await open();
    fixture.rehearsal.faults.inject({
      service: 'zaqar',
      method: 'GET',
      path: /topics/,
      times: 1,
      effect: { does: 'answer', status: 503 },
    });
    removeQueues();
    expect((await fixture.preDelete(zaqar)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('zaqar')).toEqual([]);
  });

  it('is not treated as empty when its store fails after the list of queues', async () => {
    await open();
    removeQueues();
    const down = { does: 'answer', status: 503 } as const;
    fixture.rehearsal.faults.inject({
      service: 'zaqar',
      method: 'GET',
      path: /topics/,
      effect: down,
    });
    fixture.rehearsal.faults.inject({
      service: 'zaqar',
      method: 'GET',
      path: /queues/,
      after: 1,
      effect: down,
    });
    expect((await fixture.preDelete(zaqar)).outcome).toMatchObject({
      kind: 'again',
      error: { class: 'Transient' },
    });
    expect(fixture.left('zaqar')).toContain('zaqar.topic news');
  });
});

describe('the cleanup of a deleted project in Zaqar', () => {
  it('makes no calls, and is reported as unreachable', async () => {
    await open();
    const before = fixture.left('zaqar');
    await fixture.deleteProject();
    const report = await fixture.clean(zaqar);
    expect(report.outcome).toMatchObject({
      kind: 'unreachable',
      because: expect.stringContaining('queues'),
    });
    expect(callsTo(/./)).toEqual([]);
    expect(fixture.left('zaqar')).toEqual(before);
  });
});
