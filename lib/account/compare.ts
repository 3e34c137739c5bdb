import type { AccountEvent } from '../../events/account.ts';
import { PropagatorError } from '../shared/errors.ts';
import { type AccountRecord, isGone } from './inventory.ts';
import type { Keystone } from './keystone.ts';
import { keyOfAccount, type Listed, mergeListed } from './merge.ts';

/** The result of comparing the inventory with Keystone's full lists. */
export interface Filled {
  /**
   * All listed accounts, merged with the inventory. Deletion times, members and the announced
   * `enabled` are kept.
   */
  readonly accounts: readonly AccountRecord[];
  /** The accounts that differ from the inventory. Only these have to be written. */
  readonly changed: readonly AccountRecord[];
  /**
   * Projects and domains that existed in the inventory and that Keystone no longer lists. They may
   * have been deleted without a notification.
   */
  readonly vanished: readonly AccountRecord[];
}

/**
 * Returns everything that Keystone lists. Throws {@link PropagatorError} when a listing fails or is
 * empty. A Keystone without any project, domain, user or role assignment is a fault (a wrong token,
 * a wrong database), not a fact.
 */
export async function listAll(keystone: Keystone): Promise<Listed> {
  const [domains, projects, users, members] = await Promise.all([
    keystone.domains(),
    keystone.projects(),
    keystone.users(),
    keystone.members(),
  ]);
  for (const [what, rows] of Object.entries({
    domains,
    projects,
    users,
    'role assignments': members,
  })) {
    if (rows.length > 0) continue;
    throw new PropagatorError({
      code: 'keystone.list.empty',
      class: 'Denied',
      service: 'keystone',
      message: `Keystone lists no ${what} at all`,
      advice:
        'Give the login a role that may list all of them (admin), and look whether Keystone has its database; the inventory was left as it was.',
    });
  }
  return { domains, projects, users, members };
}

/**
 * Returns the inventory after a full listing that began at `listedAt` (epoch milliseconds). The
 * caller reads `known` after the listing. Otherwise an account that was added meanwhile would look
 * deleted.
 */
export function mergeAll(
  listed: Listed,
  known: readonly AccountRecord[],
  listedAt: number,
): Filled {
  const before = new Map(known.map((record) => [keyOfAccount(record.account), record]));
  const accounts = mergeListed(listed, before, listedAt);
  const there = new Set(accounts.map((record) => keyOfAccount(record.account)));
  const vanished = known.filter(
    (record) =>
      record.account.type !== 'user' &&
      !isGone(record) &&
      record.seenAt < listedAt &&
      !there.has(keyOfAccount(record.account)),
  );
  return {
    accounts,
    changed: accounts.filter((record) => isNews(record, before.get(keyOfAccount(record.account)))),
    vanished,
  };
}

/**
 * A new `seenAt` alone matters only for an account that was reported deleted, because it then
 * exists again ({@link isGone}).
 */
const isNews = (record: AccountRecord, known: AccountRecord | undefined): boolean =>
  !known ||
  known.deletedAt !== undefined ||
  record.members !== known.members ||
  wordsOf(record.account) !== wordsOf(known.account);

const wordsOf = (account: AccountRecord['account']): string =>
  JSON.stringify(
    Object.entries(account)
      .filter(([, value]) => value !== undefined)
      .toSorted(([one], [other]) => (one < other ? -1 : 1)),
  );

/**
 * More missing accounts than this (a share of all existing ones, or a few) mean that the listing
 * itself is probably wrong.
 */
const MOST_AT_ONCE = { share: 0.2, few: 5 };

/**
 * Returns account events for projects and domains that Keystone no longer lists. Keystone sends
 * each notification at most once, and a broker can lose it at a restart, together with transient
 * exchanges and their bindings. These events are hints like any other, so Keystone is asked twice
 * before anything is removed. Returns `undefined` when so many are missing that the listing itself
 * is in doubt.
 */
export function announceVanished(
  { accounts, vanished }: Filled,
  now: number,
): { accounts: AccountRecord[]; messages: AccountEvent[] } | undefined {
  const living = accounts.filter(({ account }) => account.type !== 'user').length + vanished.length;
  if (vanished.length > Math.max(MOST_AT_ONCE.few, living * MOST_AT_ONCE.share)) return undefined;
  return {
    accounts: vanished.map((record) => ({ ...record, deletedAt: now })),
    messages: vanished.map(({ account, seenAt }) => ({
      type: `account.${account.type}.deleted`,
      data: {
        account,
        cause: {
          // A restored account can disappear again, so the id of the message contains `seenAt`.
          messageId: `unannounced/${account.type}/${account.id}/${seenAt}`,
          eventType: 'unannounced',
          // The time of the deletion is unknown. This is the last time at which the account
          // existed.
          at: seenAt,
        },
      },
    })),
  };
}
