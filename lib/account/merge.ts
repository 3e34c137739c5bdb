import type { Account } from '../../events/account.ts';
import type { UserId } from '../../events/ids.ts';
import type { AccountRecord } from './inventory.ts';

/** Lists of Keystone: of the whole cloud, or of one domain. */
export interface Listed {
  readonly domains: readonly Account[];
  readonly projects: readonly Account[];
  readonly users: readonly Account[];
  readonly members: readonly { readonly projectId: string; readonly userId: UserId }[];
}

export const keyOf = (type: Account['type'], id: string): string => `${type}/${id}`;
export const keyOfAccount = (account: Account): string => keyOf(account.type, account.id);

/** Old and new members together: who once had a role may have left something behind. */
export function unionOf(
  known: readonly UserId[] | undefined,
  added: readonly UserId[] | undefined,
): readonly UserId[] | undefined {
  if (!known || !added) return known ?? added;
  const all = new Set([...known, ...added]);
  return all.size === known.length ? known : [...all];
}

/** A record after Keystone showed the account at `seenAt`: a tombstone and members stay. */
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

/**
 * Records after a listing. The announced `enabled` of a known account stays: that a listing shows
 * another one is no event, and the notification that makes it one may still wait in the broker.
 */
export function mergeListed(
  listed: Listed,
  known: ReadonlyMap<string, AccountRecord>,
  listedAt: number,
): AccountRecord[] {
  const members = new Map<string, UserId[]>();
  for (const { projectId, userId } of listed.members) {
    const users = members.get(projectId);
    if (users) users.push(userId);
    else members.set(projectId, [userId]);
  }
  return [...listed.domains, ...listed.projects, ...listed.users].map((account) => {
    const record = known.get(keyOfAccount(account));
    const announced = record?.account.enabled;
    const merged = announced === undefined ? account : { ...account, enabled: announced };
    return shownRecord(
      record,
      merged,
      listedAt,
      account.type === 'project' ? [...new Set(members.get(account.id))] : undefined,
    );
  });
}
