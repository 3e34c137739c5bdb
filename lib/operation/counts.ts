import type { Condition, Counts } from '../../events/service.ts';
import type { ResourceTypeCount, Task, TaskCounts } from './model.ts';

const NONE: ResourceTypeCount = { found: 0, removed: 0, left: 0 };

/**
 * What a task has found, removed and left, once a run has reported.
 *
 * `found` is never higher than the number of distinct resources that were ever listed: it is the
 * most that one run listed (a run counts each id once), or the number of distinct ids of all runs,
 * whichever is higher, and both are lower bounds. So a resource that is removed, comes back and is
 * removed again counts as one, and `removed`, which is `found - left`, never exceeds what there
 * was.
 *
 * `baseline` is the state before the run, `distinct` the number of ids that the runs before it
 * listed, `fresh` those that it was the first to list. A type that the run could not list is not in its counts and stays as it was: not knowing
 * changes nothing.
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

/** The distinct ids once a run has ended. */
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
 * Progress is a type of which more was removed than ever before. `mostRemoved` only grows, in whole
 * steps, and is never higher than the number of distinct resources that were ever listed (see
 * {@link mergeCounts}). So a task can make progress only as often as there are resources, and one
 * that comes back for ever lets it stand still: it waits longer and longer, and is dead-lettered at
 * the stall time-out.
 */
export function newRecords(
  mostRemoved: Task['mostRemoved'],
  counts: TaskCounts,
): Task['mostRemoved'] {
  return Object.fromEntries(
    Object.entries(counts)
      .filter(([name, { removed }]) => removed > (mostRemoved[name] ?? 0))
      .map(([name, { removed }]) => [name, removed]),
  );
}

/** All resource types together. */
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

/** A condition keeps the time since when it stands as long as the same reason stands. */
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
 * Nothing moves by itself; what this cloud merely lacks, or what is out of reach for good, is
 * nobody's waiting.
 */
export function waitsForPeople(conditions: readonly Condition[]): boolean {
  const waits = conditions.filter((condition) => condition.class !== 'Unsupported');
  return waits.length > 0 && waits.every((condition) => condition.actor !== 'none');
}

/**
 * Seconds until the next look. Quick while resources move; a quarter of the time that nothing
 * moved, up to a minute; when only people can help, half of it, up to five minutes. Never sooner
 * than the service asked (`Retry-After`).
 */
export function nextRunSeconds(
  task: Pick<Task, 'progressAt' | 'conditions'>,
  now: number,
  askedSeconds: number,
): number {
  const idle = Math.max(0, now - task.progressAt) / 1000;
  const own = waitsForPeople(task.conditions)
    ? Math.min(300, Math.max(1, idle / 2))
    : Math.min(60, Math.max(0.4, idle / 4));
  return Math.max(askedSeconds, own);
}
