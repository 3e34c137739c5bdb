import { type Blocker, defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { refusal, waits } from './deletion.ts';
import { groupSnapshotsOf, groupsOf, sharesOf } from './rows.ts';

/** These rows have no time of change, so that none of them counts as stuck. */
const blockedByState = (status: string): Blocker | undefined =>
  /^(available|deleting)$|error/.test(status)
    ? undefined
    : waits(`Manila is still working on it (status ${status})`);

async function remove(
  row: { readonly id: string; readonly status: string },
  collection: string,
  { api }: ProjectContext,
): Promise<Removal> {
  const path = `/${collection}/${encodeURIComponent(row.id)}`;
  if (row.status === 'deleting') return { is: 'accepted' };
  try {
    // Manila deletes them in `available` and `error` only.
    if (row.status !== 'available' && row.status !== 'error')
      await api.request('POST', `${path}/action`, { json: { reset_status: { status: 'error' } } });
    await api.request('DELETE', path);
  } catch (error) {
    return { is: 'blocked', ...refusal(error) };
  }
  return { is: 'accepted' };
}

export const groupSnapshot = defineType({
  name: 'group-snapshot',
  list: groupSnapshotsOf,
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: (row) => blockedByState(row.status),
  remove: (row, context) => remove(row, 'share-group-snapshots', context),
});

/** A group is deleted without its shares. */
export const group = defineType({
  name: 'group',
  blockers: ['The shares and snapshots of a group must be deleted first.'],
  async list(context) {
    const rows = await groupsOf(context);
    if (rows.length === 0) return [];
    const [shares, snapshots] = await Promise.all([sharesOf(context), groupSnapshotsOf(context)]);
    const holding = new Set([...shares, ...snapshots].map((row) => row.share_group_id));
    return rows.map((row) => ({ ...row, isHolding: holding.has(row.id) }));
  },
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: (row) =>
    row.isHolding
      ? waits('its shares and snapshots must be deleted first')
      : blockedByState(row.status),
  remove: (row, context) => remove(row, 'share-groups', context),
});
