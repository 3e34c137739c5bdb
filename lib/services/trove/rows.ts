import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { Blocker, ProjectContext, Removal } from '../../task/service.ts';
import { epochOf } from '../kit/time.ts';

const text = z.string().nullish();
const dated = { created: text, updated: text };
const instanceRow = z.object({
  ...dated,
  id: z.string(),
  name: text,
  tenant_id: text,
  status: text,
  task_description: text,
  cluster_id: text,
  replicas: z.array(z.object({ id: z.string() })).nullish(),
});
export type InstanceRow = z.infer<typeof instanceRow>;
const clusterRow = z.object({
  ...dated,
  id: z.string(),
  name: text,
  tenant_id: text,
  task: z.object({ name: z.string() }),
});

/**
 * Without `deleted` Trove shows what is deleted, too, and without `include_clustered` it leaves out
 * the members of clusters.
 */
export const instancesOf = ({ api, memoize, project }: ProjectContext): Promise<InstanceRow[]> =>
  memoize('trove/instances', async () => {
    const query = { project_id: project, deleted: false, include_clustered: true };
    return (
      await api.list('/mgmt/instances', {
        collection: 'instances',
        row: instanceRow,
        paging: 'marker',
        query,
      })
    ).rows;
  });

/** The clusters of the whole cloud, in one answer: no filter by project, no pages. */
export const clustersOf = ({
  api,
  memoize,
  project,
}: ProjectContext): Promise<z.infer<typeof clusterRow>[]> =>
  memoize('trove/clusters', async () => {
    const query = { deleted: false };
    const { rows } = await api.list('/mgmt/clusters', {
      collection: 'clusters',
      row: clusterRow,
      paging: 'none',
      query,
    });
    return rows.filter((row) => row.tenant_id === project || !row.tenant_id);
  });

const MINUTE = 60_000;
/** A deletion that takes longer is asked for again. */
export const PATIENCE = 15 * MINUTE;
/**
 * What is built for longer than Trove itself waits for it (`usage_timeout`,
 * `restore_usage_timeout`) is not built any more.
 */
const LONG = 60 * MINUTE;
/** The living project waits so long for what is being built; it is removed after the deletion. */
const SHORT = 5 * MINUTE;

/** When a row was last changed; epoch milliseconds. */
export const changedAt = (row: z.infer<z.ZodObject<typeof dated>>): number =>
  epochOf(row.updated ?? row.created);
export const isOlderThan = (
  row: Parameters<typeof changedAt>[0],
  millis: number,
  { now }: Pick<ProjectContext, 'now'>,
): boolean => now() - changedAt(row) > millis;

/** Goes on by itself. */
export const waits = (message: string): Blocker => ({ message, actor: 'none' });

/**
 * Taken from under its builder it would leave servers and volumes behind, in the project of Trove
 * itself.
 */
export const unlessBuilt = (
  row: Parameters<typeof changedAt>[0],
  context: Pick<ProjectContext, 'now'>,
  doing: string,
): Blocker | undefined =>
  isOlderThan(row, LONG, context)
    ? undefined
    : {
        ...waits(`it is ${doing}, and Trove is not interrupted for an hour`),
        canFollowDeletion: isOlderThan(row, SHORT, context),
      };

/** Whether Trove has been building it for so long that the phase `pre-delete` ends without it. */
export const isSlowBuild = (
  row: Parameters<typeof changedAt>[0],
  context: Pick<ProjectContext, 'now'>,
): boolean => isOlderThan(row, SHORT, context);

/**
 * Trove answers also 400, 403 and 422 to what merely stands in the way, where others say 409; only
 * its words tell. What they don't say is thrown on.
 */
export async function unlessInTheWay(
  words: RegExp,
  remove: () => Promise<Removal>,
): Promise<Removal> {
  try {
    return await remove();
  } catch (error) {
    if (
      !(error instanceof PropagatorError) ||
      ![400, 403, 422].includes(error.report.status ?? 0) ||
      !words.test(error.message)
    )
      throw error;
    return { is: 'blocked', ...waits(error.message) };
  }
}

/**
 * The same for what an instance holds: where the project has an instance that is being built for
 * long, it does not hold the phase `pre-delete` either.
 */
export async function unlessHeldByBuild(
  context: ProjectContext,
  words: RegExp,
  remove: () => Promise<Removal>,
): Promise<Removal> {
  const removal = await unlessInTheWay(words, remove);
  if (removal.is !== 'blocked') return removal;
  const rows = (await instancesOf(context)).filter((row) => row.tenant_id === context.project);
  const canFollowDeletion = rows.some((row) => row.status === 'BUILD' && isSlowBuild(row, context));
  return { ...removal, canFollowDeletion };
}
