import * as z from 'zod';
import { accepted, linksOf, list, setStatus } from './cinder-shape.ts';
import { find } from './cinder-volumes.ts';
import { action, body, type Call, param, Refusal, type Routes } from './http.ts';
import { isoMicros, uuid } from './resource-store.ts';
import type { Backup, GroupSnapshot, VolumeGroup } from './rows.ts';
import type { CloudState } from './state.ts';
import { ownProject } from './tokens.ts';

/**
 * Groups and group snapshots. Their next links lead to the list without details, so only the marker
 * in the link is useful.
 */
export function groupRoutes(state: CloudState, routes: Routes): void {
  const { groups, groupSnapshots, snapshots, volumes } = state.storage;
  const showGroup = (row: VolumeGroup) => ({
    id: row.id,
    status: row.status,
    availability_zone: 'nova',
    created_at: isoMicros(row.created_at),
    name: row.name,
    description: null,
    group_type: row.group_type,
    volume_types: row.volume_types,
    group_snapshot_id: null,
    source_group_id: null,
    replication_status: 'disabled',
    project_id: row.project_id,
  });
  const showSnapshot = (row: GroupSnapshot) => ({
    id: row.id,
    group_id: row.group_id,
    group_type_id: row.group_type_id,
    status: row.status,
    created_at: isoMicros(row.created_at),
    name: row.name,
    description: null,
    project_id: row.project_id,
  });
  const brief = ({ id, name }: { id: string; name: string }) => ({ id, name });
  const group = (call: Call): VolumeGroup =>
    find(groups.get(param(call, 'id')), `Group ${param(call, 'id')}`);
  const snapshot = (call: Call): GroupSnapshot =>
    find(groupSnapshots.get(param(call, 'id')), `GroupSnapshot ${param(call, 'id')}`);
  const groupList = {
    key: 'groups',
    linksKey: 'group_links',
    linkPath: 'groups',
    allTenants: 'by presence',
    counts: false,
    noun: 'Group',
  } as const;
  const snapshotList = {
    key: 'group_snapshots',
    linksKey: 'group_snapshot_links',
    linkPath: 'group_snapshots',
    allTenants: 'by presence',
    counts: false,
    noun: 'GroupSnapshot',
  } as const;

  routes
    .on('GET', '/groups', (call) => list(state, call, groups.all(), { ...groupList, shown: brief }))
    .on('GET', '/groups/detail', (call) =>
      list(state, call, groups.all(), { ...groupList, shown: showGroup }),
    )
    .on('POST', '/groups', (call) => {
      const input = body(
        call,
        z.object({
          group: z.object({
            name: z.string(),
            group_type: z.string(),
            volume_types: z.array(z.string()),
          }),
        }),
      ).group;
      const row = groups.add({
        ...input,
        id: uuid(),
        project_id: ownProject(call.token),
        status: 'available',
        created_at: state.clock.now(),
      });
      return { status: 202, json: { group: brief(row) } };
    })
    .on('GET', '/groups/:id', (call) => {
      const members = call.query.has('list_volume')
        ? {
            volumes: volumes
              .where((row) => row.group_id === param(call, 'id'))
              .map((row) => row.id),
          }
        : {};
      return { status: 200, json: { group: { ...showGroup(group(call)), ...members } } };
    })
    .on('PUT', '/groups/:id', (call) => {
      const { id } = group(call);
      const { add_volumes } = body(
        call,
        z.object({ group: z.object({ add_volumes: z.string() }) }),
      ).group;
      for (const volumeId of add_volumes.split(','))
        find(volumes.get(volumeId), `Volume ${volumeId}`).group_id = id;
      return accepted;
    })
    .on('POST', '/groups/:id/action', (call) => {
      const row = group(call);
      const [what, input] = action(call);
      if (what === 'reset_status')
        setStatus(state, row, z.object({ status: z.string() }).parse(input).status);
      else if (what === 'delete')
        deleteGroup(
          state,
          row,
          z.object({ 'delete-volumes': z.boolean().default(false) }).parse(input)['delete-volumes'],
          call.endless,
        );
      else throw new Refusal(400, `There is no such action: ${what}`);
      return accepted;
    })
    .on('GET', '/group_snapshots', (call) =>
      list(state, call, groupSnapshots.all(), { ...snapshotList, shown: brief }),
    )
    .on('GET', '/group_snapshots/detail', (call) =>
      list(state, call, groupSnapshots.all(), { ...snapshotList, shown: showSnapshot }),
    )
    .on('POST', '/group_snapshots', (call) => {
      const input = body(
        call,
        z.object({ group_snapshot: z.object({ name: z.string(), group_id: z.string() }) }),
      ).group_snapshot;
      const row = addGroupSnapshot(
        state,
        find(groups.get(input.group_id), `Group ${input.group_id}`),
        input.name,
        ownProject(call.token),
        call.token?.userId ?? '',
      );
      return {
        status: 202,
        json: { group_snapshot: { ...brief(row), group_type_id: row.group_type_id } },
      };
    })
    .on('GET', '/group_snapshots/:id', (call) => ({
      status: 200,
      json: { group_snapshot: showSnapshot(snapshot(call)) },
    }))
    .on('POST', '/group_snapshots/:id/action', (call) => {
      const [, input] = action(call);
      snapshot(call).status = z.object({ status: z.string() }).parse(input).status;
      return accepted;
    })
    .on('DELETE', '/group_snapshots/:id', (call) => {
      const row = snapshot(call);
      if (!['available', 'error'].includes(row.status))
        throw new Refusal(
          400,
          `Invalid GroupSnapshot: GroupSnapshot status must be available or error, but current status is: ${row.status}`,
        );
      setStatus(state, row, 'deleting');
      const own = snapshots.where((each) => each.group_snapshot_id === row.id);
      for (const each of own) setStatus(state, each, 'deleting');
      if (!call.endless)
        state.clock.after(state.options.durations.groupSnapshot, () => {
          if (row.status !== 'deleting') return;
          for (const each of own) snapshots.delete(each.id);
          groupSnapshots.delete(row.id);
        });
      return accepted;
    });
}

/** A group snapshot with a snapshot of every volume in the group. */
export function addGroupSnapshot(
  state: CloudState,
  group: VolumeGroup,
  name: string,
  project_id: string,
  user_id: string,
): GroupSnapshot {
  const { groupSnapshots, snapshots, volumes } = state.storage;
  const created_at = state.clock.now();
  const row = groupSnapshots.add({
    id: uuid(),
    name,
    project_id,
    group_id: group.id,
    group_type_id: group.group_type,
    status: 'available',
    created_at,
  });
  for (const volume of volumes.where((each) => each.group_id === group.id))
    snapshots.add({
      id: uuid(),
      name,
      project_id,
      user_id,
      volume_id: volume.id,
      size: volume.size,
      status: 'available',
      group_snapshot_id: row.id,
      created_at,
      updated_at: created_at,
      busy: 0,
    });
  return row;
}

function deleteGroup(
  state: CloudState,
  row: VolumeGroup,
  withVolumes: boolean,
  endless: boolean,
): void {
  const { groups, groupSnapshots, snapshots, volumes, attachments } = state.storage;
  const refuse = (reason: string): Refusal => new Refusal(400, `Invalid Group: ${reason}`);
  if (!withVolumes && !['available', 'error'].includes(row.status))
    throw refuse(`Group status must be available or error, but current status is: ${row.status}`);
  if (groupSnapshots.some((each) => each.group_id === row.id))
    throw refuse('Group has existing snapshots.');
  const members = volumes.where((each) => each.group_id === row.id);
  if (members.length > 0 && !withVolumes)
    throw refuse(
      `Group ${row.id} still contains volumes. The delete-volumes flag is required to delete it.`,
    );
  if (
    members.some((each) =>
      attachments.some((at) => at.volume_id === each.id && at.status === 'attached'),
    )
  )
    throw refuse(`Volume in group ${row.id} is attached. Need to detach first.`);
  if (members.some((each) => snapshots.some((snapshot) => snapshot.volume_id === each.id)))
    throw refuse('Volume in group still has dependent snapshots.');
  setStatus(state, row, 'deleting');
  for (const each of members) setStatus(state, each, 'deleting');
  if (endless) return;
  state.clock.after(state.options.durations.group, () => {
    if (row.status !== 'deleting') return;
    for (const each of members) volumes.delete(each.id);
    groups.delete(row.id);
  });
}

/**
 * Backups. Without a running cinder-backup Cinder answers their deletion with a 404 about the
 * service, and the backup stays.
 */
export function backupRoutes(state: CloudState, routes: Routes): void {
  const { backups, volumes } = state.storage;
  const hasIncrements = (row: Backup): boolean => backups.some((each) => each.parent_id === row.id);
  const show = (call: Call, row: Backup) => ({
    id: row.id,
    status: row.status,
    size: row.size,
    object_count: 0,
    availability_zone: null,
    container: 'volumebackups',
    created_at: isoMicros(row.created_at),
    updated_at: isoMicros(row.updated_at),
    name: row.name,
    description: null,
    fail_reason: null,
    volume_id: row.volume_id,
    links: linksOf(call, `backups/${row.id}`),
    is_incremental: row.parent_id !== null,
    has_dependent_backups: hasIncrements(row),
    snapshot_id: null,
    data_timestamp: isoMicros(row.created_at),
    metadata: {},
    'os-backup-project-attr:project_id': row.project_id,
    user_id: row.user_id,
  });
  const backup = (call: Call): Backup =>
    find(backups.get(param(call, 'id')), `Backup ${param(call, 'id')}`);
  const how = {
    key: 'backups',
    linksKey: 'backups_links',
    allTenants: 'by value',
    counts: true,
    noun: 'Backup',
  } as const;
  const service = (): void => {
    if (!state.options.backupService)
      throw new Refusal(404, 'Service cinder-backup could not be found.');
  };

  function remove(call: Call, row: Backup, force: boolean): void {
    if (!force && !['available', 'error'].includes(row.status))
      throw new Refusal(400, 'Invalid backup: Backup status must be available or error');
    if (force && !state.options.backupForce)
      throw new Refusal(405, 'Operation not supported: force delete.');
    // Cinder searches for increments only in the caller's project, so it does not stop an
    // administrator of another project.
    if (row.project_id === ownProject(call.token) && hasIncrements(row))
      throw new Refusal(400, 'Invalid backup: Incremental backups exist for this backup.');
    service();
    if (hasIncrements(row))
      state.sideEffects.push(`backup ${row.id} was deleted before its increments`);
    setStatus(state, row, 'deleting');
    if (call.endless) return;
    state.clock.after(state.options.durations.backup, () => {
      if (row.status === 'deleting') backups.delete(row.id);
    });
  }

  routes
    .on('GET', '/backups', (call) =>
      list(state, call, backups.all(), {
        ...how,
        linkPath: 'backups',
        shown: ({ id, name }) => ({ id, name, links: linksOf(call, `backups/${id}`) }),
      }),
    )
    .on('GET', '/backups/detail', (call) =>
      list(state, call, backups.all(), {
        ...how,
        linkPath: 'backups/detail',
        shown: (row) => show(call, row),
      }),
    )
    .on('POST', '/backups', (call) => {
      const input = body(
        call,
        z.object({
          backup: z.object({
            volume_id: z.string(),
            name: z.string().default(''),
            incremental: z.boolean().default(false),
          }),
        }),
      ).backup;
      const volume = find(volumes.get(input.volume_id), `Volume ${input.volume_id}`);
      const parent = input.incremental
        ? backups.where((row) => row.volume_id === volume.id).at(-1)
        : undefined;
      const row = backups.add({
        id: uuid(),
        name: input.name,
        project_id: ownProject(call.token),
        user_id: call.token?.userId ?? '',
        volume_id: volume.id,
        size: volume.size,
        status: 'available',
        parent_id: parent?.id ?? null,
        created_at: state.clock.now(),
        updated_at: state.clock.now(),
      });
      return {
        status: 202,
        json: { backup: { id: row.id, name: row.name, links: linksOf(call, `backups/${row.id}`) } },
      };
    })
    .on('GET', '/backups/:id', (call) => ({
      status: 200,
      json: { backup: show(call, backup(call)) },
    }))
    .on('DELETE', '/backups/:id', (call) => {
      remove(call, backup(call), false);
      return accepted;
    })
    .on('POST', '/backups/:id/action', (call) => {
      const row = backup(call);
      const [what, input] = action(call);
      if (what === 'os-force_delete') remove(call, row, true);
      else if (what === 'os-reset_status') {
        service();
        setStatus(state, row, z.object({ status: z.string() }).parse(input).status);
      } else throw new Refusal(400, `There is no such action: ${what}`);
      return accepted;
    });
}
