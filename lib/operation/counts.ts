import type { Condition, Counts } from '../../events/service.ts';
import type { ResourceTypeCount, Task, TaskCounts } from './model.ts';

const NONE: ResourceTypeCount = { found: 0, removed: 0, left: 0 };

/**
 * What a task has found, removed and left, once a pass has reported.
 * `baseline` is the state before the pass; what the pass listed beyond what was left then has
 * appeared since. A kind that the pass could not list is not in its counts and stays as it was: not
 * knowing changes nothing.
 */
export function account(baseline: TaskCounts, counts: Counts): TaskCounts {
  const now: Record<string, ResourceTypeCount> = { ...baseline };
  for (const [resourceType, count] of Object.entries(counts)) {
    const before = baseline[resourceType] ?? NONE;
    const found = before.found + Math.max(0, count.listed - before.left);
    now[resourceType] = { found, left: count.left, removed: found - count.left };
  }
  return now;
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
