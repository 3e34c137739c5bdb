import { PropagatorError } from '../shared/errors.ts';
import { type AccountRecord, isGone } from './inventory.ts';
import type { Keystone } from './keystone.ts';
import { type KeystoneLists, keyOfAccount, mergeListed } from './merge.ts';
import { differsFromStored } from './sweep.ts';

/** The inventory, compared with Keystone's full lists. */
export interface MergedInventory {
  /**
   * All listed accounts, merged with the inventory. The stored times of deletion and the state that
   * was announced last are kept. The listed members are added to the stored members.
   */
  readonly accounts: readonly AccountRecord[];
  /** The accounts that differ from the inventory. Only these must be stored. */
  readonly changedAccounts: readonly AccountRecord[];
  /**
   * Projects and domains of the inventory that Keystone no longer lists, perhaps because a deletion
   * had no notification.
   */
  readonly missingAccounts: readonly AccountRecord[];
}

/**
 * Returns all accounts and memberships that Keystone lists. Throws {@link PropagatorError} when a
 * listing fails or is empty. A listing can be empty only because of a fault, for example a wrong
 * token or a wrong database.
 */
export async function listAll(keystone: Keystone): Promise<KeystoneLists> {
  const [domains, projects, users, members] = await Promise.all([
    keystone.domains(),
    keystone.projects(),
    keystone.users(),
    keystone.members(),
  ]);
  const lists = { domains, projects, users, 'role assignments': members };
  for (const [plural, rows] of Object.entries(lists))
    if (rows.length === 0) throw emptyListingError(plural);
  return { domains, projects, users, members };
}

/** Returns the error for an empty listing. `plural` names the accounts, for example `projects`. */
export const emptyListingError = (plural: string): PropagatorError =>
  new PropagatorError({
    code: 'keystone.list.empty',
    class: 'Denied',
    service: 'keystone',
    message: `Keystone's list of ${plural} is empty`,
    advice:
      'Give the user of the propagator a role that may list all of them (admin), and check that ' +
      'Keystone uses the right database. The inventory was not changed.',
  });

/** The inventory that {@link mergeInventory} compares with Keystone's lists. */
export interface StoredInventory {
  readonly records: readonly AccountRecord[];
  /**
   * True if the inventory was never filled. The listed accounts are then not announced as created.
   */
  readonly isFirstListing: boolean;
}

/**
 * Returns the inventory after a full listing that began at `listedAt` (epoch milliseconds). The
 * caller must read the stored records after the end of the listing. Otherwise the result would undo
 * the changes that notifications made during the listing.
 */
export function mergeInventory(
  listed: KeystoneLists,
  { records: storedRecords, isFirstListing }: StoredInventory,
  listedAt: number,
): MergedInventory {
  const storedByKey = new Map(
    storedRecords.map((record) => [keyOfAccount(record.account), record]),
  );
  const accounts = mergeListed(listed, storedByKey, listedAt, isFirstListing);
  const listedKeys = new Set(accounts.map((record) => keyOfAccount(record.account)));
  const missingAccounts = storedRecords.filter(
    (record) =>
      record.account.type !== 'user' &&
      !isGone(record) &&
      record.seenAt < listedAt &&
      !listedKeys.has(keyOfAccount(record.account)),
  );
  return {
    accounts,
    changedAccounts: accounts.filter((record) =>
      differsFromStored(record, storedByKey.get(keyOfAccount(record.account))),
    ),
    missingAccounts,
  };
}
