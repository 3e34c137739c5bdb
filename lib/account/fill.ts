import { PropagatorError } from '../errors.ts';
import { type AccountRecord, isGone } from './inventory.ts';
import type { Keystone } from './keystone.ts';
import { keyOfAccount, type Listed, mergeListed } from './merge.ts';

export interface Filled {
  /** Every listed account, merged with what was known: tombstones, members and the announced `enabled` stay. */
  readonly accounts: readonly AccountRecord[];
  /** Projects and domains that were known to live and that Keystone no longer lists: a deletion that nobody announced, perhaps. Nothing is done to them here. */
  readonly vanished: readonly AccountRecord[];
}

/**
 * Everything that Keystone lists. Throws {@link PropagatorError} when a listing fails, and when one is empty:
 * a Keystone without a single project, domain, user or role assignment is a fault (a wrong token, a wrong database), not a fact.
 */
export async function listAll(keystone: Keystone): Promise<Listed> {
  const [domains, projects, users, members] = await Promise.all([
    keystone.domains(),
    keystone.projects(),
    keystone.users(),
    keystone.members(),
  ]);
  for (const [what, rows] of Object.entries({ domains, projects, users, 'role assignments': members })) {
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
 * The inventory after a full listing that began at `listedAt` (epoch milliseconds). `known` is read after the listing,
 * so that what came in meanwhile is not taken for vanished.
 */
export function mergeAll(listed: Listed, known: readonly AccountRecord[], listedAt: number): Filled {
  const before = new Map(known.map((record) => [keyOfAccount(record.account), record]));
  const accounts = mergeListed(listed, before, listedAt);
  const there = new Set(accounts.map((record) => keyOfAccount(record.account)));
  const vanished = known.filter(
    (record) => record.account.type !== 'user' && !isGone(record) && record.seenAt < listedAt && !there.has(keyOfAccount(record.account)),
  );
  return { accounts, vanished };
}
