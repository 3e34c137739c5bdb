import type { Account } from '../../events/account.ts';
import type { ProjectId, UserId } from '../../events/ids.ts';
import { emptyListingError } from '../account/compare.ts';
import type { AccountRecord } from '../account/inventory.ts';
import type { Keystone } from '../account/keystone.ts';
import {
  comparePage,
  findListingProblem,
  isAlive,
  isMissing,
  sweptEvent,
} from '../account/sweep.ts';
import type { Engine } from '../engine/port.ts';
import { cleanupsOf } from '../operation/lifecycle.ts';
import type { Mode, Operation } from '../operation/model.ts';
import { hasEnded, isHeldForListingProblem, openCleanup, refuse } from '../operation/open.ts';
import { scopeOf } from '../operation/scope.ts';
import type { Policy } from '../policy/schema.ts';
import type { Logger } from '../shared/log.ts';
import { type Protection, protectedBecause } from '../task/safety-rules.ts';
import { cleanupDecision } from './cleanup-policy.ts';
import { FILLED } from './sync-inventory.ts';

/** The dependencies of {@link sweep}. */
export interface SweepDeps {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly keystone: Keystone;
  readonly mode: Mode;
  readonly gracePeriodMillis: number;
  /** The policy file; without it, the settings alone decide about cleanups. */
  readonly policy?: Policy;
  readonly protectedIds: Pick<Protection, 'projects' | 'domains'>;
  readonly log: Pick<Logger, 'info' | 'warn'>;
  /** Ends the sweep between two pages. */
  readonly stopping?: AbortSignal;
  /** Epoch milliseconds. */
  now(): number;
}

/** The result of a sweep. */
export interface Swept {
  /** The number of accounts that Keystone listed. */
  readonly listed: number;
  /** The number of deletions that the sweep announced. */
  readonly deleted: number;
  /** The number of creations and changes of `enabled` that the sweep announced. */
  readonly announcedChanges: number;
  /** The number of missing accounts whose operations are held. */
  readonly held: number;
}

type Type = Account['type'];
const TYPES: readonly Type[] = ['domain', 'project', 'user'];
/** The number of records in memory and in one commit. */
const BATCH = 500;
/**
 * The maximum number of projects whose members one sweep requests. Only a cloud with an empty
 * inventory has more new projects.
 */
const MAX_PROJECTS_WITH_MEMBERS = 200;
const MAX_HELD = 10_000;
const IDS_A_LINE = 100;

/**
 * Compares Keystone's lists of domains, projects and users with the inventory, page by page. Only
 * the ids of a list are in memory. A creation, a deletion or a change of `enabled` without a
 * notification is published as an account event with the cause `sweep`. When too many accounts of a
 * type are missing ({@link findListingProblem}), no deletion is published. Instead, each missing
 * account gets a held operation. The held operation continues when a person releases it, or when a
 * notification of the deletion arrives. The operation ends when Keystone lists the account again.
 * Throws `PropagatorError` when a list is empty or cannot be read completely. No account then
 * counts as missing.
 */
export async function sweep(deps: SweepDeps): Promise<Swept> {
  const listedAt = deps.now();
  const lists = new Map<Type, Set<string>>();
  let announcedChanges = 0;
  // All lists must be complete before any account counts as missing.
  for (const type of TYPES) {
    const { ids, announcedChanges: announcedOfType } = await readList(type, listedAt, deps);
    lists.set(type, ids);
    announcedChanges += announcedOfType;
  }
  await endHeldOfListedAccounts(lists, deps);
  let [listed, deleted, held] = [0, 0, 0];
  for (const [type, ids] of lists) {
    listed += ids.size;
    const missing = await announceMissing(type, ids, listedAt, deps);
    deleted += missing.deleted;
    held += missing.held;
  }
  const swept = { listed, deleted, announcedChanges, held };
  deps.log.info(swept, 'the inventory was compared with the lists of Keystone');
  return swept;
}

async function readList(type: Type, listedAt: number, deps: SweepDeps) {
  const { engine, keystone, stopping } = deps;
  const ids = new Set<string>();
  // Before the first complete fill, all accounts of the cloud are new in the inventory.
  const isFilled = (await engine.reads.counters())[FILLED] !== undefined;
  let announcedChanges = 0;
  let membersBudget = MAX_PROJECTS_WITH_MEMBERS;
  await keystone.eachPage(type, async (page) => {
    for (const accounts of batches(page)) {
      stopping?.throwIfAborted();
      const storedRecords = await engine.reads.accounts(
        type,
        accounts.map(({ id }) => id),
      );
      const news = comparePage(accounts, storedRecords, listedAt, isFilled);
      const withoutMembers = news.accounts.filter(({ members }) => members === undefined);
      const projectsToRead = type === 'project' ? withoutMembers.slice(0, membersBudget) : [];
      membersBudget -= projectsToRead.length;
      const members = new Map<string, readonly UserId[]>();
      for (const { account } of projectsToRead)
        if (account.type === 'project') members.set(account.id, await membersOf(account.id, deps));
      const records = news.accounts.map((record) => ({
        ...record,
        members: record.members ?? members.get(record.account.id),
      }));
      if (records.length > 0) await engine.commit({ ...news, accounts: records });
      announcedChanges += news.messages.length;
      for (const { id } of accounts) ids.add(id);
    }
  });
  if (ids.size === 0) throw emptyListingError(`${type}s`);
  return { ids, announcedChanges };
}

async function membersOf(id: ProjectId, { keystone }: SweepDeps): Promise<UserId[]> {
  return [...new Set((await keystone.members(id)).map(({ userId }) => userId))];
}

/** Ends the held operations of accounts that Keystone lists again. */
async function endHeldOfListedAccounts(
  lists: ReadonlyMap<Type, ReadonlySet<string>>,
  { engine, now }: SweepDeps,
): Promise<void> {
  const held = await engine.reads.operations({ state: 'held', limit: MAX_HELD });
  for (const operation of held)
    if (
      isHeldForListingProblem(operation) &&
      lists.get(operation.scope.type)?.has(operation.scope.id)
    )
      // A lock conflict is ignored: a person has just released the operation, and the operation
      // then asks Keystone.
      await engine.commit({
        operations: [refuse(operation, 'Keystone lists the account again', now())],
      });
}

async function announceMissing(
  type: Type,
  listed: ReadonlySet<string>,
  listedAt: number,
  deps: SweepDeps,
): Promise<{ deleted: number; held: number }> {
  const { engine, log } = deps;
  const missing: string[] = [];
  let living = 0;
  for await (const records of inventoryPages(type, deps)) {
    for (const record of records) {
      if (isAlive(record)) living += 1;
      if (isMissing(record, listed, listedAt)) missing.push(record.account.id);
    }
  }
  const listingProblem = findListingProblem(type, missing.length, living);
  const held: Operation[] = [];
  let deleted = 0;
  for (const ids of batches(missing)) {
    // Read the records again, because a notification may have changed them after the first read.
    const records = (await engine.reads.accounts(type, ids)).filter((record) =>
      isMissing(record, listed, listedAt),
    );
    for (const record of records) {
      const result = await applyMissing(record, listingProblem, deps);
      if (result === 'deleted') deleted += 1;
      else if (result) held.push(result);
    }
  }
  if (held.length > 0) logHeld(type, held, listingProblem, log);
  return { deleted, held: held.length };
}

async function applyMissing(
  record: AccountRecord,
  listingProblem: string | undefined,
  deps: SweepDeps,
): Promise<'deleted' | Operation | undefined> {
  const { engine, log, now } = deps;
  const { account } = record;
  const existing = cleanupsOf(await engine.reads.operationsAbout(account.type, account.id));
  const last = existing[0];
  // A person must decide about a held operation, even if fewer accounts are missing from a later
  // listing.
  if (last && isHeldForListingProblem(last)) return last;
  const deletedRecord = { ...record, deletedAt: now() };
  if (listingProblem === undefined) {
    log.warn(
      { account },
      `Keystone no longer lists ${account.type} ${account.id}; its deletion is announced`,
    );
    await engine.commit({
      accounts: [deletedRecord],
      messages: [sweptEvent(account, 'deleted', record.seenAt)],
      counters: { [`sweep.${account.type}.deleted`]: 1 },
    });
    return 'deleted';
  }
  // An open operation may already handle this deletion, so no second one is opened.
  if (last && !hasEnded(last)) return undefined;
  const projects = account.type === 'user' ? await engine.reads.projectsOfMember(account.id) : [];
  const scope = scopeOf(account, { record, projects });
  const decision = await cleanupDecision(account, record, deps);
  const opened = openCleanup({
    scope,
    cause: sweptEvent(account, 'deleted', record.seenAt).data.cause,
    existing,
    mode: decision.mode,
    now: now(),
    gracePeriodMillis: decision.gracePeriodMillis,
    rule: decision.rule,
    protectedBecause:
      protectedBecause(scope, { ...deps.protectedIds, ownProject: '' }) ?? decision.refusedBecause,
    listingProblem,
    deletion: { announcedAt: record.seenAt, seenAliveAt: record.seenAt },
  });
  if (!opened || !isHeldForListingProblem(opened.operation)) {
    // An earlier operation has handled this deletion, or the account is protected.
    await engine.commit({
      accounts: [deletedRecord],
      ...(opened ? { operations: [opened.operation] } : {}),
    });
    return undefined;
  }
  const result = await engine.commit({
    operations: [opened.operation],
    counters: { [`sweep.${account.type}.held`]: 1 },
  });
  return result === 'committed' ? opened.operation : undefined;
}

function logHeld(
  type: Type,
  held: readonly Operation[],
  listingProblem: string | undefined,
  log: SweepDeps['log'],
): void {
  const message =
    listingProblem === undefined
      ? `${held.length} ${type}s that were missing from an earlier list of Keystone are still ` +
        'missing, and held'
      : `${listingProblem}. No deletion is announced; each account has a held operation`;
  for (const [n, operations] of batches(held, IDS_A_LINE).entries())
    log.warn(
      {
        held: held.length,
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

async function* inventoryPages(
  type: Type,
  { engine, stopping }: SweepDeps,
): AsyncGenerator<AccountRecord[]> {
  let after: string | undefined;
  for (;;) {
    stopping?.throwIfAborted();
    const records = await engine.reads.accountsAfter(type, after, BATCH);
    yield records;
    after = records.at(-1)?.account.id;
    if (records.length < BATCH || after === undefined) return;
  }
}

function batches<T>(all: readonly T[], size = BATCH): T[][] {
  return Array.from({ length: Math.ceil(all.length / size) }, (_, n) =>
    all.slice(n * size, (n + 1) * size),
  );
}
