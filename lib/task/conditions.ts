import type { Condition } from '../../events/service.ts';

/** A longer list is hard to read in an incident. The counts stay exact. */
const MOST = 25;

/**
 * Merges conditions with the same resource type and reason into one, with a count. The order is
 * stable, so that a status does not change between two reports. Conditions about missing features
 * of the cloud come last. `example` and `requestId` are those of the first resource.
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
