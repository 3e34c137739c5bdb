import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import {
  type CommonContext,
  defineType,
  defineUserType,
  type ProjectContext,
  type Removal,
  type ServiceApi,
  type UserContext,
} from '../../task/service.ts';
import { epochMillisOf, hasElapsed } from '../kit/time.ts';

const optionalText = z.string().nullish();
const clusterRow = z.object({
  uuid: z.string(),
  name: optionalText,
  project_id: optionalText,
  user_id: optionalText,
  cluster_template_id: optionalText,
  stack_id: optionalText,
  status: optionalText,
  status_reason: optionalText,
  created_at: optionalText,
  updated_at: optionalText,
});
type ClusterRow = z.infer<typeof clusterRow>;

/**
 * A deletion that takes longer than this counts as stuck. The deletion of a cluster with many nodes
 * can take 15 minutes.
 */
const STUCK_AFTER_MILLIS = 30 * 60_000;

const pathOf = (row: ClusterRow): string => `/clusters/${encodeURIComponent(row.uuid)}`;
const changedAt = (row: ClusterRow): number => epochMillisOf(row.updated_at ?? row.created_at);

/**
 * Returns the clusters of the whole cloud, because Magnum has no filter by project. Only the
 * detailed listing names the project. The listings of clusters and of templates share this list,
 * which is requested once per iteration.
 */
export const clustersOf = ({ api, memoize }: CommonContext): Promise<ClusterRow[]> =>
  memoize('magnum/clusters', async () => {
    const { rows } = await api.list('/clusters/detail', {
      collection: 'clusters',
      row: clusterRow,
      paging: 'next',
    });
    // To a user without the administrator role, Magnum silently lists only the project of the
    // token. If no row is of another project, the next request proves the role: Magnum answers 403
    // to a user without the role.
    if (!rows.some((row) => row.project_id && row.project_id !== api.ownProject))
      await api.request('GET', '/mservices');
    return rows;
  });

/**
 * Clusters with their node groups, certificates and trustee. A token on the project is preferred:
 * the Heat driver passes the caller's token to Heat, and Heat calls the other services with this
 * token. Heat deletes some resources of a stack by name, and searches the name only among the
 * resources of the token's user or project.
 */
export const cluster = defineType({
  name: 'cluster',
  blockers: [
    'The driver logs in with a trust or an application credential of the user that ' +
      'created the cluster. If that user or the project is deleted, the deletion of ' +
      'the cluster may never end.',
    'If the driver of the cluster is no longer installed, Magnum accepts the ' +
      'deletion and does nothing.',
    'If the template of any cluster is missing in the database, the listing fails ' +
      'for the whole cloud.',
  ],
  list: async (context) =>
    (await clustersOf(context)).filter(
      (row) => row.project_id === context.project || !row.project_id,
    ),
  id: (row) => row.uuid,
  owner: (row) => row.project_id ?? undefined,
  label: (row) => row.name ?? undefined,
  async remove(row, context): Promise<Removal> {
    if (row.status === 'DELETE_IN_PROGRESS') return inProgressRemoval(row, context);
    const reason =
      row.status === 'DELETE_FAILED' ? await failureReason(row, context.api) : undefined;
    await requestDeletion(row, context);
    if (reason === undefined) return { kind: 'accepted' };
    return {
      kind: 'blocked',
      message: `the deletion failed and was requested again: ${reason}`,
      actor: 'operator',
      advice:
        'If the deletion fails again, remove the cause that the message names. The log of ' +
        'magnum-conductor has the details.',
    };
  },
});

async function requestDeletion(
  row: ClusterRow,
  { api, projectApi }: ProjectContext,
): Promise<void> {
  await (projectApi ?? api).request('DELETE', pathOf(row));
}

/** Returns the result for a deletion in progress. Requests a stuck deletion again. */
async function inProgressRemoval(row: ClusterRow, context: ProjectContext): Promise<Removal> {
  const since = changedAt(row);
  if (!hasElapsed(STUCK_AFTER_MILLIS, since, context.now())) return { kind: 'accepted' };
  // Heat may have deleted the stack already. Magnum cannot detect this: it asks Heat with the trust
  // of the cluster, and the trust no longer works. After a new request, Magnum calls Heat with the
  // caller's token, Heat answers 404, and magnum-conductor removes the row.
  if (!(await isHeatDeleting(row, context))) await requestDeletion(row, context);
  return { kind: 'accepted', stuckSince: since };
}

const stackRow = z.object({ id: z.string(), stack_status: z.string() });

/**
 * Returns true if Heat is still deleting the stack of a cluster. A second request to Magnum would
 * then restart the deletion. Returns false if the cloud has no Heat (Cluster API drivers), or if
 * the call to Heat fails.
 */
async function isHeatDeleting(
  row: ClusterRow,
  { memoize, apiOf, project }: ProjectContext,
): Promise<boolean> {
  const stacks = await memoize('magnum/stacks', async () => {
    const query = { tenant: project, show_hidden: true };
    try {
      const listing = await (await apiOf('heat'))?.list('/stacks', {
        collection: 'stacks',
        row: stackRow,
        paging: 'marker',
        query,
      });
      return listing?.rows ?? [];
    } catch (error) {
      if (error instanceof PropagatorError) return [];
      throw error;
    }
  });
  return stacks.some(
    (stack) => stack.id === row.stack_id && stack.stack_status === 'DELETE_IN_PROGRESS',
  );
}

const clusterDetail = z.object({ faults: z.record(z.string(), z.string().nullable()).nullish() });

/**
 * Returns the reasons why the deletion of a cluster and of its node groups failed. A listing of
 * clusters does not contain the reasons of node groups.
 */
async function failureReason(row: ClusterRow, api: ServiceApi): Promise<string> {
  const answer = await api.request('GET', pathOf(row));
  const faults = Object.entries(clusterDetail.parse(answer.json).faults ?? {}).map(
    ([group, fault]) => `${group}: ${fault}`,
  );
  return [row.status_reason, ...faults].filter(Boolean).join('; ') || 'Magnum gives no reason';
}

/** Returns the clusters of the user in all projects, and the clusters that name no user. */
export const clustersOfUser = async (context: UserContext): Promise<ClusterRow[]> =>
  (await clustersOf(context)).filter((row) => row.user_id === context.user || !row.user_id);

/**
 * Clusters of a deleted user. A cluster belongs to its project and is not removed, but its parts
 * that use the user's credentials fail.
 */
export const clusterOfUser = defineUserType({
  name: 'cluster-of-user',
  list: clustersOfUser,
  id: (row) => row.uuid,
  owner: (row) => row.user_id ?? undefined,
  label: (row) => row.name ?? undefined,
  remove: async (row): Promise<Removal> => ({
    kind: 'retained',
    message:
      `this cluster of project ${row.project_id} uses a trust or an application ` +
      'credential of the deleted user',
    advice:
      'Kubernetes can no longer change the load balancers and volumes of the cluster, and the ' +
      'deletion of the cluster may fail. Ask another member of the project to create a new ' +
      'cluster, or to rotate the credential of this cluster (Magnum API 1.12) if the driver ' +
      'supports it.',
  }),
});
