import type { Condition, Counts, ServiceReport } from '../../events/service.ts';
import type { ResourceTypeCount, Task, TaskCounts } from './model.ts';

const NONE: ResourceTypeCount = { found: 0, removed: 0, left: 0 };

/**
 * Returns the counts of a task after a run has reported.
 *
 * `found` is the number of distinct resources listed so far, or a lower bound of this number. Two
 * numbers are known: the most ids that one run listed, and the distinct ids of all runs. `found` is
 * the higher of the two. `removed` is `found - left`.
 *
 * `baseline`: the counts before the run. `distinct`: the number of ids that earlier runs listed.
 * `fresh`: the number of ids that only this run listed. `counts` lacks each type that the run could
 * not list. A type without a new count keeps its old count.
 */
export function mergeCounts(
  baseline: TaskCounts,
  counts: Counts,
  distinct: Task['distinct'] = {},
  fresh: Task['distinct'] = {},
): TaskCounts {
  const now: Record<string, ResourceTypeCount> = { ...baseline };
  for (const [resourceType, count] of Object.entries(counts)) {
    const before = baseline[resourceType] ?? NONE;
    const ids = (distinct[resourceType] ?? 0) + (fresh[resourceType] ?? 0);
    const found = Math.max(before.found, count.listed, ids, count.left);
    now[resourceType] = { found, left: count.left, removed: found - count.left };
  }
  return now;
}

/** Returns the number of distinct ids after a run has ended. */
export const addDistinct = (
  distinct: Task['distinct'],
  fresh: Task['distinct'] = {},
): Task['distinct'] => ({
  ...distinct,
  ...Object.fromEntries(
    Object.entries(fresh).map(([name, count]) => [name, (distinct[name] ?? 0) + count]),
  ),
});

/**
 * Returns the types whose `removed` is higher than in all earlier reports. Only a new maximum
 * counts as progress. If a user creates a resource again and again, its removals do not increase
 * `removed` (see {@link mergeCounts}). The back-off then grows, and the task is dead-lettered at
 * the stall timeout.
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

/** Returns the sum over all resource types. */
export function total(counts: TaskCounts): ResourceTypeCount {
  return Object.values(counts).reduce(
    (sum, count) => ({
      found: sum.found + count.found,
      removed: sum.removed + count.removed,
      left: sum.left + count.left,
    }),
    NONE,
  );
}

/**
 * Returns the conditions, each with the time since which it exists. The time is kept while the
 * reason is the same.
 */
export function keepSince(
  before: readonly Condition[],
  now: readonly Condition[],
  at: number,
): Condition[] {
  const key = (condition: Condition): string =>
    [condition.resourceType, condition.class, condition.actor, condition.message].join('\u0000');
  const since = new Map(before.map((condition) => [key(condition), condition.since]));
  return now.map((condition) => ({
    ...condition,
    since: condition.since ?? since.get(key(condition)) ?? at,
  }));
}

/**
 * Returns the known holds that still apply and that the report does not repeat. A hold still
 * applies if the run failed or did not list the type of the held resource.
 */
export function holdsStillKnown(before: readonly Condition[], report: ServiceReport): Condition[] {
  const { conditions, verification = {} } = report.data;
  const hasError =
    report.type === 'service.failed' ||
    (report.type === 'service.progressed' && report.data.again?.error !== undefined);
  return before.filter(({ isHold, resourceType }) => {
    if (!isHold || resourceType === undefined) return false;
    if (conditions.some((one) => one.isHold && one.resourceType === resourceType)) return false;
    const status = verification[resourceType] ?? 'unknown';
    return status === 'unknown' || (status === 'present' && hasError);
  });
}

/**
 * True if every condition waits for a person. Conditions of class `Unsupported` are ignored,
 * because no task waits for them.
 */
export function waitsForPeople(conditions: readonly Condition[]): boolean {
  const waits = conditions.filter((condition) => condition.class !== 'Unsupported');
  return waits.length > 0 && waits.every((condition) => condition.actor !== 'none');
}

/**
 * Returns the seconds until the next run. The delay is short while resources are removed. Without
 * progress the delay is a quarter of the idle time, up to a minute. If only a person can help, the
 * delay is half of the idle time, up to five minutes. The delay is never shorter than the service's
 * `Retry-After`.
 */
export function nextRunSeconds(
  task: Pick<Task, 'progressAt' | 'conditions'>,
  now: number,
  askedSeconds: number,
): number {
  const idle = Math.max(0, now - task.progressAt) / 1000;
  const ownDelay = waitsForPeople(task.conditions)
    ? Math.min(300, Math.max(1, idle / 2))
    : Math.min(60, Math.max(0.4, idle / 4));
  return Math.max(askedSeconds, ownDelay);
}
