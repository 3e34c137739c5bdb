import { trove as troveService } from '../../../lib/services/trove.ts';
import type { Backup } from '../../cloud/documented/trove-rows.ts';
import {
  CONFIGURATIONS,
  callsOf,
  instanceNamed,
  left,
  openTroveForEachTest,
  preDelete,
  tables,
  timed,
  UNREACHABLE,
} from './trove-fixture.ts';

openTroveForEachTest();

const MINUTE = 60_000;

const backupNamed = (name: string, owner = timed.project): Backup => {
  const [row] = tables().backups.where((one) => one.name === name && one.tenant_id === owner);
  if (!row) throw new TypeError(`no backup ${name}`);
  return row;
};

describe('Instances of Trove', () => {
  it('are removed after their replicas, and members only with their cluster, without refused calls', async () => {
    await timed.applyUntilEnd(troveService);
    expect(left('instance')).toEqual([]);
    expect(callsOf('DELETE', /\/instances\//).filter(({ status }) => status >= 400)).toEqual([]);
    for (const name of ['member-0', 'member-1'])
      expect(callsOf('DELETE', new RegExp(instanceNamed(name).id))).toEqual([]);
    expect(callsOf('DELETE', /\/clusters\//)).toHaveLength(1);
  });

  it('get no call in state BUILD for an hour, and are then reset and deleted', async () => {
    const row = instanceNamed('half-built');
    row.updated = timed.clock.now();
    const report = await timed.applyUntilEnd(troveService);
    expect(report.outcome.kind).toBe('again');
    expect(left('instance')).toEqual(['trove.instance half-built']);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ class: 'Blocked', actor: 'none', example: row.id }),
    );
    timed.clock.advance(61 * MINUTE);
    expect((await timed.applyUntilEnd(troveService)).outcome).toEqual(UNREACHABLE);
    expect(left('instance')).toEqual([]);
  });

  it('are deleted again and reported if their deletion hangs', async () => {
    const row = instanceNamed('stopped');
    Object.assign(row, { task: 'DELETING', updated: timed.clock.now() });
    await timed.applyUntilEnd(troveService);
    expect(left('instance')).toEqual(['trove.instance stopped']);
    expect(callsOf('DELETE', new RegExp(row.id))).toEqual([]);
    timed.clock.advance(16 * MINUTE);
    const since = row.updated;
    const report = await timed.run(troveService);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ class: 'InProgress', actor: 'operator', example: row.id, since }),
    );
    expect((await timed.applyUntilEnd(troveService)).outcome).toEqual(UNREACHABLE);
  });

  it('are left to the operator if they are members of a deleted cluster', async () => {
    const row = instanceNamed('stopped');
    row.cluster_id = 'gone';
    const report = await timed.applyUntilEnd(troveService);
    expect(left('instance')).toEqual(['trove.instance stopped']);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ class: 'Blocked', actor: 'operator', example: row.id }),
    );
  });

  it('are removed after a replica that was created meanwhile, although Trove answers 403', async () => {
    timed.fixture.rehearsal.faults.inject({
      service: 'trove',
      method: 'DELETE',
      path: /\/instances\//,
      times: 1,
      effect: {
        does: 'answer',
        status: 403,
        message: 'Detach replicas before deleting replica source.',
      },
    });
    expect((await timed.run(troveService)).outcome).toMatchObject({
      kind: 'again',
      error: undefined,
    });
    timed.clock.advance(10_000);
    timed.fixture.rehearsal.faults.inject({
      service: 'trove',
      method: 'DELETE',
      path: /\/instances\//,
      times: 1,
      effect: { does: 'answer', status: 403 },
    });
    expect((await timed.run(troveService)).outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied' },
    });
  });
});

describe('Clusters of Trove', () => {
  const galera = () => {
    const [row] = tables().clusters.where((one) => one.tenant_id === timed.project);
    if (!row) throw new TypeError('no cluster');
    return row;
  };

  it('get no call for an hour while they are busy, and are then reset and deleted with their members', async () => {
    Object.assign(galera(), { task: 'BUILDING', updated: timed.clock.now() });
    instanceNamed('member-0').task = 'BUILDING';
    const report = await timed.applyUntilEnd(troveService);
    expect(report.outcome.kind).toBe('again');
    expect(
      report.conditions
        .filter(({ actor }) => actor === 'none')
        .map(({ resourceType, count }) => [resourceType, count]),
    ).toEqual(
      expect.arrayContaining([
        ['trove.cluster', 1],
        ['trove.instance', 2],
      ]),
    );
    expect(left('cluster')).toEqual(['trove.cluster galera']);
    expect(left('instance')).toEqual(['trove.instance member-0', 'trove.instance member-1']);
    timed.clock.advance(61 * MINUTE);
    expect((await timed.applyUntilEnd(troveService)).outcome).toEqual(UNREACHABLE);
    expect(left()).toEqual(CONFIGURATIONS);
  });

  it('are reset if their deletion waits for a member that is not ready', async () => {
    instanceNamed('member-0').task = 'BUILDING';
    const report = await timed.run(troveService);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(galera().task).toBe('DELETING');
    timed.clock.advance(16 * MINUTE);
    expect((await timed.applyUntilEnd(troveService)).outcome).toEqual(UNREACHABLE);
    expect(left()).toEqual(CONFIGURATIONS);
  });
});

describe('Backups of Trove', () => {
  it('are set to failed through their instance if they still run and the project owns the instance', async () => {
    await timed.run(troveService);
    expect(callsOf('POST', /mgmt\/instances/).map(({ path }) => path)).toEqual([
      expect.stringContaining(`/mgmt/instances/${instanceNamed('source').id}/action`),
    ]);
    expect((await timed.applyUntilEnd(troveService)).outcome).toEqual(UNREACHABLE);
  });

  it('do not change an instance of another project on which they run', async () => {
    const foreign = instanceNamed('half-built', timed.controlProject);
    tables().backups.add({
      ...backupNamed('running'),
      id: 'of-a-foreign-instance',
      instance_id: foreign.id,
    });
    timed.rememberControls();
    const report = await timed.applyUntilEnd(troveService);
    expect(left('backup')).toEqual(['trove.backup running']);
    expect(foreign.task).toBe('BUILDING');
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        class: 'Blocked',
        actor: 'operator',
        message: expect.stringContaining('it is running'),
      }),
    );
    expect(timed.controlsAreUntouched).toBe(true);
  });

  it('are kept if a backup of another project is based on them, because Trove would remove that one too', async () => {
    tables().backups.add({
      ...backupNamed('full', timed.controlProject),
      id: 'foreign-child',
      parent_id: backupNamed('incremental').id,
    });
    timed.rememberControls();
    const report = await timed.applyUntilEnd(troveService);
    expect(left('backup')).toEqual(['trove.backup full', 'trove.backup incremental']);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        class: 'Blocked',
        actor: 'other-project',
        count: 2,
        message: expect.stringContaining('foreign-child'),
      }),
    );
    expect(timed.controlsAreUntouched).toBe(true);
    tables().backups.delete('foreign-child');
    expect((await timed.applyUntilEnd(troveService)).outcome).toEqual(UNREACHABLE);
  });

  it.each([
    ['refuses', 'Swift account not accessible'],
    ['missing', 'Swift is disabled'],
  ] as const)(
    'are not reported as removed, and stop no other type, when Swift %s',
    async (swift, words) => {
      tables().swift = swift;
      const report = await timed.applyUntilEnd(troveService);
      expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
      expect(left('backup')).toHaveLength(5);
      expect(left('instance')).toEqual([]);
      expect(report.conditions).toContainEqual(
        expect.objectContaining({
          resourceType: 'trove.backup',
          class: 'Blocked',
          actor: 'operator',
          message: expect.stringContaining(words),
        }),
      );
      tables().swift = 'works';
      expect((await timed.applyUntilEnd(troveService)).outcome).toEqual(UNREACHABLE);
      expect(left('backup')).toEqual([]);
    },
  );
});

describe('Modules of Trove', () => {
  it('are left and not reported if they apply to all projects', async () => {
    const report = await timed.applyUntilEnd(troveService);
    expect(tables().modules.where((row) => row.tenant_id === null)).toHaveLength(1);
    expect(left('module')).toEqual([]);
    expect(report.conditions.filter(({ resourceType }) => resourceType === 'trove.module')).toEqual(
      [],
    );
  });
});

describe('an instance in BUILD of an existing project', () => {
  const memberApi = () =>
    timed.fixture.cloud.api(troveService, 'RegionOne', timed.fixture.project, 'member');

  it('delays phase pre-delete at most five minutes, and is removed after the deletion of the project', async () => {
    const row = instanceNamed('half-built');
    row.updated = timed.clock.now();
    const first = await preDelete('admin', { memberApi });
    expect(first.outcome.kind).toBe('again');
    timed.clock.advance(5 * MINUTE);
    const report = await preDelete('admin', { memberApi });
    expect(report.outcome).toEqual({ kind: 'finished' });
    // It is reported, and counted as left.
    expect(report.counts).toMatchObject({ 'trove.instance': { left: 1 } });
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ class: 'Blocked', actor: 'none', example: row.id }),
    );
    expect(left()).toEqual(['trove.instance half-built']);
    await timed.fixture.deleteProject();
    timed.clock.advance(61 * MINUTE);
    expect((await timed.applyUntilEnd(troveService)).outcome).toEqual(UNREACHABLE);
    expect(left()).toEqual([]);
    expect(timed.fixture.controlsAreUntouched).toBe(true);
  });
});
