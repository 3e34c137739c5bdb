import { addGroupSnapshot } from './cinder-groups.ts';
import { uuid } from './resource-store.ts';
import type { Project, User, Volume } from './rows.ts';
import type { Size } from './seed.ts';
import type { CloudState } from './state.ts';

/**
 * Volumes with snapshots: one was made from a snapshot, one waits for a transfer, one hangs in
 * `deleting`, one is in `error`. Also a chain of backups, a group with a group snapshot, a private
 * type, and quotas.
 */
export function fillStorage(state: CloudState, project: Project, user: User, size: Size): Volume[] {
  const { storage } = state;
  const id = project.id;
  const owner = { project_id: id, user_id: user.id };
  let created_at = state.clock.now() - 86_400_000;
  const add = (name: string, more: Partial<Volume> = {}): Volume => {
    created_at += 1000;
    return storage.volumes.add({
      id: uuid(),
      name,
      ...owner,
      size: 1,
      status: 'available',
      migration_status: null,
      snapshot_id: null,
      group_id: null,
      bootable: false,
      created_at,
      updated_at: created_at,
      busy: 0,
      ...more,
    });
  };
  const snapshot = (volume: Volume, name: string) =>
    storage.snapshots.add({
      id: uuid(),
      name,
      ...owner,
      volume_id: volume.id,
      size: 1,
      status: 'available',
      group_snapshot_id: null,
      created_at: ++created_at,
      updated_at: created_at,
      busy: 0,
    });

  const volumes = Array.from({ length: Math.max(1, size.volumes) }, (_, n) => add(`data-${n}`));
  for (const volume of volumes)
    for (let n = 0; n < size.snapshotsPerVolume; n++)
      snapshot(volume, `${volume.name}-snapshot-${n}`);
  const source = add('source');
  add('from-snapshot', { snapshot_id: snapshot(source, 'source-snapshot').id });
  add('stuck', { status: 'deleting' });
  add('broken', { status: 'error_deleting' });
  add('busy', { busy: 1 });
  const given = add('given-away', { status: 'awaiting-transfer' });
  storage.transfers.add({
    id: uuid(),
    name: 'gift',
    volume_id: given.id,
    project_id: id,
    created_at,
  });

  let parent: string | null = null;
  for (const name of ['full', 'increment-1', 'increment-2']) {
    parent = storage.backups.add({
      id: uuid(),
      name,
      ...owner,
      volume_id: source.id,
      size: 1,
      status: 'available',
      parent_id: parent,
      created_at: ++created_at,
      updated_at: created_at,
    }).id;
  }

  const [groupType] = storage.groupTypes.all();
  const [type] = storage.types.all();
  const group = storage.groups.add({
    id: uuid(),
    name: 'group',
    project_id: id,
    status: 'available',
    group_type: groupType?.id ?? '',
    volume_types: [type?.id ?? ''],
    created_at,
  });
  for (const name of ['member-0', 'member-1']) add(name, { group_id: group.id });
  addGroupSnapshot(state, group, 'group-snapshot', id, user.id);

  const fast =
    storage.types.where((row) => row.name === 'private')[0] ??
    storage.types.add({
      id: uuid(),
      name: 'private',
      is_public: false,
      description: null,
      access: new Set(),
    });
  fast.access.add(id);
  if (type) storage.defaultTypes.add({ id, type: type.id });
  storage.quotas.add({ id, values: { volumes: 500 } });
  storage.messages.add({
    id: uuid(),
    project_id: id,
    event_id: 'VOLUME_VOLUME_BACKUP_013_024',
    user_message: 'create backup:Backup failed to schedule.',
    resource_type: 'VOLUME_BACKUP',
    resource_uuid: uuid(),
    created_at,
  });
  return volumes;
}
