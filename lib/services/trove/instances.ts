import { type Blocker, defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import {
  buildBlocker,
  changedAt,
  clustersOf,
  instancesOf,
  isSlowBuild,
  isUnchangedFor,
  removeUnlessRefused,
  STUCK_AFTER_MILLIS,
} from './rows.ts';

/** True if a cluster has a task other than its deletion. */
const isBusy = ({ task }: { readonly task: { readonly name: string } }): boolean =>
  !['NONE', 'DELETING'].includes(task.name);

interface DeletionRequest {
  readonly path: string;
  /** Set if an earlier deletion is stuck: the time of its last progress, in epoch milliseconds. */
  readonly stuckSince: number | undefined;
  /** Matches the message of an error that is a refusal. */
  readonly refusalText: RegExp;
}

/** Requests a deletion, and converts a refusal to a blocker. */
const requestDeletion = (
  { path, stuckSince, refusalText }: DeletionRequest,
  { api, projectApi = api }: ProjectContext,
): Promise<Removal> =>
  removeUnlessRefused(refusalText, async () => {
    await projectApi.request('DELETE', path);
    return stuckSince === undefined ? { kind: 'accepted' } : { kind: 'accepted', stuckSince };
  });

/** Clusters with their members. Trove deletes a member only with its cluster. */
export const cluster = defineType({
  name: 'cluster',
  dependsOn: [{ types: ['backup'], strength: 'preferred', until: 'done' }],
  list: clustersOf,
  id: (row) => row.id,
  owner: (row) => row.tenant_id ?? undefined,
  label: (row) => row.name ?? undefined,
  idsDeletedTogether: async (row, context) =>
    (await instancesOf(context)).flatMap(({ cluster_id: cluster, id }) =>
      cluster === row.id ? [id] : [],
    ),
  blocked: (row, context) =>
    isBusy(row) ? buildBlocker(row, context, `busy (${row.task.name})`) : undefined,
  async remove(row, context): Promise<Removal> {
    const path = `/clusters/${encodeURIComponent(row.id)}`;
    const isDeleting = row.task.name === 'DELETING';
    if (isDeleting && !isUnchangedFor(STUCK_AFTER_MILLIS, row, context))
      return { kind: 'accepted' };
    // While the cluster has a task, Trove answers 422 to a deletion.
    if (row.task.name !== 'NONE')
      await context.api.request('POST', path, { json: { 'reset-status': { force_delete: true } } });
    const stuckSince = isDeleting ? changedAt(row) : undefined;
    const refusalText = /not ready|current cluster task/i;
    return requestDeletion({ path, stuckSince, refusalText }, context);
  },
});

/**
 * Instances, listed with the API for administrators. The servers and volumes of an instance belong
 * to Trove's own project. Trove also removes the ports of the instance in the project's networks.
 * If a TLS certificate in Barbican names Trove as a consumer, Trove needs a token on the project to
 * remove this consumer.
 */
export const instance = defineType({
  name: 'instance',
  dependsOn: [{ types: ['backup', 'cluster'], strength: 'preferred', until: 'done' }],
  blockers: [
    'Replicas must be deleted before their source. Trove deletes members of a ' +
      'cluster only with the cluster.',
    'The propagator waits an hour for an instance that is being built, and then ' +
      'resets its state. Phase `pre-delete` waits only five minutes. If the instance is ' +
      'still being built then, the wait continues after the deletion of the project.',
    'The deletion fails if Nova no longer has the flavor of the instance.',
  ],
  async list(context) {
    const rows = await instancesOf(context);
    const clusters = rows.some((row) => row.cluster_id) ? await clustersOf(context) : [];
    const slowBuildIds = new Set(
      rows.filter((row) => row.status === 'BUILD' && isSlowBuild(row, context)).map(({ id }) => id),
    );
    return rows.map((row) => {
      const clusterOfRow = clusters.find(({ id }) => id === row.cluster_id);
      const waitsForSlowBuild = clusterOfRow
        ? isBusy(clusterOfRow) && isSlowBuild(clusterOfRow, context)
        : (row.replicas ?? []).some(({ id }) => slowBuildIds.has(id));
      return { ...row, cluster: clusterOfRow, waitsForSlowBuild };
    });
  },
  id: (row) => row.id,
  owner: (row) => row.tenant_id ?? undefined,
  label: (row) => row.name ?? undefined,
  blocked(row, context): Blocker | undefined {
    // Phase `pre-delete` does not wait for a slow build.
    const isRemovableAfterDeletion = row.waitsForSlowBuild;
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
    // The status SHUTDOWN does not prove a deletion, because a stopped instance has it too.
    const isDeleting = /^deleting/i.test(row.task_description ?? '');
    if (isDeleting && !isUnchangedFor(STUCK_AFTER_MILLIS, row, context))
      return { kind: 'accepted' };
    // During a build, Trove answers 422 to a deletion.
    if (row.status === 'BUILD')
      await context.api.request('POST', `${path}/action`, {
        json: { reset_status: { force_delete: true } },
      });
    const stuckSince = isDeleting ? changedAt(row) : undefined;
    return requestDeletion({ path, stuckSince, refusalText: /not ready|replica/i }, context);
  },
});
