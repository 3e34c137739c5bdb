import type { Account, AccountEvent, Change } from '../../events/account.ts';
import { type AccountRecord, isGone } from './inventory.ts';
import { changeOfEnabled, isUnannounced, keyOfAccount, updatedRecord } from './merge.ts';

/**
 * The number of accounts of a type that may be missing in one listing: `count`, or `share` of the
 * existing accounts if that is more. If more are missing, the listing counts as faulty.
 */
const MAX_MISSING = { share: 0.2, count: 5 };

/**
 * Returns why a listing is probably incomplete, as a text for the operator, or `undefined`.
 * `missingCount`: the number of accounts that the listing lacks. `livingCount`: the number of known
 * accounts that exist.
 */
export function findListingProblem(
  type: Account['type'],
  missingCount: number,
  livingCount: number,
): string | undefined {
  const maxMissing = Math.max(MAX_MISSING.count, livingCount * MAX_MISSING.share);
  if (missingCount <= maxMissing) return undefined;
  return (
    `Keystone no longer lists ${missingCount} of ${livingCount} known ${type}s, and sent no ` +
    'notifications about them. Keystone or its database may have a fault'
  );
}

/** True if Keystone has shown the account and no notification has reported its deletion since. */
export const isAlive = (record: AccountRecord): boolean => record.seenAt > 0 && !isGone(record);

/** True if the account existed before the listing began and is missing from it. */
export const isMissing = (
  record: AccountRecord,
  listed: ReadonlySet<string>,
  listedAt: number,
): boolean => !isGone(record) && record.seenAt < listedAt && !listed.has(record.account.id);

/**
 * Returns the event for a change that Keystone's lists show and that no notification announced.
 * `seenAt`: epoch milliseconds when Keystone last showed the account. The `messageId` contains
 * `seenAt`, so a second event for the same change is recognized as a duplicate.
 */
export function sweptEvent(account: Account, change: Change, seenAt: number): AccountEvent {
  return {
    type: `account.${account.type}.${change}`,
    data: {
      account,
      cause: {
        messageId: `sweep/${account.type}/${account.id}/${change}/${seenAt}`,
        eventType: 'sweep',
        // The time of the change is unknown, so the event has the last time at which Keystone
        // showed the account.
        at: seenAt,
      },
    },
  };
}

/** The records and events that follow from one page of a listing. */
export interface PageChanges {
  readonly accounts: AccountRecord[];
  readonly messages: AccountEvent[];
}

/**
 * Compares one page of a listing that began at `listedAt` (epoch milliseconds) with the inventory
 * records of the same accounts. Each creation or change of `enabled` for which no notification
 * arrived is recorded and announced. If the notification about a creation arrives later, `created`
 * is announced a second time, and subscribers must accept this. If `announcesCreations` is false,
 * new accounts are only recorded.
 */
export function comparePage(
  page: readonly Account[],
  storedRecords: readonly AccountRecord[],
  listedAt: number,
  announcesCreations = true,
): PageChanges {
  const recordByKey = new Map(
    storedRecords.map((record) => [keyOfAccount(record.account), record]),
  );
  const pageChanges: PageChanges = { accounts: [], messages: [] };
  for (const account of page) {
    const record = recordByKey.get(keyOfAccount(account));
    const changedRecord = changedRecordOf(account, record, listedAt);
    if (!changedRecord) continue;
    pageChanges.accounts.push(changedRecord);
    const changes = changesOf(account, record);
    const isOnlyRecorded = changes.includes('created') && !announcesCreations;
    if (isOnlyRecorded) continue;
    for (const change of changes) pageChanges.messages.push(sweptEvent(account, change, listedAt));
  }
  return pageChanges;
}

/** Returns the new record of a listed account, or `undefined` if `record` needs no change. */
function changedRecordOf(
  listed: Account,
  record: AccountRecord | undefined,
  listedAt: number,
): AccountRecord | undefined {
  // The record is newer than the listing, so the listing shows nothing new.
  if (record && record.seenAt >= listedAt) return undefined;
  const newRecord = updatedRecord(record, listed, listedAt);
  return differsFromStored(newRecord, record) ? newRecord : undefined;
}

/** Returns the changes that no event has announced yet. */
function changesOf(listed: Account, record: AccountRecord | undefined): Change[] {
  const change = changeOfEnabled(record?.account.enabled, listed.enabled);
  return [...(isUnannounced(record) ? ['created' as const] : []), ...(change ? [change] : [])];
}

/**
 * True if the record must be stored. A record that differs only in `seenAt` is not stored.
 * Exception: the account was reported deleted and exists again ({@link isGone}).
 */
export const differsFromStored = (
  record: AccountRecord,
  stored: AccountRecord | undefined,
): boolean =>
  !stored ||
  stored.deletedAt !== undefined ||
  record.unannounced !== stored.unannounced ||
  record.members !== stored.members ||
  contentOf(record.account) !== contentOf(stored.account);

const contentOf = (account: AccountRecord['account']): string =>
  JSON.stringify(
    Object.entries(account)
      .filter(([, value]) => value !== undefined)
      .toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );
