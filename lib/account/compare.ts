import type { AccountEvent } from '../../events/account.ts';
import { PropagatorError } from '../shared/errors.ts';
import { type AccountRecord, isGone } from './inventory.ts';
import type { Keystone } from './keystone.ts';
import { keyOfAccount, type Listed, mergeListed } from './merge.ts';

export interface Filled {
  /**
   * Every listed account, merged with what was known: tombstones, members and the announced
   * `enabled` stay.
   */
  readonly accounts: readonly AccountRecord[];
  /** Those among them that say something new; the others need not be written again. */
  readonly changed: readonly AccountRecord[];
  /**
   * Projects and domains that were known to live and that Keystone no longer lists: a deletion that
   * nobody announced, perhaps.
   */
  readonly vanished: readonly AccountRecord[];
}

/**
 * Everything that Keystone lists. Throws {@link PropagatorError} when a listing fails, and when one
 * is empty: a Keystone without a single project, domain, user or role assignment is a fault (a
 * wrong token, a wrong database), not a fact.
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
 * The inventory after a full listing that began at `listedAt` (epoch milliseconds). `known` is read
 * after the listing, so that what came in meanwhile is not taken for vanished.
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
 * That an account was seen once more is news only of one that was said to be deleted: by that it
 * lives ({@link isGone}).
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
 * So many at once, in shares of all living accounts, are taken for a listing that is wrong; a
 * handful is always believed.
 */
const MOST_AT_ONCE = { share: 0.2, few: 5 };

/**
 * The account events for projects and domains that vanished without a word: Keystone sends each
 * notification at most once, and a broker that restarts may lose it (transient exchanges and their
 * bindings are gone then). They are hints like any other: Keystone is asked twice before anything
 * follows. `undefined` when so many vanished at once that the listing itself is in doubt.
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
          // One for each life of the account: an id may be restored, and vanish once more.
          messageId: `unannounced/${account.type}/${account.id}/${seenAt}`,
          eventType: 'unannounced',
          // When it was deleted is not known; it was alive then.
          at: seenAt,
        },
      },
    })),
  };
}
