import { announceVanished, listAll, mergeAll } from '../account/compare.ts';
import type { Keystone } from '../account/keystone.ts';
import type { Engine } from '../engine/port.ts';
import type { Logger } from '../shared/log.ts';

export interface FillDeps {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly keystone: Keystone;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Epoch milliseconds. */
  now(): number;
}

const RECORDS_A_COMMIT = 1000;

/**
 * Fills the inventory from Keystone's full lists. Returns the number of accounts, and the number of
 * projects and domains that Keystone no longer lists. Each of those is logged. With `announce`,
 * their deletions are also published as account events, for use after a gap in which notifications
 * may have been lost. Throws `PropagatorError` when a listing fails or is empty. Nothing is changed
 * then, and the caller may retry.
 */
export async function syncInventory(
  { engine, keystone, log, now }: FillDeps,
  { announce } = { announce: false },
): Promise<{ accounts: number; vanished: number }> {
  const listedAt = now();
  const listed = await listAll(keystone);
  const known = await Promise.all([
    engine.reads.accounts('domain'),
    engine.reads.accounts('project'),
    engine.reads.accounts('user'),
  ]);
  const filled = mergeAll(listed, known.flat(), listedAt);
  const { accounts, changed, vanished } = filled;
  for (let from = 0; from < changed.length; from += RECORDS_A_COMMIT)
    await engine.commit({ accounts: changed.slice(from, from + RECORDS_A_COMMIT) });
  for (const { account } of vanished)
    log.warn(
      { account },
      `Keystone no longer lists ${account.type} ${account.id}, and nobody announced its deletion`,
    );
  if (announce && vanished.length > 0) {
    const announced = announceVanished(filled, now());
    if (announced) await engine.commit(announced);
    else
      log.warn(
        { vanished: vanished.length },
        'so many at once are taken for a fault of the listing: nothing follows from it',
      );
  }
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
