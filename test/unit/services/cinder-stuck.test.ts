import { cinder } from '../../../lib/services/cinder.ts';
import {
  closeCloudAfterEachTest,
  faults,
  finished,
  fixture,
  left,
  MINUTE,
  open,
  openWithServers,
  rowOfProject,
  setFields,
  volume,
} from './cinder-fixture.ts';

closeCloudAfterEachTest();

const ago = (minutes: number) => fixture.clock.now() - minutes * MINUTE;

describe('A volume whose deletion does not end', () => {
  it('is deleted again when a busy back end made it available again', async () => {
    await open();
    setFields('busy', { busy: 3 });
    rowOfProject(fixture.storage.snapshots.all(), 'source-snapshot').busy = 2;
    expect((await fixture.applyUntilEnd(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('gets no call while its deletion is in progress, and is deleted by force when it is stuck', async () => {
    await open();
    const stuck = setFields('stuck', { updated_at: ago(9) });
    await fixture.run(cinder);
    expect(stuck.updated_at).toBe(ago(9));
    fixture.clock.advance(2 * MINUTE);
    const since = stuck.updated_at;
    expect((await fixture.run(cinder)).conditions).toContainEqual(
      expect.objectContaining({ resourceType: 'cinder.volume', actor: 'operator', since }),
    );
    fixture.clock.advance(MINUTE);
    expect((await fixture.applyUntilEnd(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('is deleted by force if it stays in creation, is empty and is not in use', async () => {
    await open();
    const hung = setFields('broken', { status: 'creating', updated_at: fixture.clock.now() });
    const copy = setFields('from-snapshot', {
      status: 'creating',
      updated_at: fixture.clock.now(),
    });
    await fixture.run(cinder);
    expect(hung.status).toBe('creating');
    fixture.clock.advance(2 * MINUTE);
    await fixture.run(cinder);
    expect(hung.status).toBe('deleting');
    // Cinder copies the data of a snapshot to this volume, which may take long.
    expect(copy.status).toBe('creating');
    copy.status = 'available';
    expect((await fixture.applyUntilEnd(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it.each([
    ['uploading', { status: 'uploading' }],
    ['migrating', { migration_status: 'migrating' }],
    ['maintenance', { status: 'maintenance' }],
  ])(
    'waits while Cinder works on it (%s), and is reported to the operator after an hour',
    async (word, fields) => {
      await open();
      setFields('data-3', { ...fields, updated_at: fixture.clock.now() });
      const firstReport = await fixture.applyUntilEnd(cinder);
      expect(firstReport.outcome.kind).toBe('again');
      expect(firstReport.conditions).toContainEqual(
        expect.objectContaining({
          actor: 'none',
          message: `Cinder is still processing the resource (status ${word})`,
        }),
      );
      expect(left('volume')).toEqual(['cinder.volume data-3']);
      fixture.clock.advance(61 * MINUTE);
      const late = await fixture.run(cinder);
      expect(late.conditions).toContainEqual(
        expect.objectContaining({
          class: 'Blocked',
          actor: 'operator',
          message: expect.stringContaining(word),
        }),
      );
      expect(left('volume')).toEqual(['cinder.volume data-3']);
    },
  );

  it('is detached from a deleted server, with or without a row of the attachment', async () => {
    await open();
    fixture.storage.attachments.add({
      id: 'leftover',
      volume_id: setFields('data-2', { status: 'in-use' }).id,
      instance: 'a-server-that-is-gone',
      status: 'attached',
      project_id: fixture.project,
      delete_on_termination: false,
      created_at: fixture.clock.now(),
    });
    setFields('data-3', { status: 'in-use' });
    setFields('busy', { status: 'detaching' });
    setFields('broken', { status: 'awaiting-transfer' });
    expect((await fixture.applyUntilEnd(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('is not detached from an existing server, of this project or another one', async () => {
    await openWithServers();
    const [foreign] = fixture.compute.servers.where(
      (row) => row.project_id === fixture.controlProject,
    );
    fixture.storage.attachments.add({
      id: 'abroad',
      volume_id: setFields('data-3', { status: 'in-use' }).id,
      instance: foreign?.id ?? '',
      status: 'attached',
      project_id: fixture.project,
      delete_on_termination: false,
      created_at: fixture.clock.now(),
    });
    const before = fixture.storage.attachments.where(
      (row) => row.project_id === fixture.project,
    ).length;
    const report = await fixture.applyUntilEnd(cinder);
    expect(report.outcome.kind).toBe('again');
    expect(
      fixture.storage.attachments.where((row) => row.project_id === fixture.project),
    ).toHaveLength(before);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'cinder.attachment',
        actor: 'none',
        message: expect.stringContaining('of the project'),
      }),
    );
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'cinder.attachment',
        actor: 'other-project',
        example: 'abroad',
        message: expect.stringContaining('another'),
      }),
    );
    expect(left('volume').sort()).toEqual([
      'cinder.volume data-0',
      'cinder.volume data-1',
      'cinder.volume data-3',
    ]);
  });
});

it('A volume is not detached from an existing server if the list of attachments omits it', async () => {
  await openWithServers();
  faults().inject({
    service: 'cinder',
    method: 'GET',
    path: /\/attachments/,
    effect: { does: 'drop-next', rows: 0 },
  });
  const before = JSON.stringify(fixture.storage.attachments.all());
  expect((await fixture.applyUntilEnd(cinder)).outcome.kind).toBe('again');
  expect(JSON.stringify(fixture.storage.attachments.all())).toBe(before);
  expect(volume('data-0')).toMatchObject({ status: 'in-use' });
});

describe('A deletion in Cinder that would remove other resources', () => {
  it('is not sent for a volume of which another project has a snapshot', async () => {
    await open();
    const snapshot = {
      ...rowOfProject(fixture.storage.snapshots.all(), 'source-snapshot'),
      id: 'theirs',
      project_id: fixture.controlProject,
    };
    fixture.storage.snapshots.add(snapshot);
    fixture.rememberControls();
    const report = await fixture.applyUntilEnd(cinder);
    expect(left('volume')).toEqual(['cinder.volume source']);
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'cinder.volume',
        class: 'Blocked',
        actor: 'other-project',
        message: expect.stringContaining('snapshots'),
      }),
    );
    expect(fixture.controlsAreUntouched).toBe(true);
    fixture.storage.snapshots.delete('theirs');
    expect((await fixture.applyUntilEnd(cinder)).outcome).toEqual(finished);
  });

  it('is not sent for a group with a volume of another project', async () => {
    await open();
    const group = rowOfProject(fixture.storage.groups.all(), 'group');
    const [theirs] = fixture.storage.volumes.where(
      (row) => row.project_id === fixture.controlProject && row.group_id === null,
    );
    if (theirs) theirs.group_id = group.id;
    fixture.rememberControls();
    const report = await fixture.applyUntilEnd(cinder);
    expect(left('group ')).toEqual(['cinder.group group']);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'cinder.group',
        class: 'Blocked',
        actor: 'operator',
        message: expect.stringContaining('another project'),
      }),
    );
    expect(fixture.controlsAreUntouched).toBe(true);
    if (theirs) theirs.group_id = null;
    expect((await fixture.applyUntilEnd(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });
});

describe('Cinder, when one of its services fails', () => {
  it('does not count a backup as deleted after a 404 about cinder-backup, and removes the other types', async () => {
    await open({ backupService: false });
    const report = await fixture.applyUntilEnd(cinder);
    expect(report.outcome.kind).toBe('again');
    expect(
      left()
        .filter((resource) => !resource.startsWith('cinder.quota'))
        .sort(),
    ).toEqual(['full', 'increment-1', 'increment-2'].map((name) => `cinder.backup ${name}`));
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'cinder.backup',
        class: 'Blocked',
        actor: 'operator',
        message: expect.stringContaining('cinder-backup'),
      }),
    );
  });

  it('resets and deletes snapshots, group snapshots, groups and backups whose deletion hangs or failed', async () => {
    await open();
    const { snapshots, groupSnapshots, backups, groups } = fixture.storage;
    rowOfProject(snapshots.all(), 'data-0-snapshot-0').status = 'error_deleting';
    Object.assign(rowOfProject(snapshots.all(), 'data-1-snapshot-0'), {
      status: 'deleting',
      updated_at: ago(11),
    });
    rowOfProject(backups.all(), 'increment-2').status = 'error_deleting';
    Object.assign(rowOfProject(backups.all(), 'increment-1'), {
      status: 'deleting',
      updated_at: ago(61),
    });
    const hanging = rowOfProject(groupSnapshots.all(), 'group-snapshot');
    hanging.status = 'deleting';
    for (const part of snapshots.where((row) => row.group_snapshot_id === hanging.id))
      part.updated_at = ago(11);
    rowOfProject(groups.all(), 'group').status = 'error_deleting';
    expect((await fixture.applyUntilEnd(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
    expect(fixture.fixture.rehearsal.state.sideEffects).toEqual([]);
  });

  it('recognizes by the times of its volumes that the deletion of a group is stuck, and deletes it again', async () => {
    await open();
    faults().inject({
      service: 'cinder',
      method: 'POST',
      path: /\/groups\//,
      times: 1,
      effect: { does: 'endless' },
    });
    await fixture.applyUntilEnd(cinder);
    expect(left('group ')).toHaveLength(1);
    fixture.clock.advance(11 * MINUTE);
    expect((await fixture.applyUntilEnd(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('does not finish when deletions never end', async () => {
    await open();
    const fault = faults().inject({ service: 'cinder', effect: { does: 'endless' } });
    expect((await fixture.applyUntilEnd(cinder)).outcome.kind).toBe('again');
    expect(left('volume')).toHaveLength(12);
    fault.clear();
    fixture.clock.advance(61 * MINUTE);
    expect((await fixture.applyUntilEnd(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });
});
