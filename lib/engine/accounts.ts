import type { UserId } from '../../events/ids.ts';
import type { AccountRecord } from '../account/inventory.ts';

/**
 * Merges a stored record with a new record. The result has the members of both records, and the
 * later `deletedAt` and `seenAt`, so these fields do not depend on the order of the writes. All
 * other fields come from the new record. On PostgreSQL, an SQL statement merges in the same way.
 */
export function mergeAccounts(
  stored: AccountRecord | undefined,
  added: AccountRecord,
): AccountRecord {
  if (!stored) return added;
  const members =
    stored.members || added.members ? union(stored.members ?? [], added.members ?? []) : undefined;
  const deletedAt =
    stored.deletedAt === undefined
      ? added.deletedAt
      : Math.max(stored.deletedAt, added.deletedAt ?? 0);
  return { ...added, seenAt: Math.max(stored.seenAt, added.seenAt), deletedAt, members };
}

const union = (one: readonly UserId[], other: readonly UserId[]): UserId[] =>
  [...new Set([...one, ...other])].sort();
