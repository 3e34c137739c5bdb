import * as z from 'zod';
import { defineKind, type Removal } from '../../cleanup/service.ts';
import { AT_REST, adviceOnFailure, busy, counted, type Deleting, deleted, FAILED, refusal, underway } from './deletion.ts';
import { backupsOf, EXPERIMENTAL, type SnapshotRow, sharesOf, snapshotsOf, speaks } from './rows.ts';

/** A backup belongs to whom its share belongs; its own row names no project. A share does not go before its backups. */
export const backup = defineKind({
  name: 'backup',
  async list(reach) {
    const shares = await sharesOf(reach);
    const owners = new Map(shares.map((row) => [row.id, row.project_id]));
    const rows = shares.length === 0 && speaks(reach, '2.80') ? [] : await backupsOf(reach);
    return rows.filter((row) => owners.has(row.share_id)).map((row) => ({ ...row, owner: owners.get(row.share_id) }));
  },
  id: (row) => row.id,
  owner: (row) => row.owner ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: (row) => (AT_REST.test(row.status) ? undefined : busy(row.status)),
  async remove(row, reach): Promise<Removal> {
    if (row.status === 'deleting') return { is: 'accepted' };
    return deleted(row, `/share-backups/${encodeURIComponent(row.id)}`, reach, { headers: EXPERIMENTAL });
  },
});

const replicaRow = z.object({ id: z.string(), share_id: z.string(), status: z.string(), replica_state: z.string().nullish() });

/** All replicas of a share but one, which goes with the share; Manila keeps the last active one. A replica belongs to whom its share belongs. */
export const replica = defineKind({
  name: 'replica',
  async list(reach) {
    const replicated = (await sharesOf(reach)).filter((row) => row.has_replicas);
    const listings = replicated.map(async (share) => {
      const query = { share_id: share.id };
      const { rows } = await reach.api.list('/share-replicas/detail', {
        collection: 'share_replicas',
        row: replicaRow,
        paging: 'offset',
        query,
      });
      const ofShare = rows.filter((row) => row.share_id === share.id);
      const kept = ofShare.find((row) => row.replica_state === 'active') ?? ofShare.at(0);
      return ofShare.filter((row) => row !== kept).map((row) => ({ ...row, owner: share.project_id }));
    });
    return (await Promise.all(listings)).flat();
  },
  id: (row) => row.id,
  owner: (row) => row.owner ?? undefined,
  label: (row) => `replica of ${row.share_id}`,
  async remove(row, reach): Promise<Removal> {
    if (row.status === 'deleting') return { is: 'accepted' };
    try {
      // A replica is deleted in whatever state.
      await reach.api.request('DELETE', `/share-replicas/${encodeURIComponent(row.id)}`);
    } catch (error) {
      return { is: 'blocked', ...refusal(error) };
    }
    return row.status === 'error_deleting'
      ? { is: 'blocked', message: FAILED, actor: 'operator', advice: adviceOnFailure }
      : { is: 'accepted' };
  },
});

export const snapshot = defineKind<Deleting<SnapshotRow>>({
  name: 'snapshot',
  list: async (reach) => counted(await snapshotsOf(reach)),
  id: (row) => row.id,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: (row) => (AT_REST.test(row.status) ? undefined : busy(row.status)),
  async remove(row, reach): Promise<Removal> {
    const id = encodeURIComponent(row.id);
    if (row.status === 'deleting') return underway(row, `/snapshot-instances/detail?snapshot_id=${id}`, 'snapshot_instances', reach);
    return deleted(row, `/snapshots/${id}`, reach);
  },
});
