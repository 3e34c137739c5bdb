import type { Account } from '../../events/account.ts';
import type { UserId } from '../../events/ids.ts';
import type { AccountRecord } from './inventory.ts';

/** Keystone's lists for the whole cloud or for one domain. */
export interface Listed {
  readonly domains: readonly Account[];
  readonly projects: readonly Account[];
  readonly users: readonly Account[];
  readonly members: readonly { readonly projectId: string; readonly userId: UserId }[];
}

/** Returns the key of an account: `<type>/<id>`, for example `project/0a1b`. */
export const keyOf = (type: Account['type'], id: string): string => `${type}/${id}`;
/** Returns the key of an account: `<type>/<id>`, for example `project/0a1b`. */
export const keyOfAccount = (account: Account): string => keyOf(account.type, account.id);

/**
 * Returns the union of old and new members. Former members are kept, because they may have left
 * resources.
 */
export function unionOf(
  known: readonly UserId[] | undefined,
  added: readonly UserId[] | undefined,
): readonly UserId[] | undefined {
  if (!known || !added) return known ?? added;
  const all = new Set([...known, ...added]);
  return all.size === known.length ? known : [...all];
}

/**
 * Returns the record after Keystone showed the account at `seenAt` (epoch milliseconds).
 * `deletedAt` and the members are kept.
 */
export function shownRecord(
  known: AccountRecord | undefined,
  account: Account,
  seenAt: number,
  members?: readonly UserId[],
): AccountRecord {
  return {
    account,
    seenAt: Math.max(known?.seenAt ?? 0, seenAt),
    deletedAt: known?.deletedAt,
    members: unionOf(known?.members, members),
  };
}

/** True if no event has announced the creation of the account, as far as the inventory knows. */
export const isUnannounced = (record: AccountRecord | undefined): boolean =>
  record === undefined || record.seenAt === 0 || record.unannounced === true;

/**
 * Returns the records after a listing. A known account keeps its announced `enabled`, because the
 * notification about a change may still wait in the broker. A new account has no `enabled` and is
 * `unannounced`. The sweep announces the creation and the state. With `isFirst` the accounts
 * existed before the inventory, so their state counts as announced.
 */
export function mergeListed(
  listed: Listed,
  known: ReadonlyMap<string, AccountRecord>,
  listedAt: number,
  isFirst = false,
): AccountRecord[] {
  const members = new Map<string, UserId[]>();
  for (const { projectId, userId } of listed.members) {
    const users = members.get(projectId);
    if (users) users.push(userId);
    else members.set(projectId, [userId]);
  }
  return [...listed.domains, ...listed.projects, ...listed.users].map((account) => {
    const record = known.get(keyOfAccount(account));
    const { enabled: listedState, ...withoutState } = account;
    const announced = record?.account.enabled ?? (isFirst ? listedState : undefined);
    const merged = announced === undefined ? withoutState : { ...account, enabled: announced };
    const shown = shownRecord(
      record,
      merged,
      listedAt,
      account.type === 'project' ? [...new Set(members.get(account.id))] : undefined,
    );
    return !isFirst && isUnannounced(record) ? { ...shown, unannounced: true } : shown;
  });
}
