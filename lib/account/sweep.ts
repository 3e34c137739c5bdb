import type { Account, AccountEvent, Change } from '../../events/account.ts';
import { type AccountRecord, isGone } from './inventory.ts';
import { keyOfAccount, shownRecord } from './merge.ts';

/**
 * Of the living accounts of a type, the share that may be missing from a listing at once. More is
 * taken for a fault of the listing; a few are always believed.
 */
const MOST_MISSING = { share: 0.2, few: 5 };

/** Why the listing is in doubt, for the operator; `undefined` when it is not. */
export function doubtAbout(
  type: Account['type'],
  missing: number,
  living: number,
): string | undefined {
  if (missing <= Math.max(MOST_MISSING.few, living * MOST_MISSING.share)) return undefined;
  return `Keystone no longer lists ${missing} of ${living} known ${type}s, and announced none of these deletions: so many at once may be a fault of Keystone or of its database`;
}

/** Whether Keystone has shown it, and no notification of its deletion came since. */
export const isAlive = (record: AccountRecord): boolean => record.seenAt > 0 && !isGone(record);

/** Whether the account was known to live before the listing began, and is not in it. */
export const isMissing = (
  record: AccountRecord,
  listed: ReadonlySet<string>,
  listedAt: number,
): boolean => !isGone(record) && record.seenAt < listedAt && !listed.has(record.account.id);

/**
 * The event for a change that Keystone's lists show and that no notification announced. `seenAt`:
 * when Keystone last showed the account; there is one event for each time.
 */
export function sweptEvent(account: Account, change: Change, seenAt: number): AccountEvent {
  return {
    type: `account.${account.type}.${change}`,
    data: {
      account,
      cause: {
        messageId: `sweep/${account.type}/${account.id}/${change}/${seenAt}`,
        eventType: 'sweep',
        // When it was deleted is not known; it was alive then.
        at: seenAt,
      },
    },
  };
}

/** What a page of a listing adds to the inventory. */
export interface PageNews {
  readonly accounts: AccountRecord[];
  readonly messages: AccountEvent[];
}

/**
 * Compares a page of a listing that began at `listedAt` with what was known of its accounts. An
 * account that was enabled or disabled and not announced is recorded and announced; a new account
 * is recorded only, for its notification may still be on its way and opens no operation.
 */
export function comparePage(
  page: readonly Account[],
  known: readonly AccountRecord[],
  listedAt: number,
): PageNews {
  const before = new Map(known.map((record) => [keyOfAccount(record.account), record]));
  const news: PageNews = { accounts: [], messages: [] };
  for (const account of page) {
    const record = before.get(keyOfAccount(account));
    // What a notification changed since the listing began is newer than the listing.
    if (record && record.seenAt >= listedAt) continue;
    const shown = shownRecord(record, account, listedAt);
    if (!isNews(shown, record)) continue;
    news.accounts.push(shown);
    if (record?.account.enabled === undefined || record.account.enabled === account.enabled)
      continue;
    news.messages.push(sweptEvent(account, account.enabled ? 'enabled' : 'disabled', listedAt));
  }
  return news;
}

/**
 * That an account was seen once more is news only of one that was said to be deleted: by that it
 * lives ({@link isGone}).
 */
export const isNews = (record: AccountRecord, known: AccountRecord | undefined): boolean =>
  !known ||
  known.deletedAt !== undefined ||
  record.members !== known.members ||
  contentOf(record.account) !== contentOf(known.account);

const contentOf = (account: AccountRecord['account']): string =>
  JSON.stringify(
    Object.entries(account)
      .filter(([, value]) => value !== undefined)
      .toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );
