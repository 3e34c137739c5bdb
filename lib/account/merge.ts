import type { Account, Change } from '../../events/account.ts';
import type { UserId } from '../../events/ids.ts';
import type { AccountRecord } from './inventory.ts';

/** Keystone's lists of accounts and memberships, for the whole cloud or for one domain. */
export interface KeystoneLists {
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
 * Returns the recorded members and the added ones. Former members are kept, because they may have
 * left resources behind.
 */
export function mergeMembers(
  recorded: readonly UserId[] | undefined,
  added: readonly UserId[] | undefined,
): readonly UserId[] | undefined {
  if (!recorded || !added) return recorded ?? added;
  const allMembers = new Set([...recorded, ...added]);
  return allMembers.size === recorded.length ? recorded : [...allMembers];
}

/**
 * Returns the new record of an account that Keystone showed at `seenAt` (epoch milliseconds). Keeps
 * `deletedAt` and the members of the stored record.
 */
export function updatedRecord(
  stored: AccountRecord | undefined,
  account: Account,
  seenAt: number,
  members?: readonly UserId[],
): AccountRecord {
  return {
    account,
    seenAt: Math.max(stored?.seenAt ?? 0, seenAt),
    deletedAt: stored?.deletedAt,
    members: mergeMembers(stored?.members, members),
  };
}

/**
 * Returns the change between the state that was announced last and the state that Keystone shows.
 * Returns `undefined` if there is no change. An account whose state was never announced counts as
 * enabled, like a new account.
 */
export function changeOfEnabled(
  announcedEnabled: boolean | undefined,
  shownEnabled: boolean | undefined,
): Change | undefined {
  if (shownEnabled === undefined || shownEnabled === (announcedEnabled ?? true)) return undefined;
  return shownEnabled ? 'enabled' : 'disabled';
}

/** True if no event has announced the creation of the account, as far as the inventory knows. */
export const isUnannounced = (record: AccountRecord | undefined): boolean =>
  record === undefined || record.seenAt === 0 || record.unannounced === true;

/**
 * Returns the records after a listing. A known account keeps its announced `enabled`, because the
 * notification about a change may still wait in the broker. A new account has no `enabled` and is
 * `unannounced`. The sweep announces its creation and its state. If the listing is the first
 * (`isFirstListing`), the accounts existed before the inventory, and their state counts as
 * announced.
 */
export function mergeListed(
  listed: KeystoneLists,
  records: ReadonlyMap<string, AccountRecord>,
  listedAt: number,
  isFirstListing = false,
): AccountRecord[] {
  const membersByProject = Map.groupBy(listed.members, ({ projectId }) => projectId);
  const membersOf = (project: string): UserId[] => [
    ...new Set(membersByProject.get(project)?.map(({ userId }) => userId)),
  ];
  return [...listed.domains, ...listed.projects, ...listed.users].map((account) => {
    const record = records.get(keyOfAccount(account));
    const { enabled: listedEnabled, ...withoutEnabled } = account;
    const announcedEnabled =
      record?.account.enabled ?? (isFirstListing ? listedEnabled : undefined);
    const merged =
      announcedEnabled === undefined ? withoutEnabled : { ...account, enabled: announcedEnabled };
    const currentRecord = updatedRecord(
      record,
      merged,
      listedAt,
      account.type === 'project' ? membersOf(account.id) : undefined,
    );
    return !isFirstListing && isUnannounced(record)
      ? { ...currentRecord, unannounced: true }
      : currentRecord;
  });
}
