import { PropagatorError } from '../shared/errors.ts';
import { type AccountRecord, isGone } from './inventory.ts';
import type { Keystone } from './keystone.ts';
import { keyOfAccount, type Listed, mergeListed } from './merge.ts';
import { differsFromStored } from './sweep.ts';

/** The result of comparing the inventory with Keystone's full lists. */
export interface MergedInventory {
  /**
   * All listed accounts, merged with the inventory. Deletion times, members and the announced
   * `enabled` are kept.
   */
  readonly accounts: readonly AccountRecord[];
  /** The accounts that differ from the inventory. Only these must be stored. */
  readonly changed: readonly AccountRecord[];
  /**
   * Projects and domains of the inventory that Keystone no longer lists, perhaps because a deletion
   * had no notification.
   */
  readonly vanished: readonly AccountRecord[];
}

/**
 * Returns all accounts and memberships that Keystone lists. Throws {@link PropagatorError} when a
 * listing fails or is empty. A listing can be empty only because of a fault, for example a wrong
 * token or a wrong database.
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
    throw emptyListing(what);
  }
  return { domains, projects, users, members };
}

/** Returns the error for an empty listing. `what` is a plural, for example `projects`. */
export const emptyListing = (what: string): PropagatorError =>
  new PropagatorError({
    code: 'keystone.list.empty',
    class: 'Denied',
    service: 'keystone',
    message: `Keystone's list of ${what} is empty`,
    advice:
      'Give the login a role that may list all of them (admin), and check whether Keystone ' +
      'has its database; the inventory was left as it was.',
  });

/** The inventory that {@link mergeAll} compares with Keystone's lists. */
export interface Known {
  readonly records: readonly AccountRecord[];
  /**
   * True if the inventory was never filled. If true, the existing accounts are not announced as
   * created.
   */
  readonly isFirst: boolean;
}

/**
 * Returns the inventory after a full listing that began at `listedAt` (epoch milliseconds). The
 * caller must read the known records after the end of the listing. Otherwise an account that was
 * added during the listing would appear deleted.
 */
export function mergeAll(
  listed: Listed,
  { records: known, isFirst }: Known,
  listedAt: number,
): MergedInventory {
  const knownByKey = new Map(known.map((record) => [keyOfAccount(record.account), record]));
  const accounts = mergeListed(listed, knownByKey, listedAt, isFirst);
  const listedKeys = new Set(accounts.map((record) => keyOfAccount(record.account)));
  const vanished = known.filter(
    (record) =>
      record.account.type !== 'user' &&
      !isGone(record) &&
      record.seenAt < listedAt &&
      !listedKeys.has(keyOfAccount(record.account)),
  );
  return {
    accounts,
    changed: accounts.filter((record) =>
      differsFromStored(record, knownByKey.get(keyOfAccount(record.account))),
    ),
    vanished,
  };
}
