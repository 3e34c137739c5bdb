import { type Blocker, defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import { busyBlocker, refusalBlocker } from './deletion.ts';
import { groupSnapshotsOf, groupsOf, sharesOf } from './rows.ts';

const stateBlocker = (status: string): Blocker | undefined =>
  /^(available|deleting)$|error/.test(status) ? undefined : busyBlocker(status);

/**
 * Removes a group or a group snapshot. Its deletion never counts as stuck, because its row has no
 * `updated_at`.
 */
async function removeFromCollection(
  row: { readonly id: string; readonly status: string },
  collection: string,
  { api }: ProjectContext,
): Promise<Removal> {
  const path = `/${collection}/${encodeURIComponent(row.id)}`;
  if (row.status === 'deleting') return { kind: 'accepted' };
  try {
    // Manila deletes groups and their snapshots only in `available` and `error`.
    if (row.status !== 'available' && row.status !== 'error')
      await api.request('POST', `${path}/action`, { json: { reset_status: { status: 'error' } } });
    await api.request('DELETE', path);
  } catch (error) {
    return { kind: 'blocked', ...refusalBlocker(error) };
  }
  return { kind: 'accepted' };
}

export const groupSnapshot = defineType({
  name: 'group-snapshot',
  list: groupSnapshotsOf,
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: (row) => stateBlocker(row.status),
  remove: (row, context) => removeFromCollection(row, 'share-group-snapshots', context),
});

/** Groups. Manila does not delete the shares of a group with the group. */
export const group = defineType({
  name: 'group',
  blockers: ['The shares and snapshots of a group must be deleted first.'],
  async list(context) {
    const rows = await groupsOf(context);
    if (rows.length === 0) return [];
    const [shares, snapshots] = await Promise.all([sharesOf(context), groupSnapshotsOf(context)]);
    const groupsInUse = new Set([...shares, ...snapshots].map((row) => row.share_group_id));
    return rows.map((row) => ({ ...row, isInUse: groupsInUse.has(row.id) }));
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: (row) =>
    row.isInUse
      ? temporaryBlocker('the shares and snapshots of the group must be deleted first')
      : stateBlocker(row.status),
  remove: (row, context) => removeFromCollection(row, 'share-groups', context),
});
