import { type Blocker, defineType, type Removal } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import {
  busyBlocker,
  DELETABLE_STATES,
  deleteResource,
  inProgressRemoval,
  refusalBlocker,
  type WithStuckCheck,
  withStuckCheck,
} from './deletion.ts';
import {
  backupsOfCloud,
  groupSnapshotsOf,
  listIfSupported,
  locksOf,
  type ShareRow,
  sharesOf,
  snapshotsOf,
  transfersOf,
} from './rows.ts';

/**
 * Locks. While a lock exists, Manila refuses to delete the locked resource. An administrator may
 * remove a lock. The cleanup removes only locks that belong to the project.
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

/** Offers of shares to other projects. */
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

type ShareWithBlocker = WithStuckCheck<ShareRow> & { readonly blocker: Blocker | undefined };

/** Shares with their access rules, including shares in the recycle bin. */
export const share = defineType<ShareWithBlocker>({
  name: 'share',
  blockers: [
    'The snapshots, replicas, backups and group snapshots of a share must be deleted first.',
    'While a lock of another project exists for a share (microversion 2.81), Manila refuses to ' +
      'delete the share, even for an administrator.',
  ],
  async list(context) {
    const shares = withStuckCheck(await sharesOf(context));
    if (shares.length === 0) return [];
    const [snapshots, groupSnapshots, backups, locks] = await Promise.all([
      snapshotsOf(context),
      groupSnapshotsOf(context),
      listIfSupported('2.80', backupsOfCloud, context),
      listIfSupported('2.81', locksOf, context),
    ]);
    const uses: ShareUses = {
      idsWithSnapshots: shareIds(snapshots),
      idsWithBackups: shareIds(backups),
      idsInGroupSnapshots: shareIds(groupSnapshots.flatMap((row) => row.members ?? [])),
      lockedIds: new Set(locks.map((row) => row.resource_id)),
    };
    return shares.map((row) => ({ ...row, blocker: shareBlocker(row, uses) }));
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: (row) => row.blocker,
  async remove(row, context): Promise<Removal> {
    const path = `/shares/${encodeURIComponent(row.id)}`;
    if (row.status === 'deleting')
      return inProgressRemoval(row, `${path}/instances`, 'share_instances', context);
    return deleteResource(
      row,
      path,
      context,
      row.share_group_id ? { query: { share_group_id: row.share_group_id } } : {},
    );
  },
});

type ShareIds = ReadonlySet<string | null | undefined>;

/** The ids of shares that cannot be deleted yet, because another resource needs or locks them. */
interface ShareUses {
  readonly idsWithSnapshots: ShareIds;
  readonly idsWithBackups: ShareIds;
  readonly idsInGroupSnapshots: ShareIds;
  readonly lockedIds: ShareIds;
}

const shareIds = (rows: readonly { readonly share_id?: string | null | undefined }[]): ShareIds =>
  new Set(rows.map((row) => row.share_id));

/** Returns the reason why a share cannot be deleted now, or `undefined` if it can. */
function shareBlocker(row: ShareRow, uses: ShareUses): Blocker | undefined {
  if (uses.lockedIds.has(row.id))
    return temporaryBlocker('the lock of the share must be removed first');
  if (row.status === 'awaiting_transfer')
    return temporaryBlocker('the transfer of the share to another project must be canceled first');
  if (uses.idsWithSnapshots.has(row.id))
    return temporaryBlocker('the snapshots of the share must be deleted first');
  if (uses.idsWithBackups.has(row.id))
    return temporaryBlocker('the backups of the share must be deleted first');
  if (uses.idsInGroupSnapshots.has(row.id))
    return temporaryBlocker('the group snapshots that contain the share must be deleted first');
  if (row.has_replicas)
    return temporaryBlocker('the other replicas of the share must be deleted first');
  if (row.task_state && !/_(success|error|cancelled)$/.test(row.task_state))
    return busyBlocker(row.task_state);
  return stateBlocker(row);
}

/** Returns a blocker if the state of the share prevents its deletion. */
function stateBlocker({ status, is_soft_deleted: isInBin }: ShareRow): Blocker | undefined {
  if (DELETABLE_STATES.test(status) && !(isInBin && status === 'error_deleting')) return undefined;
  if (isInBin)
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
        'Remove the share from Manila and keep its data (openstack share abandon SHARE). Or ' +
        'set the state of the share to "error" (openstack share set --status error SHARE); ' +
        'the propagator then deletes the share with its data.',
    };
  return /error/.test(status) ? undefined : busyBlocker(status);
}
