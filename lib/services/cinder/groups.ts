import {
  type Blocker,
  defineType,
  HOLD_TAG,
  type ProjectContext,
  type Removal,
} from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import {
  attachmentsOf,
  groupSnapshotsOf,
  groupsOf,
  latestChangeAt,
  refusalBlocker,
  STUCK_AFTER_MILLIS,
  snapshotsOf,
  volumeRow,
  volumesOf,
} from './rows.ts';

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
      const volumesOfGroup = volumes.filter((volume) => volume.group_id === row.id);
      const volumeIds = new Set<string | null | undefined>(volumesOfGroup.map(({ id }) => id));
      const blocker = groupBlocker({
        hasSnapshots:
          groupSnapshots.some((one) => one.group_id === row.id) ||
          snapshots.some((one) => volumeIds.has(one.volume_id)),
        hasAttachedVolume: attachments.some((one) => volumeIds.has(one.volume_id)),
      });
      return { ...row, blocker, lastChangeAt: latestChangeAt(volumesOfGroup), volumesOfGroup };
    });
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  isHeld: (row) => row.volumesOfGroup.some(({ metadata }) => HOLD_TAG in (metadata ?? {})),
  idsDeletedTogether: (row) => row.volumesOfGroup.map(({ id }) => id),
  blocked: (row) => row.blocker,
  async remove(row, context): Promise<Removal> {
    // The row of a group does not show the time of the last change. The time of the newest change
    // of a volume in the group is used instead.
    const isInProgress =
      row.status === 'deleting' && context.now() - row.lastChangeAt <= STUCK_AFTER_MILLIS;
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
    return row.status === 'deleting' && Number.isFinite(row.lastChangeAt)
      ? { kind: 'accepted', stuckSince: row.lastChangeAt }
      : { kind: 'accepted' };
  },
});

function groupBlocker(uses: {
  readonly hasSnapshots: boolean;
  readonly hasAttachedVolume: boolean;
}): Blocker | undefined {
  if (uses.hasSnapshots)
    return temporaryBlocker('the snapshots of the group must be deleted first');
  return uses.hasAttachedVolume
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
