import * as z from 'zod';
import { defineType, type Removal } from '../../task/service.ts';
import {
  busyBlocker,
  DELETABLE_STATES,
  deleteResource,
  inProgressRemoval,
  sendDeletion,
  type WithStuckCheck,
  withStuckCheck,
} from './deletion.ts';
import { type SnapshotRow, sharesOf, snapshotsOf } from './rows.ts';

const replicaRow = z.object({
  id: z.string(),
  share_id: z.string(),
  status: z.string(),
  replica_state: z.string().nullish(),
});

/**
 * All replicas of a share except one active replica, which Manila removes with the share. The row
 * of a replica names no owner, so the owner of the share counts as its owner.
 */
export const replica = defineType({
  name: 'replica',
  async list(context) {
    const replicatedShares = (await sharesOf(context)).filter((row) => row.has_replicas);
    const listings = replicatedShares.map(async (share) => {
      const query = { share_id: share.id };
      const { rows } = await context.api.list('/share-replicas/detail', {
        collection: 'share_replicas',
        row: replicaRow,
        paging: 'offset',
        query,
      });
      const replicasOfShare = rows.filter((row) => row.share_id === share.id);
      const keptReplica =
        replicasOfShare.find((row) => row.replica_state === 'active') ?? replicasOfShare.at(0);
      return replicasOfShare
        .filter((row) => row !== keptReplica)
        .map((row) => ({ ...row, owner: share.project_id }));
    });
    return (await Promise.all(listings)).flat();
  },
  id: (row) => row.id,
  owner: (row) => row.owner ?? undefined,
  label: (row) => `replica of ${row.share_id}`,
  async remove(row, context): Promise<Removal> {
    if (row.status === 'deleting') return { kind: 'accepted' };
    // Manila deletes a replica in any state.
    const path = `/share-replicas/${encodeURIComponent(row.id)}`;
    return sendDeletion(row, () => context.api.request('DELETE', path));
  },
});

export const snapshot = defineType<WithStuckCheck<SnapshotRow>>({
  name: 'snapshot',
  list: async (context) => withStuckCheck(await snapshotsOf(context)),
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: (row) => (DELETABLE_STATES.test(row.status) ? undefined : busyBlocker(row.status)),
  async remove(row, context): Promise<Removal> {
    const id = encodeURIComponent(row.id);
    if (row.status === 'deleting')
      return inProgressRemoval(
        row,
        `/snapshot-instances/detail?snapshot_id=${id}`,
        'snapshot_instances',
        context,
      );
    return deleteResource(row, `/snapshots/${id}`, context);
  },
});
