import type { Account } from '../../events/account.ts';
import type { ProjectId, UserId } from '../../events/ids.ts';
import { emptyListing } from '../account/compare.ts';
import type { AccountRecord } from '../account/inventory.ts';
import type { Keystone } from '../account/keystone.ts';
import {
  comparePage,
  isAlive,
  isMissing,
  suspiciousListing,
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
  /** Accounts that Keystone listed. */
  readonly listed: number;
  /** Deletions that the sweep announced. */
  readonly deleted: number;
  /** Creations and changes of `enabled` that the sweep announced. */
  readonly moved: number;
  /** Missing accounts whose operations are held for a person. */
  readonly held: number;
}

type Type = Account['type'];
const TYPES: readonly Type[] = ['domain', 'project', 'user'];
/** The number of records in memory and in one commit. */
const BATCH = 500;
/**
 * Maximum number of projects whose members one sweep requests. More new projects occur only with an
 * empty inventory.
 */
const MAX_PROJECTS_WITH_MEMBERS = 200;
const MAX_HELD = 10_000;
const IDS_A_LINE = 100;

/**
 * Compares Keystone's lists of domains, projects and users with the inventory, page by page. Only
 * the ids of a list are in memory. A creation, a deletion or a change of `enabled` without a
 * notification is published as an account event with the cause `sweep`. When too many accounts of a
 * type are missing ({@link suspiciousListing}), no deletion is published. Instead, each missing
 * account gets a held operation. A release by a person or a notification of the deletion continues
 * it. It ends when Keystone lists the account again. Throws `PropagatorError` when a list is empty
 * or cannot be read completely. Then no account counts as missing.
 */
export async function sweep(deps: SweepDeps): Promise<Swept> {
  const listedAt = deps.now();
  const lists = new Map<Type, Set<string>>();
  let moved = 0;
  // All lists must be complete before any account counts as missing.
  for (const type of TYPES) {
    const { ids, moved: movedHere } = await readList(type, listedAt, deps);
    lists.set(type, ids);
    moved += movedHere;
  }
  await endRefuted(lists, deps);
  let [listed, deleted, held] = [0, 0, 0];
  for (const [type, ids] of lists) {
    listed += ids.size;
    const missing = await announceMissing(type, ids, listedAt, deps);
    deleted += missing.deleted;
    held += missing.held;
  }
  const swept = { listed, deleted, moved, held };
  deps.log.info(swept, 'the inventory was compared with the lists of Keystone');
  return swept;
}

async function readList(type: Type, listedAt: number, deps: SweepDeps) {
  const { engine, keystone, stopping } = deps;
  const ids = new Set<string>();
  // Before the first complete fill, all accounts of the cloud are new in the inventory.
  const isFilled = (await engine.reads.counters())[FILLED] !== undefined;
  let moved = 0;
  let mayAsk = MAX_PROJECTS_WITH_MEMBERS;
  await keystone.eachPage(type, async (page) => {
    for (const accounts of batches(page)) {
      stopping?.throwIfAborted();
      const known = await engine.reads.accounts(
        type,
        accounts.map(({ id }) => id),
      );
      const news = comparePage(accounts, known, listedAt, isFilled);
      const withoutMembers = news.accounts.filter(({ members }) => members === undefined);
      const asked = type === 'project' ? withoutMembers.slice(0, mayAsk) : [];
      mayAsk -= asked.length;
      const members = new Map<string, readonly UserId[]>();
      for (const { account } of asked)
        if (account.type === 'project') members.set(account.id, await membersOf(account.id, deps));
      const records = news.accounts.map((record) => ({
        ...record,
        members: record.members ?? members.get(record.account.id),
      }));
      if (records.length > 0) await engine.commit({ ...news, accounts: records });
      moved += news.messages.length;
      for (const { id } of accounts) ids.add(id);
    }
  });
  if (ids.size === 0) throw emptyListing(`${type}s`);
  return { ids, moved };
}

async function membersOf(id: ProjectId, { keystone }: SweepDeps): Promise<UserId[]> {
  return [...new Set((await keystone.members(id)).map(({ userId }) => userId))];
}

/** Ends the held operations of accounts that Keystone lists again. */
async function endRefuted(
  lists: ReadonlyMap<Type, ReadonlySet<string>>,
  { engine, now }: SweepDeps,
): Promise<void> {
  const held = await engine.reads.operations({ state: 'held', limit: MAX_HELD });
  for (const operation of held)
    if (
      isHeldForListingProblem(operation) &&
      lists.get(operation.scope.type)?.has(operation.scope.id)
    )
      // A lock conflict is ignored: a person has just released the operation, which then asks
      // Keystone.
      await engine.commit({ operations: [refuse(operation, 'Keystone lists it again', now())] });
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
  const listingProblem = suspiciousListing(type, missing.length, living);
  const held: Operation[] = [];
  let deleted = 0;
  for (const ids of batches(missing)) {
    // Read the records again, because a notification may have arrived since the first read.
    const records = (await engine.reads.accounts(type, ids)).filter((record) =>
      isMissing(record, listed, listedAt),
    );
    for (const record of records) {
      const done = await applyMissing(record, listingProblem, deps);
      if (done === 'deleted') deleted += 1;
      else if (done) held.push(done);
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
  // Only a person may decide about a held operation, even if a later listing has fewer missing
  // accounts.
  if (last && isHeldForListingProblem(last)) return last;
  const gone = { ...record, deletedAt: now() };
  if (listingProblem === undefined) {
    log.warn(
      { account },
      `Keystone no longer lists ${account.type} ${account.id}; its deletion is announced`,
    );
    await engine.commit({
      accounts: [gone],
      messages: [sweptEvent(account, 'deleted', record.seenAt)],
      counters: { [`sweep.${account.type}.deleted`]: 1 },
    });
    return 'deleted';
  }
  // While an operation is open, it is unknown if this is another deletion.
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
    // An operation has already handled this deletion, or the account is protected.
    await engine.commit({
      accounts: [gone],
      ...(opened ? { operations: [opened.operation] } : {}),
    });
    return undefined;
  }
  const done = await engine.commit({
    operations: [opened.operation],
    counters: { [`sweep.${account.type}.held`]: 1 },
  });
  return done === 'committed' ? opened.operation : undefined;
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
