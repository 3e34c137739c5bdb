import { fillInventory, listAll } from '../lib/account/fill.ts';
import type { AccountRecord } from '../lib/account/inventory.ts';
import type { Keystone } from '../lib/account/keystone.ts';
import type { Engine } from '../lib/engine/port.ts';
import type { Logger } from '../lib/log.ts';

export interface FillPorts {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly keystone: Keystone;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Epoch milliseconds. */
  now(): number;
}

const RECORDS_A_COMMIT = 1000;

/**
 * Fills the inventory from Keystone's full lists; done at start, before notifications are taken in.
 * Answers how many accounts there are, and those that Keystone no longer lists. Throws `PropagatorError` when a list failed or
 * was empty: nothing was changed then, and it may be called again.
 */
export async function fill({ engine, keystone, log, now }: FillPorts): Promise<{ accounts: number; vanished: readonly AccountRecord[] }> {
  const listedAt = now();
  const listed = await listAll(keystone);
  const known = await Promise.all([engine.reads.accounts('domain'), engine.reads.accounts('project'), engine.reads.accounts('user')]);
  const { accounts, vanished } = fillInventory(listed, known.flat(), listedAt);
  for (let from = 0; from < accounts.length; from += RECORDS_A_COMMIT)
    await engine.commit({ accounts: accounts.slice(from, from + RECORDS_A_COMMIT) });
  for (const { account } of vanished)
    log.warn({ account }, `Keystone no longer lists ${account.type} ${account.id}, and nobody announced its deletion`);
  const { domains, projects, users } = listed;
  log.info(
    { domains: domains.length, projects: projects.length, users: users.length, vanished: vanished.length },
    'the inventory is filled',
  );
  return { accounts: accounts.length, vanished };
}
