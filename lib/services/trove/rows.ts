import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import type { Blocker, ProjectContext, Removal } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import { epochMillisOf, hasElapsed } from '../kit/time.ts';

const optionalText = z.string().nullish();
const datedFields = { created: optionalText, updated: optionalText };
const instanceRow = z.object({
  ...datedFields,
  id: z.string(),
  name: optionalText,
  tenant_id: optionalText,
  status: optionalText,
  /** The state of the database. `status` is the state of the server and of Trove's task. */
  service_status: optionalText,
  task_description: optionalText,
  cluster_id: optionalText,
  replicas: z.array(z.object({ id: z.string() })).nullish(),
});
export type InstanceRow = z.infer<typeof instanceRow>;
const clusterRow = z.object({
  ...datedFields,
  id: z.string(),
  name: optionalText,
  tenant_id: optionalText,
  task: z.object({ name: z.string() }),
});

/**
 * Returns the project's instances. Without `deleted: false`, Trove also lists deleted instances.
 * Without `include_clustered`, Trove omits members of clusters.
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

/**
 * Returns the project's clusters. Trove has no filter by project and no pages, so the answer
 * contains the clusters of the whole cloud.
 */
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
/** A deletion that takes longer than this counts as stuck and is requested again. */
export const STUCK_AFTER_MILLIS = 15 * MINUTE;
/**
 * A build that takes longer than this counts as failed. By default, Trove itself does not wait
 * longer (`usage_timeout`, `restore_usage_timeout`).
 */
const BUILD_LIMIT_MILLIS = 60 * MINUTE;
/**
 * In phase `pre-delete`, the cleanup waits this long for a build. An instance with a slower build
 * is removed after the project's deletion.
 */
const PRE_DELETE_BUILD_LIMIT_MILLIS = 5 * MINUTE;

type DatedRow = z.infer<z.ZodObject<typeof datedFields>>;
/** Returns the time of the last change in epoch milliseconds. */
export const changedAt = (row: DatedRow): number => epochMillisOf(row.updated ?? row.created);
/** True if the resource has not changed for this long. False if its row has no time. */
export const isUnchangedFor = (
  millis: number,
  row: DatedRow,
  { now }: Pick<ProjectContext, 'now'>,
): boolean => hasElapsed(millis, changedAt(row), now());

/**
 * Returns a blocker for a resource that Trove is building or changing, or `undefined` if its row
 * has not changed for an hour. The blocker is necessary because an interrupted build would leave
 * servers and volumes in Trove's own project. The message begins with `the resource is ACTIVITY`.
 */
export const buildBlocker = (
  row: DatedRow,
  context: Pick<ProjectContext, 'now'>,
  activity: string,
): Blocker | undefined =>
  isUnchangedFor(BUILD_LIMIT_MILLIS, row, context)
    ? undefined
    : {
        ...temporaryBlocker(
          `the resource is ${activity}; the propagator waits up to an hour before it interrupts ` +
            'Trove',
        ),
        isRemovableAfterDeletion: isSlowBuild(row, context),
      };

/** Returns true if phase `pre-delete` no longer waits for the build. */
export const isSlowBuild = (row: DatedRow, context: Pick<ProjectContext, 'now'>): boolean =>
  isUnchangedFor(PRE_DELETE_BUILD_LIMIT_MILLIS, row, context);

/**
 * Calls `remove`, and converts a refusal to a blocker. Trove answers 400, 403 or 422 where other
 * services answer 409. These answers also have other causes, so an error is a refusal only if its
 * message matches `refusalText`. Throws any other error again.
 */
export async function removeUnlessRefused(
  refusalText: RegExp,
  remove: () => Promise<Removal>,
): Promise<Removal> {
  try {
    return await remove();
  } catch (error) {
    if (
      !(error instanceof PropagatorError) ||
      ![400, 403, 422].includes(error.report.status ?? 0) ||
      !refusalText.test(error.message)
    )
      throw error;
    return { kind: 'blocked', ...temporaryBlocker(error.message) };
  }
}

/**
 * Like {@link removeUnlessRefused}, for a resource that an instance may use. While the project has
 * a slow build ({@link isSlowBuild}), phase `pre-delete` does not wait for the resource.
 */
export async function removeUnlessInUse(
  context: ProjectContext,
  refusalText: RegExp,
  remove: () => Promise<Removal>,
): Promise<Removal> {
  const removal = await removeUnlessRefused(refusalText, remove);
  if (removal.kind !== 'blocked') return removal;
  const rows = (await instancesOf(context)).filter((row) => row.tenant_id === context.project);
  const isRemovableAfterDeletion = rows.some(
    (row) => row.status === 'BUILD' && isSlowBuild(row, context),
  );
  return { ...removal, isRemovableAfterDeletion };
}
