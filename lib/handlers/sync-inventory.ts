import { listAll, mergeInventory } from '../account/compare.ts';
import type { Keystone } from '../account/keystone.ts';
import type { Engine } from '../engine/port.ts';
import type { Logger } from '../shared/log.ts';

/** The dependencies of {@link syncInventory}. */
export interface SyncDeps {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly keystone: Keystone;
  readonly log: Pick<Logger, 'info'>;
  /** Epoch milliseconds. */
  now(): number;
}

const RECORDS_PER_COMMIT = 1000;
/** The counter that is set after the inventory was filled completely for the first time. */
export const INVENTORY_FILLED = 'inventory.filled';

/**
 * Fills the inventory from Keystone's full lists, with the members of every project. Notifications
 * may be ingested at the same time. Returns the number of accounts. Also returns the number of
 * projects and domains that are in the inventory and that Keystone no longer lists; the sweep
 * handles these. Throws `PropagatorError` when a listing fails or is empty. The inventory is then
 * unchanged, and the caller may retry.
 */
export async function syncInventory({
  engine,
  keystone,
  log,
  now,
}: SyncDeps): Promise<{ accountCount: number; missingCount: number }> {
  const listedAt = now();
  const listed = await listAll(keystone);
  const storedRecords = await Promise.all([
    engine.reads.accounts('domain'),
    engine.reads.accounts('project'),
    engine.reads.accounts('user'),
  ]);
  const isFirstListing = (await engine.reads.counters())[INVENTORY_FILLED] === undefined;
  const { accounts, changedAccounts, missingAccounts } = mergeInventory(
    listed,
    { records: storedRecords.flat(), isFirstListing },
    listedAt,
  );
  for (let from = 0; from < changedAccounts.length; from += RECORDS_PER_COMMIT)
    await engine.commit({ accounts: changedAccounts.slice(from, from + RECORDS_PER_COMMIT) });
  // The counter is written last. If the first listing is interrupted, the next listing is again
  // a first listing.
  if (isFirstListing) await engine.commit({ counters: { [INVENTORY_FILLED]: 1 } });
  const { domains, projects, users } = listed;
  const counts = {
    domains: domains.length,
    projects: projects.length,
    users: users.length,
    vanished: missingAccounts.length,
  };
  log.info(counts, 'inventory filled from Keystone');
  return { accountCount: accounts.length, missingCount: missingAccounts.length };
}
