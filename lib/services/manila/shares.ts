import { type Blocker, defineType, type Removal } from '../../task/service.ts';
import {
  AT_REST,
  busy,
  counted,
  type Deleting,
  deleted,
  refusal,
  underway,
  waits,
} from './deletion.ts';
import {
  backupsOf,
  groupSnapshotsOf,
  locksOf,
  orNone,
  type ShareRow,
  sharesOf,
  snapshotsOf,
  transfersOf,
} from './rows.ts';

/**
 * A lock protects a resource from deletion by its own project, and an administrator may remove it.
 * A lock that belongs to another project stays.
 */
export const lock = defineType({
  name: 'lock',
  list: locksOf,
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.lock_reason ?? undefined,
  async remove(row, { api }) {
    await api.request('DELETE', `/resource-locks/${encodeURIComponent(row.id)}`);
    return { is: 'gone' };
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
      return { is: 'gone' };
    } catch (error) {
      return { is: 'blocked', ...refusal(error) };
    }
  },
});

type SeenShare = Deleting<ShareRow> & { readonly blocker: Blocker | undefined };

/** Shares with their access rules, also those in the recycle bin. */
export const share = defineType<SeenShare>({
  name: 'share',
  blockers: [
    'Snapshots, replicas, backups and group snapshots of it go first.',
    'A lock of another project on it (microversion 2.81) keeps it, even from an administrator.',
  ],
  async list(context) {
    const shares = counted(await sharesOf(context));
    if (shares.length === 0) return [];
    const [snapshots, groupSnapshots, backups, locks] = await Promise.all([
      snapshotsOf(context),
      groupSnapshotsOf(context),
      orNone('2.80', backupsOf, context),
      orNone('2.81', locksOf, context),
    ]);
    const ids = (rows: readonly { readonly share_id?: string | null | undefined }[]) =>
      new Set(rows.map((row) => row.share_id));
    const [snapped, saved] = [ids(snapshots), ids(backups)];
    const grouped = ids(groupSnapshots.flatMap((row) => row.members ?? []));
    const locked = new Set(locks.map((row) => row.resource_id));
    const blocker = (row: ShareRow): Blocker | undefined => {
      if (locked.has(row.id)) return waits('its lock goes first');
      if (row.status === 'awaiting_transfer')
        return waits('its transfer to another project is cancelled first');
      if (snapped.has(row.id)) return waits('its snapshots go first');
      if (saved.has(row.id)) return waits('its backups go first');
      if (grouped.has(row.id)) return waits('the snapshots of its group go first');
      if (row.has_replicas) return waits('its other replicas go first');
      if (row.task_state && !/_(success|error|cancelled)$/.test(row.task_state))
        return busy(row.task_state);
      return blockedByState(row);
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
      return underway(row, `${path}/instances`, 'share_instances', context);
    return deleted(
      row,
      path,
      context,
      row.share_group_id ? { query: { share_group_id: row.share_group_id } } : {},
    );
  },
});

function blockedByState({ status, is_soft_deleted: inBin }: ShareRow): Blocker | undefined {
  if (AT_REST.test(status) && !(inBin && status === 'error_deleting')) return undefined;
  if (inBin)
    return {
      message: `it lies in the recycle bin, where its state (${status}) can not be set`,
      actor: 'operator',
      advice:
        'Find out what is wrong with it on the back end, then "openstack share delete --force".',
    };
  if (/^(un)?manage_error/.test(status))
    return {
      message: `it is only half managed by Manila (${status})`,
      actor: 'operator',
      advice:
        'Let Manila forget it (openstack share abandon), or set its state to "error" and it will be deleted with its data.',
    };
  return /error/.test(status) ? undefined : busy(status);
}
