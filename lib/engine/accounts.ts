import type { UserId } from '../../events/ids.ts';
import type { AccountRecord } from '../account/inventory.ts';

/**
 * Merges a stored record with a new record. The result has the members of both records, and the
 * later `deletedAt` and `seenAt`, so these fields do not depend on the order of the writes. All
 * other fields come from the new record. On PostgreSQL, an SQL statement merges in the same way.
 */
export function mergeAccounts(
  storedRecord: AccountRecord | undefined,
  newRecord: AccountRecord,
): AccountRecord {
  if (!storedRecord) return newRecord;
  const members =
    storedRecord.members || newRecord.members
      ? union(storedRecord.members ?? [], newRecord.members ?? [])
      : undefined;
  const deletedAt =
    storedRecord.deletedAt === undefined
      ? newRecord.deletedAt
      : Math.max(storedRecord.deletedAt, newRecord.deletedAt ?? 0);
  const seenAt = Math.max(storedRecord.seenAt, newRecord.seenAt);
  return { ...newRecord, seenAt, deletedAt, members };
}

const union = (one: readonly UserId[], other: readonly UserId[]): UserId[] =>
  [...new Set([...one, ...other])].sort();
