import { listAll, mergeAll } from '../account/compare.ts';
import type { Keystone } from '../account/keystone.ts';
import type { Engine } from '../engine/port.ts';
import type { Logger } from '../shared/log.ts';

/** The dependencies of {@link syncInventory}. */
export interface FillDeps {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly keystone: Keystone;
  readonly log: Pick<Logger, 'info'>;
  /** Epoch milliseconds. */
  now(): number;
}

const RECORDS_A_COMMIT = 1000;
/** The counter that shows that the inventory was filled completely at least once. */
export const FILLED = 'inventory.filled';

/**
 * Fills the inventory from Keystone's full lists, with the members of every project. Notifications
 * may be ingested at the same time. Returns the number of accounts, and the number of vanished
 * projects and domains, which the sweep handles. Throws `PropagatorError` when a listing fails or
 * is empty. The inventory is then unchanged, and the caller may retry.
 */
export async function syncInventory({
  engine,
  keystone,
  log,
  now,
}: FillDeps): Promise<{ accounts: number; vanished: number }> {
  const listedAt = now();
  const listed = await listAll(keystone);
  const known = await Promise.all([
    engine.reads.accounts('domain'),
    engine.reads.accounts('project'),
    engine.reads.accounts('user'),
  ]);
  const isFirstListing = (await engine.reads.counters())[FILLED] === undefined;
  const { accounts, changed, vanished } = mergeAll(
    listed,
    { records: known.flat(), isFirstListing },
    listedAt,
  );
  for (let from = 0; from < changed.length; from += RECORDS_A_COMMIT)
    await engine.commit({ accounts: changed.slice(from, from + RECORDS_A_COMMIT) });
  // The counter is written last. If the first run is interrupted, the next run is again a first
  // run.
  if (isFirstListing) await engine.commit({ counters: { [FILLED]: 1 } });
  const { domains, projects, users } = listed;
  const counts = {
    domains: domains.length,
    projects: projects.length,
    users: users.length,
    vanished: vanished.length,
  };
  log.info(counts, 'inventory filled from Keystone');
  return { accounts: accounts.length, vanished: vanished.length };
}
