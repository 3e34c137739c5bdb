import { defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import { isNovaUnfinished } from '../kit/nova-deletion.ts';
import { epochMillisOf } from '../kit/time.ts';
import {
  ATTACHMENT_STATES,
  attachmentsOf,
  busyBlocker,
  changedAt,
  DELETABLE_COPY_STATES,
  groupSnapshotsOf,
  INDEPENDENT_OF_NOVA,
  isUnchangedFor,
  latestChangeAt,
  refusalBlocker,
  STUCK_AFTER_MILLIS,
  snapshotsOf,
  volumesOf,
} from './rows.ts';

/**
 * Snapshots. If a snapshot still has RBD clones, Cinder accepts the deletion, and then sets the
 * status of the snapshot back to `available`. Later runs request the deletion again.
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
      isInGroupSnapshot: Boolean(
        row.group_snapshot_id && groupSnapshotIds.has(row.group_snapshot_id),
      ),
      isAttached: attachedIds.has(row.volume_id),
    }));
  },
  id: (row) => row.id,
  owner: (row) => row['os-extended-snapshot-attributes:project_id'] ?? undefined,
  label: (row) => row.name ?? undefined,
  createdAt: (row) => epochMillisOf(row.created_at),
  blocked(row, context) {
    if (row.isInGroupSnapshot)
      return temporaryBlocker('Cinder deletes the snapshot with its group snapshot');
    if (row.isAttached)
      return temporaryBlocker('the volume of the snapshot is attached to a server');
    return [...DELETABLE_COPY_STATES, 'deleting'].includes(row.status) ||
      row.status.startsWith('error')
      ? undefined
      : busyBlocker(row, context);
  },
  async remove(row, context): Promise<Removal> {
    const path = `/snapshots/${encodeURIComponent(row.id)}`;
    const isStuck = row.status === 'deleting' && isUnchangedFor(STUCK_AFTER_MILLIS, row, context);
    if (row.status === 'deleting' && !isStuck) return { kind: 'accepted' };
    try {
      if (DELETABLE_COPY_STATES.includes(row.status)) await context.api.request('DELETE', path);
      else await context.api.request('POST', `${path}/action`, { json: { 'os-force_delete': {} } });
    } catch (error) {
      return { kind: 'blocked', ...refusalBlocker(error) };
    }
    return isStuck ? { kind: 'accepted', stuckSince: changedAt(row) } : { kind: 'accepted' };
  },
});

/**
 * Returns the ids of the volumes that may be attached to a server that Nova is still deleting. The
 * set is empty if Nova's task has ended. The removal of a snapshot of such a volume must wait,
 * because some drivers (NFS) call Nova to delete the snapshot.
 */
async function attachedVolumeIds(
  context: ProjectContext,
): Promise<ReadonlySet<string | null | undefined>> {
  if (!isNovaUnfinished(context)) return new Set();
  const [volumes, attachments] = await Promise.all([volumesOf(context), attachmentsOf(context)]);
  const volumesShownAsAttached = volumes.filter(
    (row) => (row.attachments ?? []).length > 0 || ATTACHMENT_STATES.includes(row.status),
  );
  return new Set([
    ...volumesShownAsAttached.map(({ id }) => id),
    ...attachments.map((row) => row.volume_id),
  ]);
}

export const groupSnapshot = defineType({
  name: 'group-snapshot',
  async list(context) {
    const rows = await groupSnapshotsOf(context);
    if (rows.length === 0) return [];
    // The row of a group snapshot does not show the time of the deletion request. The time of the
    // newest change of a snapshot in the group snapshot is used instead.
    const snapshots = await snapshotsOf(context);
    return rows.map((row) => {
      const members = snapshots.filter((one) => one.group_snapshot_id === row.id);
      return {
        ...row,
        lastChangeAt: latestChangeAt(members),
        snapshotIds: members.map(({ id }) => id),
      };
    });
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  idsDeletedTogether: (row) => row.snapshotIds,
  blocked: (row) =>
    [...DELETABLE_COPY_STATES, 'deleting'].includes(row.status) || row.status.startsWith('error')
      ? undefined
      : temporaryBlocker(`the group snapshot is busy (${row.status})`),
  async remove(row, { api, now }): Promise<Removal> {
    const path = `/group_snapshots/${encodeURIComponent(row.id)}`;
    const isStuck = row.status === 'deleting' && now() - row.lastChangeAt > STUCK_AFTER_MILLIS;
    if (row.status === 'deleting' && !isStuck) return { kind: 'accepted' };
    try {
      if (!DELETABLE_COPY_STATES.includes(row.status))
        await api.request('POST', `${path}/action`, {
          json: { reset_status: { status: 'error' } },
        });
      await api.request('DELETE', path);
    } catch (error) {
      return { kind: 'blocked', ...refusalBlocker(error) };
    }
    return isStuck && Number.isFinite(row.lastChangeAt)
      ? { kind: 'accepted', stuckSince: row.lastChangeAt }
      : { kind: 'accepted' };
  },
});
