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
  isNovaDeleting,
  MINUTE,
  NOVA,
  refusalBlocker,
  STUCK_AFTER_MILLIS,
  snapshotsOf,
  volumeRow,
  volumesOf,
} from './rows.ts';

const isOlderThan = (
  row: Parameters<typeof changedAt>[0],
  { now }: ProjectContext,
  timeLimitMillis: number,
): boolean => now() - changedAt(row) > timeLimitMillis;
const DELETABLE_STATES = ['available', 'error'];

/**
 * Snapshots. If a snapshot still has RBD clones, Cinder accepts its deletion and then sets it back
 * to `available`. A later run requests the deletion again, after the clones are gone.
 */
export const snapshot = defineType({
  name: 'snapshot',
  independentOf: NOVA,
  async list(context) {
    const [rows, groupSnapshots] = await Promise.all([
      snapshotsOf(context),
      groupSnapshotsOf(context),
    ]);
    const ids = new Set(groupSnapshots.map((row) => row.id));
    const attached = await attachedVolumes(rows.length > 0, context);
    return rows.map((row) => ({
      ...row,
      isOfGroup: Boolean(row.group_snapshot_id && ids.has(row.group_snapshot_id)),
      isAttached: attached.has(row.volume_id),
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
    const isStuck = row.status === 'deleting' && isOlderThan(row, context, STUCK_AFTER_MILLIS);
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
 * Returns the volumes that may be attached to a server that Nova still deletes. Their snapshots
 * must wait, because some drivers (NFS) call Nova to delete the snapshot of an attached volume.
 */
async function attachedVolumes(
  hasSnapshots: boolean,
  context: ProjectContext,
): Promise<ReadonlySet<string | null | undefined>> {
  if (!hasSnapshots || !isNovaDeleting(context)) return new Set();
  const [volumes, attachments] = await Promise.all([volumesOf(context), attachmentsOf(context)]);
  const marked = volumes.filter(
    ({ status, attachments: own = [] }) => own.length > 0 || ATTACHMENT_STATES.includes(status),
  );
  return new Set([...marked.map(({ id }) => id), ...attachments.map((row) => row.volume_id)]);
}

export const groupSnapshot = defineType({
  name: 'group-snapshot',
  async list(context) {
    const rows = await groupSnapshotsOf(context);
    if (rows.length === 0) return [];
    // Only the rows of a group snapshot's snapshots contain the time of the deletion request.
    const snapshots = await snapshotsOf(context);
    return rows.map((row) => ({
      ...row,
      changed: Math.max(
        ...snapshots.filter((part) => part.group_snapshot_id === row.id).map(changedAt),
      ),
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
    const isStuck = row.status === 'deleting' && now() - row.changed > STUCK_AFTER_MILLIS;
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
    return isStuck && Number.isFinite(row.changed)
      ? { kind: 'accepted', stuckSince: row.changed }
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
      const isMember = (volume: string | null | undefined): boolean =>
        members.some((member) => member.id === volume);
      const hasSnapshots =
        groupSnapshots.some((one) => one.group_id === row.id) ||
        snapshots.some((one) => isMember(one.volume_id));
      const isAttached = attachments.some((one) => isMember(one.volume_id));
      const blocker = hasSnapshots
        ? temporaryBlocker('the snapshots of the group must be deleted first')
        : isAttached
          ? temporaryBlocker('a volume of the group is attached to a server')
          : undefined;
      return { ...row, blocker, changed: Math.max(...members.map(changedAt)) };
    });
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: (row) => row.blocker,
  async remove(row, context): Promise<Removal> {
    // Only the rows of a group's volumes contain the time of the last change.
    const isDeleting =
      row.status === 'deleting' && context.now() - row.changed <= STUCK_AFTER_MILLIS;
    if (isDeleting) return { kind: 'accepted' };
    const foreign = await foreignVolumeBlocker(row.id, context);
    if (foreign) return { kind: 'blocked', ...foreign };
    try {
      // With `delete-volumes` Cinder accepts the deletion of a group in any state.
      await context.api.request('POST', `/groups/${encodeURIComponent(row.id)}/action`, {
        json: { delete: { 'delete-volumes': true } },
      });
    } catch (error) {
      return { kind: 'blocked', ...refusalBlocker(error) };
    }
    return row.status === 'deleting' && Number.isFinite(row.changed)
      ? { kind: 'accepted', stuckSince: row.changed }
      : { kind: 'accepted' };
  },
});

/**
 * Blocks a group that contains volumes of another project, which Cinder would delete with the
 * group.
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

/**
 * Backups. Cinder lets an administrator delete a backup that incremental backups still need. The
 * blocker therefore keeps a backup until its incremental backups are gone. Cinder removes the
 * objects of a backup from Swift. Objects that remain are removed with the Swift account.
 */
export const backup = defineType({
  name: 'backup',
  independentOf: NOVA,
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
    if (row.status === 'deleting' && !isOlderThan(row, context, 60 * MINUTE))
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
      // This 404 means that the cinder-backup service is missing (seen on 21.3).
      if (
        error instanceof PropagatorError &&
        error.report.status === 404 &&
        /Service .*could not be found/.test(error.message)
      )
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
