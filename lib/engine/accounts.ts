import type { UserId } from '../../events/ids.ts';
import type { AccountRecord } from '../account/inventory.ts';

/**
 * Merges a stored record with a new record, with the same result in any order of writes: `members`
 * only grows, and the latest `deletedAt` and `seenAt` win. PostgreSQL does the same in SQL.
 */
export function mergeAccounts(old: AccountRecord | undefined, now: AccountRecord): AccountRecord {
  if (!old) return now;
  const members =
    old.members || now.members ? union(old.members ?? [], now.members ?? []) : undefined;
  const deletedAt =
    old.deletedAt === undefined ? now.deletedAt : Math.max(old.deletedAt, now.deletedAt ?? 0);
  return { ...now, seenAt: Math.max(old.seenAt, now.seenAt), deletedAt, members };
}

const union = (one: readonly UserId[], other: readonly UserId[]): UserId[] =>
  [...new Set([...one, ...other])].sort();
