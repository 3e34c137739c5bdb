import type { UserId } from '../../events/ids.ts';
import type { AccountRecord } from '../account/inventory.ts';

/**
 * Merges a stored record with a new record. The result does not depend on the order of writes:
 * `members` only grows, and the latest `deletedAt` and `seenAt` win. On PostgreSQL, an SQL
 * statement merges the records in the same way.
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
