import type { Condition, Counts, ServiceReport } from '../../events/service.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { ResourceTypeCount, Task, TaskCounts } from './model.ts';

const NO_RESOURCES: ResourceTypeCount = { found: 0, removed: 0, left: 0 };

/**
 * Returns the counts of a task after a run has reported its counts. A type that the run could not
 * list is missing in `reportedCounts` and keeps its earlier count.
 *
 * `found` is the number of distinct resources that the runs have listed, or a lower bound of this
 * number. Both the highest number that one run listed and the distinct ids of all runs are lower
 * bounds, so `found` is the higher of these two. `removed` is `found - left`.
 *
 * `distinctIdCounts`: how many ids the earlier runs listed, by type. `newIdCounts`: how many ids
 * only this run listed.
 */
export function mergeCounts(
  countsBefore: TaskCounts,
  reportedCounts: Counts,
  distinctIdCounts: Task['distinctIdCounts'] = {},
  newIdCounts: Task['distinctIdCounts'] = {},
): TaskCounts {
  const mergedCounts: Record<string, ResourceTypeCount> = { ...countsBefore };
  for (const [resourceType, count] of Object.entries(reportedCounts)) {
    const countBefore = countsBefore[resourceType] ?? NO_RESOURCES;
    const distinctIdCount =
      (distinctIdCounts[resourceType] ?? 0) + (newIdCounts[resourceType] ?? 0);
    const found = Math.max(countBefore.found, count.listed, distinctIdCount, count.left);
    mergedCounts[resourceType] = { found, left: count.left, removed: found - count.left };
  }
  return mergedCounts;
}

/** Returns how many distinct ids the runs of a task have listed after one more run has ended. */
export const addIdCounts = (
  distinctIdCounts: Task['distinctIdCounts'],
  newIdCounts: Task['distinctIdCounts'] = {},
): Task['distinctIdCounts'] => ({
  ...distinctIdCounts,
  ...Object.fromEntries(
    Object.entries(newIdCounts).map(([name, count]) => [
      name,
      (distinctIdCounts[name] ?? 0) + count,
    ]),
  ),
});

/**
 * Returns the types whose `removed` is higher than in all earlier reports, with the new value. Only
 * such a new maximum counts as progress. If a user creates a resource with the same id again after
 * each removal, the removals do not increase `removed` (see {@link mergeCounts}). The delay between
 * the runs then grows, and the task is dead-lettered at the stall timeout.
 */
export function newRemovalMaxima(
  mostRemoved: Task['mostRemoved'],
  counts: TaskCounts,
): Task['mostRemoved'] {
  return Object.fromEntries(
    Object.entries(counts)
      .filter(([name, { removed }]) => removed > (mostRemoved[name] ?? 0))
      .map(([name, { removed }]) => [name, removed]),
  );
}

/** Adds up several counts. */
export const sumCounts = (counts: readonly ResourceTypeCount[]): ResourceTypeCount =>
  counts.reduce(
    (sum, count) => ({
      found: sum.found + count.found,
      removed: sum.removed + count.removed,
      left: sum.left + count.left,
    }),
    NO_RESOURCES,
  );

/** Returns the counts of a task, summed over all resource types. */
export const totalCounts = (counts: TaskCounts): ResourceTypeCount =>
  sumCounts(Object.values(counts));

/**
 * Returns the conditions of a new report, each with the time since which it exists. A condition
 * that the task had before keeps its time.
 */
export function withConditionTimes(
  earlierConditions: readonly Condition[],
  reportedConditions: readonly Condition[],
  at: number,
): Condition[] {
  const key = (condition: Condition): string =>
    [condition.resourceType, condition.class, condition.actor, condition.message].join('\u0000');
  const earlierTimes = new Map(
    earlierConditions.map((condition) => [key(condition), condition.since]),
  );
  return reportedConditions.map((condition) => ({
    ...condition,
    since: condition.since ?? earlierTimes.get(key(condition)) ?? at,
  }));
}

/** Returns the error with which a run has ended, if there is one. */
export function runErrorOf(report: ServiceReport): ErrorReport | undefined {
  if (report.type === 'service.failed') return report.data.error;
  return report.type === 'service.progressed' ? report.data.again?.error : undefined;
}

/**
 * Returns those earlier conditions of a task that are deletion holds and still apply although the
 * report lacks them. Such a hold still applies if the run could not list the type of its resource,
 * or if the run failed before it could report the hold.
 */
export function holdsStillKnown(
  earlierConditions: readonly Condition[],
  report: ServiceReport,
): Condition[] {
  const { conditions, verification = {} } = report.data;
  const hasError = runErrorOf(report) !== undefined;
  return earlierConditions.filter(({ isHold, resourceType }) => {
    if (!isHold || resourceType === undefined) return false;
    const isReported = conditions.some((one) => one.isHold && one.resourceType === resourceType);
    if (isReported) return false;
    const status = verification[resourceType] ?? 'unknown';
    return status === 'unknown' || (status === 'present' && hasError);
  });
}

/**
 * True if a person must act for every condition. Conditions of class `Unsupported` are ignored,
 * because no task waits for them.
 */
export function waitsOnlyForPeople(conditions: readonly Condition[]): boolean {
  const waits = conditions.filter((condition) => condition.class !== 'Unsupported');
  return waits.length > 0 && waits.every((condition) => condition.actor !== 'none');
}

/**
 * Returns the delay in seconds of the next run. The delay is a quarter of the time since the last
 * progress, up to a minute. If only a person can help, the delay is half of this time, up to five
 * minutes. The delay is never shorter than `requestedSeconds`, the delay that the run requested.
 */
export function nextRunDelaySeconds(
  task: Pick<Task, 'progressAt' | 'conditions'>,
  now: number,
  requestedSeconds: number,
): number {
  const idleSeconds = Math.max(0, now - task.progressAt) / 1000;
  const backoffSeconds = waitsOnlyForPeople(task.conditions)
    ? Math.min(300, Math.max(1, idleSeconds / 2))
    : Math.min(60, Math.max(0.4, idleSeconds / 4));
  return Math.max(requestedSeconds, backoffSeconds);
}
