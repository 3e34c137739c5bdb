import {
  type Blocker,
  defineType,
  HOLD_TAG,
  type ProjectContext,
  type Removal,
} from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import { isNovaUnfinished } from '../kit/nova-deletion.ts';
import { epochMillisOf } from '../kit/time.ts';
import {
  ATTACHMENT_STATES,
  attachmentsOf,
  busyBlocker,
  changedAt,
  groupsOf,
  INDEPENDENT_OF_NOVA,
  isUnchangedFor,
  MINUTE,
  refusalBlocker,
  STUCK_AFTER_MILLIS,
  snapshotRow,
  snapshotsOf,
  transfersOf,
  type VolumeRow,
  volumesOf,
  type WithBlocker,
} from './rows.ts';

/** Cinder deletes volumes in these states without `force`. */
const DELETABLE_STATES = [
  'available',
  'error',
  'error_restoring',
  'error_extending',
  'error_managing',
];
/** The values of `migration_status` of a volume that Cinder does not migrate now. */
const IDLE_MIGRATION_STATUSES = [undefined, null, 'none', 'success', 'error', 'deleting'];

/** True while a deletion is in progress and does not count as stuck. */
const isBeingDeleted = (row: VolumeRow, context: ProjectContext): boolean =>
  row.status === 'deleting' && !isUnchangedFor(STUCK_AFTER_MILLIS, row, context);

export const volume = defineType<WithBlocker<VolumeRow>>({
  name: 'volume',
  independentOf: INDEPENDENT_OF_NOVA,
  async list(context) {
    const rows = await volumesOf(context);
    // If Cinder is already deleting all volumes, the run needs no blockers.
    if (rows.every((row) => isBeingDeleted(row, context))) return rows;
    const [attachments, snapshots, transfers, groups] = await Promise.all([
      attachmentsOf(context),
      snapshotsOf(context),
      transfersOf(context),
      groupsOf(context),
    ]);
    const uses: VolumeUses = {
      attachedVolumeIds: new Set(attachments.map((row) => row.volume_id)),
      volumeIdsWithSnapshots: new Set(snapshots.map((row) => row.volume_id)),
      volumeIdsInTransfer: new Set(transfers.map((row) => row.volume_id)),
      groupIds: new Set(groups.map((row) => row.id)),
    };
    return rows.map((row) => ({ ...row, blocker: volumeBlocker(row, uses, context) }));
  },
  id: (row) => row.id,
  owner: (row) => row['os-vol-tenant-attr:tenant_id'] ?? undefined,
  label: (row) => row.name ?? undefined,
  createdAt: (row) => epochMillisOf(row.created_at),
  isHeld: ({ metadata }) => HOLD_TAG in (metadata ?? {}),
  blocked: (row) => row.blocker,
  async remove(row, context): Promise<Removal> {
    const path = `/volumes/${encodeURIComponent(row.id)}`;
    const resetState = (state: object) =>
      context.api.request('POST', `${path}/action`, { json: { 'os-reset_status': state } });
    if (isBeingDeleted(row, context)) return { kind: 'accepted' };
    const hasAttachmentState = ATTACHMENT_STATES.includes(row.status);
    const awaitsTransfer = row.status === 'awaiting-transfer';
    if (hasAttachmentState) await resetState({ status: 'available', attach_status: 'detached' });
    if (awaitsTransfer) await resetState({ status: 'available' });
    const isDeletableWithoutForce =
      hasAttachmentState || awaitsTransfer || DELETABLE_STATES.includes(row.status);
    try {
      // `cascade` would also delete other projects' snapshots of this volume.
      await context.api.request(
        'DELETE',
        path,
        isDeletableWithoutForce ? {} : { query: { force: true } },
      );
    } catch (error) {
      return {
        kind: 'blocked',
        ...refusalBlocker(error),
        ...(await foreignSnapshotBlocker(row, context)),
      };
    }
    return row.status === 'deleting'
      ? { kind: 'accepted', stuckSince: changedAt(row) }
      : { kind: 'accepted' };
  },
});

/** The ids of volumes in use, by the kind of use, and the ids of all groups. */
interface VolumeUses {
  readonly attachedVolumeIds: ReadonlySet<string>;
  readonly volumeIdsWithSnapshots: ReadonlySet<string | null | undefined>;
  readonly volumeIdsInTransfer: ReadonlySet<string | null | undefined>;
  readonly groupIds: ReadonlySet<string>;
}

/** Returns the reason why a volume cannot be deleted now, or `undefined` if it can. */
function volumeBlocker(
  row: VolumeRow,
  uses: VolumeUses,
  context: ProjectContext,
): Blocker | undefined {
  if (isAttached(row, uses)) return temporaryBlocker('the volume is attached to a server');
  if (mayBeUsedByNova(row, context))
    return temporaryBlocker('Nova may still use the volume for a server that it deletes');
  if (uses.volumeIdsInTransfer.has(row.id))
    return temporaryBlocker('the transfer of the volume to another project must be canceled first');
  if (uses.volumeIdsWithSnapshots.has(row.id))
    return temporaryBlocker('the snapshots of the volume must be deleted first');
  if (row.group_id && uses.groupIds.has(row.group_id))
    return temporaryBlocker('Cinder deletes the volume with its group');
  if (!IDLE_MIGRATION_STATUSES.includes(row.migration_status))
    return busyBlocker({ ...row, status: 'migrating' }, context);
  return isDeletable(row, context) ? undefined : busyBlocker(row, context);
}

/**
 * True if the list of attachments or the row of the volume shows an attachment. The deletion would
 * then detach the volume from a running server.
 */
const isAttached = (row: VolumeRow, { attachedVolumeIds }: VolumeUses): boolean =>
  attachedVolumeIds.has(row.id) || (row.attachments ?? []).length > 0;

/**
 * True if a server that Nova is deleting may still use the volume. In some releases only the state
 * of the volume shows this use, because Nova sets the state before the attachment exists.
 */
const mayBeUsedByNova = (row: VolumeRow, context: ProjectContext): boolean =>
  ATTACHMENT_STATES.includes(row.status) && isNovaUnfinished(context);

/**
 * True if the state of the volume permits its deletion. A volume in `creating` can be deleted by
 * force after a minute, but not while Cinder copies data from an image, a snapshot or another
 * volume.
 */
function isDeletable(row: VolumeRow, { now }: ProjectContext): boolean {
  if (row.status === 'creating') {
    const isCopy =
      row.snapshot_id ||
      row.source_volid ||
      Object.keys(row.volume_image_metadata ?? {}).length > 0;
    return !isCopy && now() - changedAt(row) > MINUTE;
  }
  return (
    DELETABLE_STATES.includes(row.status) ||
    ATTACHMENT_STATES.includes(row.status) ||
    /^(deleting|awaiting-transfer|error.*)$/.test(row.status)
  );
}

/**
 * Returns the blocker of a volume with snapshots of another project. Since microversion 3.55, a
 * volume can be transferred without its snapshots (`no_snapshots`), which then keep their project.
 */
async function foreignSnapshotBlocker(
  row: VolumeRow,
  { api, project }: ProjectContext,
): Promise<Blocker | undefined> {
  const query = { all_tenants: 1, volume_id: row.id };
  const { rows } = await api.list('/snapshots/detail', {
    collection: 'snapshots',
    row: snapshotRow,
    paging: 'marker',
    query,
  });
  const foreignSnapshots = rows.filter(
    (snapshot) => snapshot['os-extended-snapshot-attributes:project_id'] !== project,
  );
  if (foreignSnapshots.length === 0) return undefined;
  return {
    message: 'another project has snapshots of the volume',
    actor: 'other-project',
    advice:
      'List them (openstack volume snapshot list --all-projects --volume VOLUME_ID) ' +
      'and ask their owner to delete them. The propagator then deletes the volume.',
  };
}
