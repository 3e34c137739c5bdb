import type { Condition } from '../../events/service.ts';

/** More would not be read at three in the morning; the counts stay exact. */
const MOST = 25;

/**
 * One line per kind and reason instead of one per thing, sorted so that a status does not flap
 * between two looks; what this cloud merely lacks comes last.
 * `example` and `requestId` are those of the first thing.
 */
export function aggregate(conditions: readonly Condition[]): Condition[] {
  const byReason = new Map<string, Condition>();
  for (const condition of conditions) {
    const key = [condition.resourceType, condition.class, condition.actor, condition.message].join(
      '\u0000',
    );
    const known = byReason.get(key);
    byReason.set(key, known ? { ...known, count: known.count + condition.count } : condition);
  }
  return [...byReason.entries()]
    .sort(
      ([a, x], [b, y]) =>
        Number(x.class === 'Unsupported') - Number(y.class === 'Unsupported') || (a < b ? -1 : 1),
    )
    .slice(0, MOST)
    .map(([, condition]) => condition);
}
