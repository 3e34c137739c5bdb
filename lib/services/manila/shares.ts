import { type Blocker, defineType, type Removal } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import {
  busyBlocker,
  DELETABLE_STATES,
  deleteResource,
  deletionInProgress,
  refusalBlocker,
  type WithDeletionCount,
  withDeletionCount,
} from './deletion.ts';
import {
  backupsOf,
  groupSnapshotsOf,
  listIfSupported,
  locksOf,
  type ShareRow,
  sharesOf,
  snapshotsOf,
  transfersOf,
} from './rows.ts';

/**
 * Locks. A lock protects a resource from deletion by its own project, and an administrator may
 * remove it. A lock that belongs to another project stays.
 */
export const lock = defineType({
  name: 'lock',
  list: locksOf,
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.lock_reason ?? undefined,
  async remove(row, { api }) {
    await api.request('DELETE', `/resource-locks/${encodeURIComponent(row.id)}`);
    return { kind: 'gone' };
  },
});

/** An offer of a share to another project. After its removal the share is an ordinary one. */
export const transfer = defineType({
  name: 'transfer',
  list: transfersOf,
  id: (row) => row.id,
  owner: (row) => row.source_project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  async remove(row, { api }): Promise<Removal> {
    try {
      await api.request('DELETE', `/share-transfers/${encodeURIComponent(row.id)}`);
      return { kind: 'gone' };
    } catch (error) {
      return { kind: 'blocked', ...refusalBlocker(error) };
    }
  },
});

type ShareWithBlocker = WithDeletionCount<ShareRow> & { readonly blocker: Blocker | undefined };

/** Shares with their access rules, also those in the recycle bin. */
export const share = defineType<ShareWithBlocker>({
  name: 'share',
  blockers: [
    'The snapshots, replicas, backups and group snapshots of a share must be deleted first.',
    'A lock of another project (microversion 2.81) protects a share, even from an ' +
      'administrator.',
  ],
  async list(context) {
    const shares = withDeletionCount(await sharesOf(context));
    if (shares.length === 0) return [];
    const [snapshots, groupSnapshots, backups, locks] = await Promise.all([
      snapshotsOf(context),
      groupSnapshotsOf(context),
      listIfSupported('2.80', backupsOf, context),
      listIfSupported('2.81', locksOf, context),
    ]);
    const ids = (rows: readonly { readonly share_id?: string | null | undefined }[]) =>
      new Set(rows.map((row) => row.share_id));
    const [withSnapshots, withBackups] = [ids(snapshots), ids(backups)];
    const inGroupSnapshots = ids(groupSnapshots.flatMap((row) => row.members ?? []));
    const withLocks = new Set(locks.map((row) => row.resource_id));
    const blocker = (row: ShareRow): Blocker | undefined => {
      if (withLocks.has(row.id)) return temporaryBlocker('its lock must be removed first');
      if (row.status === 'awaiting_transfer')
        return temporaryBlocker('its transfer to another project must be canceled first');
      if (withSnapshots.has(row.id)) return temporaryBlocker('its snapshots must be deleted first');
      if (withBackups.has(row.id)) return temporaryBlocker('its backups must be deleted first');
      if (inGroupSnapshots.has(row.id))
        return temporaryBlocker('the group snapshots that contain it must be deleted first');
      if (row.has_replicas) return temporaryBlocker('its other replicas must be deleted first');
      if (row.task_state && !/_(success|error|cancelled)$/.test(row.task_state))
        return busyBlocker(row.task_state);
      return stateBlocker(row);
    };
    return shares.map((row) => ({ ...row, blocker: blocker(row) }));
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: (row) => row.blocker,
  async remove(row, context): Promise<Removal> {
    const path = `/shares/${encodeURIComponent(row.id)}`;
    if (row.status === 'deleting')
      return deletionInProgress(row, `${path}/instances`, 'share_instances', context);
    return deleteResource(
      row,
      path,
      context,
      row.share_group_id ? { query: { share_group_id: row.share_group_id } } : {},
    );
  },
});

function stateBlocker({ status, is_soft_deleted: inBin }: ShareRow): Blocker | undefined {
  if (DELETABLE_STATES.test(status) && !(inBin && status === 'error_deleting')) return undefined;
  if (inBin)
    return {
      message: `the share is in the recycle bin, where Manila cannot reset its state (${status})`,
      actor: 'operator',
      advice:
        'Fix the cause on the back end. Then delete the share: openstack share delete ' +
        '--force SHARE',
    };
  if (/^(un)?manage_error/.test(status))
    return {
      message: `Manila manages the share only partly (${status})`,
      actor: 'operator',
      advice:
        'Remove it from Manila and keep its data (openstack share abandon SHARE). Or ' +
        'set its state to "error" (openstack share set --status error SHARE); the ' +
        'propagator then deletes it with its data.',
    };
  return /error/.test(status) ? undefined : busyBlocker(status);
}
