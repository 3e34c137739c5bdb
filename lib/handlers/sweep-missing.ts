import type { AccountRecord } from '../account/inventory.ts';
import { findListingProblem, isAlive, isMissing, sweptEvent } from '../account/sweep.ts';
import type { Engine } from '../engine/port.ts';
import { hasEnded } from '../operation/ended.ts';
import type { Mode, Operation } from '../operation/model.ts';
import { isHeldForListingProblem, openCleanup } from '../operation/open-cleanup.ts';
import { cleanupsOf } from '../operation/operation-history.ts';
import { scopeOf } from '../operation/scope.ts';
import type { Policy } from '../policy/schema.ts';
import type { Logger } from '../shared/log.ts';
import { type Protection, protectedBecause } from '../task/safety-rules.ts';
import { cleanupDecision } from './cleanup-policy.ts';
import { type AccountType, inBatches, inventoryPages } from './inventory-pages.ts';

/** The dependencies of {@link announceOrHoldMissingAccounts}. */
export interface MissingAccountsDeps {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly mode: Mode;
  readonly gracePeriodMillis: number;
  /** The policy file. If there is none, the settings alone decide about cleanups. */
  readonly policy?: Policy;
  readonly protectedIds: Pick<Protection, 'projects' | 'domains'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Ends the sweep between two pages. */
  readonly stopping?: AbortSignal;
  /** Epoch milliseconds. */
  now(): number;
}

const IDS_PER_LOG_LINE = 100;

/** The counts of the accounts that are in the inventory and missing from Keystone's lists. */
export interface MissingAccountCounts {
  /** The number of deletions that the sweep announced. */
  readonly deleted: number;
  /** The number of missing accounts whose operations are held. */
  readonly held: number;
}

/**
 * Announces the deletion of each account that is missing from a list of Keystone. If too many
 * accounts are missing, the function opens held operations instead.
 */
export async function announceOrHoldMissingAccounts(
  type: AccountType,
  listedIds: ReadonlySet<string>,
  listedAt: number,
  deps: MissingAccountsDeps,
): Promise<MissingAccountCounts> {
  const { engine, log } = deps;
  const { missingIds, livingCount } = await findMissingIds(type, listedIds, listedAt, deps);
  const listingProblem = findListingProblem(type, missingIds.length, livingCount);
  const heldOperations: Operation[] = [];
  let deletedCount = 0;
  for (const ids of inBatches(missingIds)) {
    // Read the records again, because a notification may have changed them after the first read.
    const records = (await engine.reads.accounts(type, ids)).filter((record) =>
      isMissing(record, listedIds, listedAt),
    );
    for (const record of records) {
      const outcome = await announceOrHoldAccount(record, listingProblem, deps);
      if (outcome === 'announced') deletedCount += 1;
      else if (outcome) heldOperations.push(outcome);
    }
  }
  if (heldOperations.length > 0) logHeldOperations(type, heldOperations, listingProblem, log);
  return { deleted: deletedCount, held: heldOperations.length };
}

/** Returns the ids of the missing accounts, and the number of living accounts in the inventory. */
async function findMissingIds(
  type: AccountType,
  listedIds: ReadonlySet<string>,
  listedAt: number,
  deps: MissingAccountsDeps,
): Promise<{ readonly missingIds: readonly string[]; readonly livingCount: number }> {
  const missingIds: string[] = [];
  let livingCount = 0;
  for await (const records of inventoryPages(type, deps)) {
    for (const record of records) {
      if (isAlive(record)) livingCount += 1;
      if (isMissing(record, listedIds, listedAt)) missingIds.push(record.account.id);
    }
  }
  return { missingIds, livingCount };
}

/**
 * Announces the deletion of one missing account, or opens a held operation if there is a problem
 * with the listing. Returns `announced` or the held operation. Returns `undefined` if another
 * operation handles the deletion, or if the account is protected.
 */
async function announceOrHoldAccount(
  record: AccountRecord,
  listingProblem: string | undefined,
  deps: MissingAccountsDeps,
): Promise<'announced' | Operation | undefined> {
  const { account } = record;
  const operations = await deps.engine.reads.operationsAbout(account.type, account.id);
  const cleanups = cleanupsOf(operations);
  const newestCleanup = cleanups[0];
  // An operator must decide about a held operation, even if fewer accounts are missing from a later
  // listing.
  if (newestCleanup && isHeldForListingProblem(newestCleanup)) return newestCleanup;
  if (listingProblem === undefined) {
    await announceDeletion(record, deps);
    return 'announced';
  }
  // An open operation may already handle this deletion, so no second one is opened.
  if (newestCleanup && !hasEnded(newestCleanup)) return undefined;
  return commitHeldCleanup(record, cleanups, listingProblem, deps);
}

async function announceDeletion(
  record: AccountRecord,
  { engine, log, now }: MissingAccountsDeps,
): Promise<void> {
  const { account } = record;
  log.warn(
    { account },
    `Keystone no longer lists ${account.type} ${account.id}; its deletion is announced`,
  );
  await engine.commit({
    accounts: [{ ...record, deletedAt: now() }],
    messages: [sweptEvent(account, 'deleted', record.seenAt)],
    counters: { [`sweep.${account.type}.deleted`]: 1 },
  });
}

/**
 * Commits a held cleanup of a missing account and returns it. In two cases nothing is held, and the
 * function only records the deletion and returns `undefined`: an earlier operation has handled the
 * deletion, or the account is protected.
 */
async function commitHeldCleanup(
  record: AccountRecord,
  cleanups: readonly Operation[],
  listingProblem: string,
  deps: MissingAccountsDeps,
): Promise<Operation | undefined> {
  const { engine } = deps;
  const opened = await cleanupOfMissingAccount(record, cleanups, listingProblem, deps);
  if (opened && isHeldForListingProblem(opened)) {
    const result = await engine.commit({
      operations: [opened],
      counters: { [`sweep.${record.account.type}.held`]: 1 },
    });
    return result === 'committed' ? opened : undefined;
  }
  await engine.commit({
    accounts: [{ ...record, deletedAt: deps.now() }],
    ...(opened ? { operations: [opened] } : {}),
  });
  return undefined;
}

/**
 * Returns the cleanup of a missing account: held for the problem with the listing, or refused if
 * the account is protected. Returns `undefined` if an earlier operation has handled this deletion.
 */
async function cleanupOfMissingAccount(
  record: AccountRecord,
  cleanups: readonly Operation[],
  listingProblem: string,
  deps: MissingAccountsDeps,
): Promise<Operation | undefined> {
  const { engine, now } = deps;
  const { account } = record;
  const projects = account.type === 'user' ? await engine.reads.projectsOfMember(account.id) : [];
  const scope = scopeOf(account, { record, projects });
  const decision = await cleanupDecision(account, record, deps);
  const opened = openCleanup({
    scope,
    cause: sweptEvent(account, 'deleted', record.seenAt).data.cause,
    cleanups,
    mode: decision.mode,
    now: now(),
    gracePeriodMillis: decision.gracePeriodMillis,
    rule: decision.rule,
    protectedBecause:
      protectedBecause(scope, { ...deps.protectedIds, ownProject: '' }) ?? decision.refusedBecause,
    listingProblem,
    deletionTimes: { announcedAt: record.seenAt, seenAliveAt: record.seenAt },
  });
  return opened?.operation;
}

function logHeldOperations(
  type: AccountType,
  heldOperations: readonly Operation[],
  listingProblem: string | undefined,
  log: MissingAccountsDeps['log'],
): void {
  const message =
    listingProblem === undefined
      ? `${heldOperations.length} ${type}s that were missing from an earlier list of Keystone ` +
        'are still missing, and their operations are still held'
      : `${listingProblem}. No deletion is announced; each account has a held operation`;
  for (const [n, operations] of inBatches(heldOperations, IDS_PER_LOG_LINE).entries())
    log.warn(
      {
        held: heldOperations.length,
        part: n + 1,
        accounts: operations.map(({ scope }) => scope.id),
        operations: operations.map(({ id }) => id),
        advice:
          'Check Keystone and its database. Release each operation whose account is really ' +
          'deleted: propagator operation release OPERATION --reason "…". The next sweep ends ' +
          'the operations whose accounts Keystone lists again.',
      },
      message,
    );
}
