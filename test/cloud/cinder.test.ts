import type { Row, Table } from './resource-store.ts';
import { at, openTestCloud, rows, type TestCloud } from './test-cloud.ts';

let testCloud: TestCloud;
afterEach(() => testCloud.close());

const mine = (): string => `all_tenants=1&project_id=${testCloud.project}`;
/** The id of the row with this name in the project. */
const id = <T extends Row & { name: string; project_id: string }>(
  table: Table<T>,
  name: string,
): string =>
  table.where((row) => row.name === name && row.project_id === testCloud.project)[0]?.id ??
  `no ${name}`;
const volume = (name: string): string => id(testCloud.cloud.state.storage.volumes, name);
const remove = (path: string) => testCloud.status('storage', 'DELETE', path);
const callAction = (path: string, name: string, value: unknown) =>
  testCloud.status('storage', 'POST', `${path}/action`, { json: { [name]: value } });
const listed = async (path: string, key: string): Promise<unknown[]> =>
  rows((await testCloud.ask('storage', 'GET', path)).json, key).map((row) => row.name);

describe('the Cinder of the rehearsal cloud', () => {
  beforeEach(async () => {
    testCloud = await openTestCloud();
    testCloud.cloud.seed.fill(testCloud.project, 'small');
  });

  it("refuses another project in the path, and lists only the caller's project without all_tenants", async () => {
    const base = `//v3/${testCloud.project}/volumes`;
    expect(await testCloud.status('storage', 'GET', base)).toBe(400);
    expect(await listed(`/volumes?project_id=${testCloud.project}`, 'volumes')).toEqual([]);
    expect(
      await listed(`/volumes?all_tenants=0&project_id=${testCloud.project}`, 'volumes'),
    ).toEqual([]);
    expect(await listed(`/groups?all_tenants=0&project_id=${testCloud.project}`, 'groups')).toEqual(
      ['group'],
    );
    expect(await testCloud.status('storage', 'GET', '/volumes?all_tenants=perhaps')).toBe(400);
  });

  it('treats a misspelled filter as one that matches nothing', async () => {
    expect(
      await listed(`/volumes?all_tenants=1&tenant_id=${testCloud.project}`, 'volumes'),
    ).toEqual([]);
    expect(await listed(`/volumes?${mine()}`, 'volumes')).not.toEqual([]);
  });

  it.each([
    ['with snapshots', 'data-3'],
    ['attached', 'data-0'],
    ['in a group', 'member-0'],
    ['awaiting a transfer', 'given-away'],
    ['already deleting', 'stuck'],
  ])('refuses to delete a volume %s', async (_, name) => {
    const { snapshots } = testCloud.cloud.state.storage;
    if (name !== 'data-3')
      for (const row of snapshots.where((each) => each.volume_id === volume(name)))
        snapshots.delete(row.id);
    const row = testCloud.cloud.state.storage.volumes.get(volume(name));
    // Only the cause in the name of the test prevents the deletion.
    if (row?.status === 'in-use') row.status = 'available';
    expect(await remove(`/volumes/${volume(name)}`)).toBe(400);
  });

  it('deletes by force volumes with a wrong status, and none that are attached or in a group', async () => {
    expect(await remove(`/volumes/${volume('stuck')}?force=true`)).toBe(202);
    expect(await remove(`/volumes/${volume('given-away')}?force=true`)).toBe(202);
    expect(await remove(`/volumes/${volume('data-0')}?force=true`)).toBe(400);
    expect(await remove(`/volumes/${volume('member-0')}?force=true`)).toBe(400);
  });

  it('deletes snapshots with cascade, later', async () => {
    expect(await remove(`/volumes/${volume('data-3')}?cascade=true`)).toBe(202);
    expect(await testCloud.status('storage', 'GET', `/volumes/${volume('data-3')}`)).toBe(200);
    const gone = volume('data-3');
    testCloud.clock.advance(200);
    expect(await testCloud.status('storage', 'GET', `/volumes/${gone}`)).toBe(404);
    expect(await listed(`/snapshots?${mine()}`, 'snapshots')).not.toContain('data-3-snapshot-0');
  });

  it('sets a busy volume back to available', async () => {
    const path = `/volumes/${volume('busy')}`;
    await remove(path);
    testCloud.clock.advance(200);
    expect(at((await testCloud.ask('storage', 'GET', path)).json, 'volume.status')).toBe(
      'available',
    );
    await remove(path);
    testCloud.clock.advance(200);
    expect(await testCloud.status('storage', 'GET', path)).toBe(404);
  });

  it('keeps a volume in state deleting with an option, until it is reset or deleted by force', async () => {
    const path = `/volumes/${volume('from-snapshot')}`;
    testCloud.cloud.faults.inject({
      service: 'cinder',
      method: 'DELETE',
      path: /\/volumes\//,
      times: 1,
      effect: { does: 'endless' },
    });
    await remove(path);
    testCloud.clock.advance(3_600_000);
    expect(at((await testCloud.ask('storage', 'GET', path)).json, 'volume.status')).toBe(
      'deleting',
    );
    expect(await remove(path)).toBe(400);
    expect(await callAction(path, 'os-reset_status', { status: 'error' })).toBe(202);
    expect(await remove(path)).toBe(202);
    testCloud.clock.advance(200);
    expect(await testCloud.status('storage', 'GET', path)).toBe(404);
  });

  it('deletes a group only after its snapshots, and with its volumes', async () => {
    const { groups, groupSnapshots } = testCloud.cloud.state.storage;
    const group = `/groups/${id(groups, 'group')}`;
    const snapshot = `/group_snapshots/${id(groupSnapshots, 'group-snapshot')}`;
    const { text } = await testCloud.ask('storage', 'POST', `${group}/action`, {
      json: { delete: { 'delete-volumes': true } },
    });
    expect(text).toContain('Group has existing snapshots');
    expect(await remove(snapshot)).toBe(202);
    testCloud.clock.advance(200);
    expect(await callAction(group, 'delete', { 'delete-volumes': false })).toBe(400);
    expect(await callAction(group, 'delete', { 'delete-volumes': true })).toBe(202);
    testCloud.clock.advance(300);
    expect(await listed(`/volumes?${mine()}`, 'volumes')).not.toContain('member-0');
    expect(await listed(`/groups?${mine()}`, 'groups')).toEqual([]);
  });

  it('allows an administrator to delete a backup before its increments, and records the damage', async () => {
    const { backups } = testCloud.cloud.state.storage;
    const full = id(backups, 'full');
    expect(await remove(`/backups/${full}`)).toBe(202);
    expect(testCloud.cloud.state.sideEffects).toEqual([
      `backup ${full} was deleted before its increments`,
    ]);
    expect(
      await testCloud.status('storage', 'DELETE', `/backups/${id(backups, 'increment-1')}`, {
        as: testCloud.project,
      }),
    ).toBe(400);
  });

  it('cancels a transfer and makes its volume available', async () => {
    expect(
      await remove(`/volume-transfers/${id(testCloud.cloud.state.storage.transfers, 'gift')}`),
    ).toBe(202);
    expect(await remove(`/volumes/${volume('given-away')}`)).toBe(202);
  });

  it('keeps an attachment while Nova has the server', async () => {
    const [row] = testCloud.cloud.state.storage.attachments.where(
      (each) => each.volume_id === volume('data-0'),
    );
    expect(await remove(`/attachments/${row?.id}`)).toBe(409);
    testCloud.cloud.state.compute.servers.delete(row?.instance ?? '');
    expect(await remove(`/attachments/${row?.id}`)).toBe(200);
    expect(
      await callAction(`/volumes/${volume('data-0')}`, 'os-reset_status', {
        status: 'available',
        attach_status: 'detached',
      }),
    ).toBe(202);
  });

  it('answers calls about a deleted project, and deletes its quotas', async () => {
    await testCloud.ask('identity', 'DELETE', `/projects/${testCloud.project}`);
    const { json } = await testCloud.ask(
      'storage',
      'GET',
      `/os-quota-sets/${testCloud.project}?usage=true`,
    );
    expect(at(json, 'quota_set.backups.in_use')).toBe(3);
    expect(await remove(`/os-quota-sets/${testCloud.project}`)).toBe(200);
    expect(
      await testCloud.status('storage', 'DELETE', `//v3/default-types/${testCloud.project}`),
    ).toBe(204);
  });
});

describe('a Cinder as in the lab', () => {
  it('answers 404 to the deletion of a backup while no backup service runs, and keeps the backup', async () => {
    testCloud = await openTestCloud({ backupService: false });
    testCloud.cloud.seed.fill(testCloud.project, 'tiny');
    const path = `/backups/${id(testCloud.cloud.state.storage.backups, 'increment-2')}`;
    expect(await remove(path)).toBe(404);
    expect(await testCloud.status('storage', 'GET', path)).toBe(200);
  });

  it('answers 404 to the deletion of the default type of a deleted project, and keeps it', async () => {
    testCloud = await openTestCloud({ defaultTypesOfGoneProjects: false });
    testCloud.cloud.seed.fill(testCloud.project, 'tiny');
    await testCloud.ask('identity', 'DELETE', `/projects/${testCloud.project}`);
    expect(
      await testCloud.status('storage', 'DELETE', `//v3/default-types/${testCloud.project}`),
    ).toBe(404);
    expect(testCloud.cloud.store.count(testCloud.project)['cinder.default-type']).toBe(1);
  });
});
