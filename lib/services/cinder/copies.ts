import { PropagatorError } from '../../shared/errors.ts';
import { type Blocker, defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import { epochOf } from '../kit/time.ts';
import {
  ATTACHMENT_STATES,
  attachmentsOf,
  backupsOf,
  busyBlocker,
  changedAt,
  groupSnapshotsOf,
  groupsOf,
  INDEPENDENT_OF_NOVA,
  isNovaDeleting,
  isUnchangedFor,
  MINUTE,
  refusalBlocker,
  STUCK_AFTER_MILLIS,
  snapshotsOf,
  volumeRow,
  volumesOf,
} from './rows.ts';

/** Returns the time of the latest change of these rows, or -Infinity if there are no rows. */
const latestChange = (rows: readonly Parameters<typeof changedAt>[0][]): number =>
  Math.max(...rows.map(changedAt));
const DELETABLE_STATES = ['available', 'error'];

/**
 * Snapshots. If a snapshot still has RBD clones, Cinder accepts its deletion and then sets it back
 * to `available`. A later run requests the deletion again, after the clones are gone.
 */
export const snapshot = defineType({
  name: 'snapshot',
  independentOf: INDEPENDENT_OF_NOVA,
  async list(context) {
    const [rows, groupSnapshots] = await Promise.all([
      snapshotsOf(context),
      groupSnapshotsOf(context),
    ]);
    if (rows.length === 0) return [];
    const groupSnapshotIds = new Set(groupSnapshots.map((row) => row.id));
    const attachedIds = await attachedVolumeIds(context);
    return rows.map((row) => ({
      ...row,
      isOfGroup: Boolean(row.group_snapshot_id && groupSnapshotIds.has(row.group_snapshot_id)),
      isAttached: attachedIds.has(row.volume_id),
    }));
  },
  id: (row) => row.id,
  owner: (row) => row['os-extended-snapshot-attributes:project_id'] ?? undefined,
  label: (row) => row.name ?? undefined,
  createdAt: (row) => epochOf(row.created_at),
  blocked(row, context) {
    if (row.isOfGroup)
      return temporaryBlocker('Cinder deletes the snapshot with its group snapshot');
    if (row.isAttached)
      return temporaryBlocker('the volume of the snapshot is attached to a server');
    return [...DELETABLE_STATES, 'deleting'].includes(row.status) || row.status.startsWith('error')
      ? undefined
      : busyBlocker(row, context);
  },
  async remove(row, context): Promise<Removal> {
    const path = `/snapshots/${encodeURIComponent(row.id)}`;
    const isStuck = row.status === 'deleting' && isUnchangedFor(STUCK_AFTER_MILLIS, row, context);
    if (row.status === 'deleting' && !isStuck) return { kind: 'accepted' };
    try {
      if (DELETABLE_STATES.includes(row.status)) await context.api.request('DELETE', path);
      else await context.api.request('POST', `${path}/action`, { json: { 'os-force_delete': {} } });
    } catch (error) {
      return { kind: 'blocked', ...refusalBlocker(error) };
    }
    return isStuck ? { kind: 'accepted', stuckSince: changedAt(row) } : { kind: 'accepted' };
  },
});

/**
 * While Nova still deletes servers of the project: the ids of volumes that may be attached to one.
 * Otherwise an empty set. The removal of a snapshot of such a volume must wait, because some
 * drivers (NFS) call Nova to delete the snapshot.
 */
async function attachedVolumeIds(
  context: ProjectContext,
): Promise<ReadonlySet<string | null | undefined>> {
  if (!isNovaDeleting(context)) return new Set();
  const [volumes, attachments] = await Promise.all([volumesOf(context), attachmentsOf(context)]);
  const attachedByRow = volumes.filter(
    (row) => (row.attachments ?? []).length > 0 || ATTACHMENT_STATES.includes(row.status),
  );
  return new Set([
    ...attachedByRow.map(({ id }) => id),
    ...attachments.map((row) => row.volume_id),
  ]);
}

export const groupSnapshot = defineType({
  name: 'group-snapshot',
  async list(context) {
    const rows = await groupSnapshotsOf(context);
    if (rows.length === 0) return [];
    // The row of a group snapshot has no time of the deletion request. The rows of its snapshots
    // have it.
    const snapshots = await snapshotsOf(context);
    return rows.map((row) => ({
      ...row,
      lastChange: latestChange(snapshots.filter((one) => one.group_snapshot_id === row.id)),
    }));
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: (row) =>
    [...DELETABLE_STATES, 'deleting'].includes(row.status) || row.status.startsWith('error')
      ? undefined
      : temporaryBlocker(`the group snapshot is busy (${row.status})`),
  async remove(row, { api, now }): Promise<Removal> {
    const path = `/group_snapshots/${encodeURIComponent(row.id)}`;
    const isStuck = row.status === 'deleting' && now() - row.lastChange > STUCK_AFTER_MILLIS;
    if (row.status === 'deleting' && !isStuck) return { kind: 'accepted' };
    try {
      if (!DELETABLE_STATES.includes(row.status))
        await api.request('POST', `${path}/action`, {
          json: { reset_status: { status: 'error' } },
        });
      await api.request('DELETE', path);
    } catch (error) {
      return { kind: 'blocked', ...refusalBlocker(error) };
    }
    return isStuck && Number.isFinite(row.lastChange)
      ? { kind: 'accepted', stuckSince: row.lastChange }
      : { kind: 'accepted' };
  },
});

/** Groups with their volumes. Cinder refuses to delete a single volume of a group. */
export const group = defineType({
  name: 'group',
  async list(context) {
    const rows = await groupsOf(context);
    if (rows.length === 0) return [];
    const [volumes, snapshots, groupSnapshots, attachments] = await Promise.all([
      volumesOf(context),
      snapshotsOf(context),
      groupSnapshotsOf(context),
      attachmentsOf(context),
    ]);
    return rows.map((row) => {
      const members = volumes.filter((volume) => volume.group_id === row.id);
      const memberIds = new Set<string | null | undefined>(members.map(({ id }) => id));
      const blocker = groupBlocker({
        hasSnapshots:
          groupSnapshots.some((one) => one.group_id === row.id) ||
          snapshots.some((one) => memberIds.has(one.volume_id)),
        isAttached: attachments.some((one) => memberIds.has(one.volume_id)),
      });
      return { ...row, blocker, lastChange: latestChange(members) };
    });
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: (row) => row.blocker,
  async remove(row, context): Promise<Removal> {
    // The row of a group has no time of its last change. The rows of its volumes have it.
    const isInProgress =
      row.status === 'deleting' && context.now() - row.lastChange <= STUCK_AFTER_MILLIS;
    if (isInProgress) return { kind: 'accepted' };
    const blocker = await foreignVolumeBlocker(row.id, context);
    if (blocker) return { kind: 'blocked', ...blocker };
    try {
      // With `delete-volumes` Cinder accepts the deletion of a group in any state.
      await context.api.request('POST', `/groups/${encodeURIComponent(row.id)}/action`, {
        json: { delete: { 'delete-volumes': true } },
      });
    } catch (error) {
      return { kind: 'blocked', ...refusalBlocker(error) };
    }
    return row.status === 'deleting' && Number.isFinite(row.lastChange)
      ? { kind: 'accepted', stuckSince: row.lastChange }
      : { kind: 'accepted' };
  },
});

function groupBlocker(uses: { hasSnapshots: boolean; isAttached: boolean }): Blocker | undefined {
  if (uses.hasSnapshots)
    return temporaryBlocker('the snapshots of the group must be deleted first');
  return uses.isAttached
    ? temporaryBlocker('a volume of the group is attached to a server')
    : undefined;
}

/**
 * Returns the blocker of a group that contains volumes of another project. Cinder would delete
 * these volumes with the group.
 */
async function foreignVolumeBlocker(
  id: string,
  { api, project }: ProjectContext,
): Promise<Blocker | undefined> {
  const query = { all_tenants: 1, group_id: id };
  const { rows } = await api.list('/volumes/detail', {
    collection: 'volumes',
    row: volumeRow,
    paging: 'marker',
    query,
  });
  if (rows.every((row) => row.group_id !== id || row['os-vol-tenant-attr:tenant_id'] === project))
    return undefined;
  return {
    message: 'the group contains volumes of another project',
    actor: 'operator',
    advice: 'Remove them from the group: cinder group-update --remove-volumes VOLUME_ID GROUP_ID',
  };
}

/** True if the 404 does not concern the backup: no cinder-backup service runs (seen on 21.3). */
const isBackupServiceMissing = (error: unknown): boolean =>
  error instanceof PropagatorError &&
  error.report.status === 404 &&
  /Service .*could not be found/.test(error.message);

/**
 * Backups. Cinder permits an administrator to delete a backup on which incremental backups depend.
 * The blocker therefore prevents the deletion until these incremental backups are gone. Cinder
 * removes the objects of a backup from Swift. The task of Swift removes objects that remain.
 */
export const backup = defineType({
  name: 'backup',
  independentOf: INDEPENDENT_OF_NOVA,
  list: backupsOf,
  id: (row) => row.id,
  owner: (row) => row['os-backup-project-attr:project_id'] ?? undefined,
  label: (row) => row.name ?? undefined,
  createdAt: (row) => epochOf(row.created_at),
  blocked(row, context) {
    if (row.has_dependent_backups)
      return temporaryBlocker(
        'the incremental backups that depend on the backup must be deleted first',
      );
    return [...DELETABLE_STATES, 'deleting', 'error_deleting'].includes(row.status)
      ? undefined
      : busyBlocker(row, context);
  },
  async remove(row, context): Promise<Removal> {
    const path = `/backups/${encodeURIComponent(row.id)}`;
    if (row.status === 'deleting' && !isUnchangedFor(60 * MINUTE, row, context))
      return { kind: 'accepted' };
    try {
      if (DELETABLE_STATES.includes(row.status)) {
        await context.api.request('DELETE', path);
        return { kind: 'accepted' };
      }
      // Some drivers do not support `os-force_delete`, so the state is reset. The next iteration
      // then deletes the backup.
      await context.api.request('POST', `${path}/action`, {
        json: { 'os-reset_status': { status: 'error' } },
      });
      return { kind: 'accepted', stuckSince: changedAt(row) };
    } catch (error) {
      if (isBackupServiceMissing(error))
        return {
          kind: 'blocked',
          message: 'no running cinder-backup service can delete the backup',
          actor: 'operator',
          advice:
            'Start cinder-backup with the driver that created this backup. To list the ' +
            'services: openstack volume service list',
        };
      return { kind: 'blocked', ...refusalBlocker(error) };
    }
  },
});
