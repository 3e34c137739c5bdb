import { manila } from '../../../lib/services/manila.ts';
import type { RunReport } from '../../../lib/task/run.ts';
import {
  manila as fake,
  type ManilaRow,
  manilaIn,
  manilaOf,
} from '../../cloud/documented/manila.ts';
import type { ManilaResourceType } from '../../cloud/documented/manila-rows.ts';
import { CleanupFixture } from './cleanup-fixture.ts';
import { testServiceContract } from './service-contract.ts';

// All requests below /v2/ are listings. The only other GET request reads the version document.
testServiceContract(manila, { with: [fake], listings: /^\/v2\/./ });

let fixture: CleanupFixture;
afterEach(() => fixture?.close());
const open = async (documented = fake): Promise<void> => {
  fixture = await CleanupFixture.open({ with: [documented], durations: { documented: 5 } });
};
const tables = () => manilaIn(fixture.rehearsal.state);
const rowOf = (resourceType: ManilaResourceType, name: string): ManilaRow => {
  const [row] = tables().of[resourceType].where(
    (one) => one.project_id === fixture.project && one.name === name,
  );
  if (!row) throw new TypeError(`no ${resourceType} ${name}`);
  return row;
};
/** Changes a row of the customer before the run. */
const setFields = (resourceType: ManilaResourceType, name: string, change: object): ManilaRow =>
  Object.assign(rowOf(resourceType, name), change);
const callsOf = (path: RegExp, method = 'GET') =>
  fixture.rehearsal.calls.filter(
    (call) => call.service === 'manila' && call.method === method && path.test(call.path),
  );
/** Repeats the run until it removes no further resource. Returns the last report. */
const runUntilNothingChanges = async (): Promise<RunReport> => {
  let report = await fixture.clean(manila);
  for (let left = -1; report.outcome.kind === 'again' && left !== fixture.left('manila').length; ) {
    left = fixture.left('manila').length;
    for (let runs = 0; runs < 3; runs += 1) {
      await new Promise((resolve) => setTimeout(resolve, 10));
      report = await fixture.clean(manila);
    }
  }
  return report;
};
const expectCleanedUp = (report: RunReport): void => {
  expect(report.outcome).toEqual({ kind: 'finished' });
  expect(fixture.left('manila')).toEqual([]);
  expect(fixture.controlsAreUntouched).toBe(true);
  expect(tables().forgotten).toEqual([]);
};

describe('the cleanup of a project in Manila', () => {
  it('removes each resource after its dependents, and leaves nothing on a back end', async () => {
    await open();
    const { conditions } = await fixture.plan(manila);
    expect(conditions.filter(({ message }) => /no owner|other projects/.test(message))).toEqual([]);
    fixture.rehearsal.faults.inject({
      service: 'manila',
      method: 'DELETE',
      path: /locks/,
      times: 1,
      effect: { does: 'answer', status: 500 },
    });
    expectCleanedUp(await fixture.runUntilEnd(manila));
    expect(fixture.rehearsal.state.sideEffects).toEqual([]);
    // No call was sent that Manila would have refused.
    expect(callsOf(/./, 'DELETE').filter(({ status }) => [400, 403, 409].includes(status))).toEqual(
      [],
    );
  });

  it('never reports the password of a security service', async () => {
    await open();
    fixture.rehearsal.faults.inject({
      service: 'manila',
      method: 'DELETE',
      effect: { does: 'answer', status: 400 },
    });
    const report = await fixture.clean(manila);
    expect(callsOf(/security-services/)).not.toEqual([]);
    expect(JSON.stringify(report)).not.toContain('secret-of-the-directory');
  });

  it('lists all pages of shares', async () => {
    await open();
    const original = rowOf('share', 'plain');
    for (let n = 0; n < 1100; n += 1) tables().of.share.add({ ...original, id: `share-${n}` });
    const before = tables().of.share.where((row) => row.project_id === fixture.project).length;
    expect((await fixture.plan(manila)).counts).toMatchObject({
      'manila.share': { listed: before },
    });
    expectCleanedUp(await fixture.runUntilEnd(manila));
  });

  it('removes the last replica with its share, also when none is active', async () => {
    await open();
    const { share } = tables().of;
    const replicated = rowOf('share', 'replicated');
    setFields('replica', 'active', { replica_state: 'out_of_sync' });
    // This share is the last one of a listing. With a limit, Manila would count it once for each
    // replica.
    share.delete(replicated.id);
    share.add(replicated);
    expectCleanedUp(await fixture.runUntilEnd(manila));
    expect(callsOf(/share-replicas/, 'DELETE')).toHaveLength(2);
  });

  it('keeps the limits while a share is left', async () => {
    await open();
    tables().stubborn.add(rowOf('share', 'plain').id);
    await runUntilNothingChanges();
    expect(fixture.left('manila')).toEqual(['manila.quota quota', 'manila.share plain']);
  });
});

describe('the backups of Manila', () => {
  const strangerId = () => fixture.control.project.id;
  const strangersShare = () =>
    tables().of.share.where(({ project_id }) => project_id === strangerId())[0]?.id;

  it('stay if another project created them, also on a share of the project', async () => {
    await open();
    const foreign = rowOf('backup', 'backup');
    foreign.project_id = strangerId();
    fixture.rememberControls();
    const report = await runUntilNothingChanges();
    expect(tables().of.backup.get(foreign.id)).toMatchObject({ status: 'available' });
    expect(fixture.left('manila')).toEqual(['manila.quota quota', 'manila.share saved']);
    expect(fixture.controlsAreUntouched).toBe(true);
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'manila.backup',
        class: 'Blocked',
        actor: 'operator',
        example: foreign.id,
      }),
    );
    tables().of.backup.delete(foreign.id);
    fixture.rememberControls();
    expectCleanedUp(await fixture.runUntilEnd(manila));
  });

  it('stay if the usage does not show which of them the project created', async () => {
    await open();
    const own = rowOf('backup', 'backup');
    const foreign = tables().of.backup.add({ ...own, id: 'foreign', project_id: strangerId() });
    fixture.rememberControls();
    await runUntilNothingChanges();
    expect([own.status, foreign.status]).toEqual(['available', 'available']);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('stay if two projects have each a backup on a share of the other one', async () => {
    await open();
    const foreign = rowOf('backup', 'backup');
    Object.assign(foreign, { project_id: strangerId(), size: 2 });
    const share = strangersShare();
    const own = { ...foreign, id: 'own', project_id: fixture.project, share_id: share, size: 1 };
    tables().of.backup.add(own);
    fixture.rememberControls();
    await runUntilNothingChanges();
    expect(tables().of.backup.get(foreign.id)).toMatchObject({ status: 'available' });
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('are reported if the project created them on a share of another project', async () => {
    await open();
    const elsewhere = rowOf('backup', 'backup');
    elsewhere.share_id = strangersShare();
    const report = await runUntilNothingChanges();
    expect(report.outcome.kind).toBe('again');
    expect(fixture.left('manila')).toEqual(['manila.backup backup', 'manila.quota quota']);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'manila.backup',
        class: 'Blocked',
        actor: 'operator',
        message: 'Manila counts 1 backups of the project, but lists 0 on the shares of the project',
      }),
    );
    tables().of.backup.delete(elsewhere.id);
    expectCleanedUp(await fixture.runUntilEnd(manila));
  });

  it('are reported if the project has no share left', async () => {
    await open();
    const elsewhere = rowOf('backup', 'backup');
    elsewhere.share_id = strangersShare();
    for (const { id } of tables().of.share.where((row) => row.project_id === fixture.project))
      tables().of.share.delete(id);
    const report = await runUntilNothingChanges();
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ resourceType: 'manila.backup', actor: 'operator' }),
    );
    expect(fixture.left('manila')).toContain('manila.backup backup');
  });
});

describe('Manila of an older release', () => {
  it('is emptied as of Zed (2.73), and the types that it lacks are reported', async () => {
    await open(manilaOf('2.73'));
    const report = await fixture.runUntilEnd(manila);
    expectCleanedUp(report);
    const lacking = report.conditions
      .filter((condition) => condition.class === 'Unsupported')
      .map(({ resourceType }) => resourceType);
    expect(lacking.sort()).toEqual(['manila.backup', 'manila.lock', 'manila.transfer']);
    expect(callsOf(/locks|transfers|backups/)).toEqual([]);
  });

  it('lists shares once, because it has no recycle bin (2.65)', async () => {
    await open(manilaOf('2.65'));
    expectCleanedUp(await fixture.runUntilEnd(manila));
    expect(callsOf(/is_soft_deleted/)).toEqual([]);
  });

  it('is not changed if groups and replicas are experimental (before 2.55)', async () => {
    await open(manilaOf('2.55'));
    await expect(fixture.cloud.api(manila, 'RegionOne')).rejects.toMatchObject({
      report: { class: 'Unsupported' },
    });
  });
});

describe('Manila, with deletions that fail', () => {
  it('repeats and reports the deletion of a share that the back end fails to delete', async () => {
    await open();
    const share = rowOf('share', 'failed');
    const snapshot = rowOf('snapshot', 'failed');
    for (const { id } of [share, snapshot]) tables().stubborn.add(id);
    const report = await runUntilNothingChanges();
    expect(report.outcome.kind).toBe('again');
    expect(fixture.left('manila').sort()).toEqual([
      'manila.quota quota',
      'manila.share failed',
      'manila.share snapped',
      'manila.snapshot failed',
    ]);
    share.status = 'error_deleting';
    expect((await fixture.clean(manila)).conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'manila.share',
        class: 'Blocked',
        actor: 'operator',
        example: share.id,
      }),
    );
    expect(callsOf(new RegExp(share.id), 'DELETE').length).toBeGreaterThan(1);
    tables().stubborn.clear();
    expectCleanedUp(await fixture.runUntilEnd(manila));
  });

  it.each<[string, ManilaResourceType, string, object, string[], 'operator' | 'none']>([
    [
      'a failed share in the recycle bin',
      'share',
      'binned',
      { status: 'error_deleting' },
      ['share binned'],
      'operator',
    ],
    [
      'a share that Manila manages only partly',
      'share',
      'plain',
      { status: 'manage_error' },
      ['share plain'],
      'operator',
    ],
    ['a share in extension', 'share', 'plain', { status: 'extending' }, ['share plain'], 'none'],
    [
      'a share in migration',
      'share',
      'plain',
      { task_state: 'migration_in_progress' },
      ['share plain'],
      'none',
    ],
    [
      'a share whose deletion is deferred',
      'share',
      'plain',
      { status: 'deferred_deleting' },
      ['share plain'],
      'none',
    ],
    [
      'a snapshot in restoration',
      'snapshot',
      'snapshot',
      { status: 'restoring' },
      ['share snapped', 'snapshot snapshot'],
      'none',
    ],
    ['a group in creation', 'group', 'group', { status: 'creating' }, ['group group'], 'none'],
    [
      'a share server that an administrator added to Manila',
      'share-server',
      'server',
      { is_auto_deletable: false },
      ['security-service directory', 'share-network network', 'share-server server'],
      'operator',
    ],
  ])(
    '%s stays, and blocks no resource that does not depend on it',
    async (_what, resourceType, name, change, left, actor) => {
      await open();
      setFields(resourceType, name, change);
      const report = await runUntilNothingChanges();
      expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
      // The limits are removed after all other resources.
      expect(fixture.left('manila').sort()).toEqual(
        ['manila.quota quota', ...left.map((one) => `manila.${one}`)].sort(),
      );
      expect(report.conditions).toContainEqual(
        expect.objectContaining({ resourceType: `manila.${resourceType}`, actor }),
      );
      expect(tables().forgotten).toEqual([]);
      expect(fixture.controlsAreUntouched).toBe(true);
    },
  );

  it('resets the state of a share whose extension failed, and then deletes the share', async () => {
    await open();
    setFields('share', 'plain', { status: 'extending_error' });
    expectCleanedUp(await fixture.runUntilEnd(manila));
  });

  it('keeps a share that an administrator of another project locked, and the lock', async () => {
    await open();
    const share = rowOf('share', 'plain');
    tables().of.lock.add({
      id: 'theirs',
      name: 'theirs',
      project_id: fixture.control.project.id,
      status: '',
      resource_id: share.id,
    });
    fixture.rememberControls();
    const report = await runUntilNothingChanges();
    expect(fixture.left('manila')).toEqual(['manila.quota quota', 'manila.share plain']);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'manila.share',
        class: 'Blocked',
        actor: 'operator',
        message: expect.stringContaining('theirs'),
      }),
    );
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('keeps a security service that the share network of another project uses', async () => {
    await open();
    const service = rowOf('security-service', 'loose');
    const [network] = tables().of['share-network'].where(
      (row) => row.project_id !== fixture.project,
    );
    if (network) network._services = service.id;
    fixture.rememberControls();
    const report = await runUntilNothingChanges();
    expect(fixture.left('manila')).toEqual(['manila.security-service loose']);
    expect(report.conditions).toMatchObject([
      { resourceType: 'manila.security-service', actor: 'operator' },
    ]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('stops and reports to the operator when its policy refuses a call', async () => {
    await open();
    const message = "Policy doesn't allow share:delete to be performed.";
    fixture.rehearsal.faults.inject({
      service: 'manila',
      method: 'DELETE',
      path: /shares/,
      effect: { does: 'answer', status: 403, message },
    });
    expect((await fixture.clean(manila)).outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied', service: 'manila' },
    });
    expect(fixture.left('manila')).toContain('manila.share plain');
  });
});

describe('a deletion in Manila that hangs', () => {
  const HOUR = 3_600_000;
  const overdue = (report: RunReport, resourceType: string) =>
    report.conditions.filter(
      (condition) => condition.resourceType === resourceType && condition.since !== undefined,
    );

  it.each<[ManilaResourceType, string]>([
    ['share', 'plain'],
    ['snapshot', 'snapshot'],
    ['share-server', 'server'],
  ])(
    '%s: is reported with its start time, but only after half an hour',
    async (resourceType, name) => {
      await open();
      const now = fixture.rehearsal.state.clock.now();
      if (resourceType === 'share-server') tables().of.share.delete(rowOf('share', 'served').id);
      setFields(resourceType, name, { status: 'deleting', _deletedAt: now - HOUR / 4 });
      expect(overdue(await runUntilNothingChanges(), `manila.${resourceType}`)).toEqual([]);
      setFields(resourceType, name, { _deletedAt: now - HOUR });
      const late = overdue(await fixture.clean(manila), `manila.${resourceType}`);
      expect(late).toMatchObject([
        { class: 'InProgress', actor: 'operator', count: 1, since: now - HOUR },
      ]);
    },
  );

  it('is not checked while many deletions are in progress', async () => {
    await open();
    const original = rowOf('share', 'plain');
    for (let n = 0; n < 40; n += 1)
      tables().of.share.add({ ...original, id: `share-${n}`, status: 'deleting' });
    await fixture.clean(manila);
    expect(callsOf(/shares\/.*\/instances/)).toEqual([]);
  });
});
