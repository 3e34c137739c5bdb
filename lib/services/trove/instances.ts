import { type Blocker, defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import {
  blockedIfRefused,
  buildBlocker,
  changedAt,
  clustersOf,
  instancesOf,
  isOlderThan,
  isSlowBuild,
  STUCK_AFTER_MILLIS,
} from './rows.ts';

const isBusy = ({ task }: { readonly task: { readonly name: string } }): boolean =>
  !['NONE', 'DELETING'].includes(task.name);

/** Sends a deletion. `isStuck`: an earlier deletion is stuck since the last change of the row. */
const deleteNow = (
  row: Parameters<typeof changedAt>[0],
  path: string,
  isStuck: boolean,
  refusal: RegExp,
  { api, projectApi = api }: ProjectContext,
): Promise<Removal> =>
  blockedIfRefused(refusal, async () => {
    await projectApi.request('DELETE', path);
    return isStuck ? { kind: 'accepted', stuckSince: changedAt(row) } : { kind: 'accepted' };
  });

/** Clusters with their members. Trove deletes a member only with its cluster. */
export const cluster = defineType({
  name: 'cluster',
  dependsOn: [{ types: ['backup'], strength: 'preferred', until: 'done' }],
  list: clustersOf,
  id: (row) => row.id,
  owner: (row) => row.tenant_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked: (row, context) =>
    isBusy(row) ? buildBlocker(row, context, `busy (${row.task.name})`) : undefined,
  async remove(row, context): Promise<Removal> {
    const path = `/clusters/${encodeURIComponent(row.id)}`;
    const isDeleting = row.task.name === 'DELETING';
    if (isDeleting && !isOlderThan(row, STUCK_AFTER_MILLIS, context)) return { kind: 'accepted' };
    // While the cluster has a task, Trove answers 422 to a deletion.
    if (row.task.name !== 'NONE')
      await context.api.request('POST', path, { json: { 'reset-status': { force_delete: true } } });
    return deleteNow(row, path, isDeleting, /not ready|current cluster task/i, context);
  },
});

/**
 * Instances, listed with the API for administrators. Their servers and volumes belong to Trove's
 * own project. Trove also removes their ports in the project's networks. Trove needs a token on the
 * project to remove its consumer entry from a TLS certificate in Barbican.
 */
export const instance = defineType({
  name: 'instance',
  dependsOn: [{ types: ['backup', 'cluster'], strength: 'preferred', until: 'done' }],
  blockers: [
    'Replicas must be deleted before their source. Trove deletes members of a ' +
      'cluster only with the cluster.',
    'The propagator waits an hour for an instance that is being built, and then ' +
      'resets its state. The pre-delete phase waits only five minutes, so the rest of ' +
      'the hour passes after the deletion of the project.',
    'The deletion fails if Nova no longer has the flavor of the instance.',
  ],
  async list(context) {
    const rows = await instancesOf(context);
    const clusters = rows.some((row) => row.cluster_id) ? await clustersOf(context) : [];
    const builds = rows.filter((row) => row.status === 'BUILD' && isSlowBuild(row, context));
    return rows.map((row) => {
      const cluster = clusters.find(({ id }) => id === row.cluster_id);
      const waitsForBuild =
        cluster === undefined
          ? builds.some(({ id }) => row.replicas?.some((replica) => replica.id === id))
          : isBusy(cluster) && isSlowBuild(cluster, context);
      return { ...row, cluster, waitsForBuild };
    });
  },
  id: (row) => row.id,
  owner: (row) => row.tenant_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked(row, context): Blocker | undefined {
    const { waitsForBuild: isRemovableAfterDeletion } = row;
    if (row.cluster_id && row.cluster)
      return {
        ...temporaryBlocker('Trove deletes the instance with its cluster'),
        isRemovableAfterDeletion,
      };
    if (row.cluster_id)
      return {
        message:
          'the instance is a member of a deleted cluster, and Trove deletes members only ' +
          'with their cluster',
        actor: 'operator',
        advice:
          'Set cluster_id to NULL in its row of the table instances in the Trove ' +
          'database. The propagator then deletes the instance.',
      };
    if (row.replicas && row.replicas.length > 0)
      return {
        ...temporaryBlocker('the replicas of the instance must be deleted first'),
        isRemovableAfterDeletion,
      };
    return row.status === 'BUILD' ? buildBlocker(row, context, 'being built') : undefined;
  },
  async remove(row, context): Promise<Removal> {
    const path = `/instances/${encodeURIComponent(row.id)}`;
    // The state SHUTDOWN would not suffice, because a stopped server is also in that state.
    const isDeleting = /^deleting/i.test(row.task_description ?? '');
    if (isDeleting && !isOlderThan(row, STUCK_AFTER_MILLIS, context)) return { kind: 'accepted' };
    // During a build, Trove answers 422 to a deletion.
    if (row.status === 'BUILD')
      await context.api.request('POST', `${path}/action`, {
        json: { reset_status: { force_delete: true } },
      });
    return deleteNow(row, path, isDeleting, /not ready|replica/i, context);
  },
});
