import type { ProjectId, UserId } from '../../events/ids.ts';
import { emptyListingError } from '../account/compare.ts';
import type { Keystone } from '../account/keystone.ts';
import { comparePage, type PageChanges } from '../account/sweep.ts';
import { refuseOperation } from '../operation/ended.ts';
import { isHeldForListingProblem } from '../operation/open-cleanup.ts';
import { type AccountType, inBatches } from './inventory-pages.ts';
import {
  announceOrHoldMissingAccounts,
  type MissingAccountCounts,
  type MissingAccountsDeps,
} from './sweep-missing.ts';
import { INVENTORY_FILLED } from './sync-inventory.ts';

/** The dependencies of {@link sweepAccounts}. */
export interface SweepDeps extends MissingAccountsDeps {
  readonly keystone: Keystone;
}

/** The counts of a sweep. */
export interface SweepCounts extends MissingAccountCounts {
  /** The number of accounts that Keystone listed. */
  readonly listed: number;
  /** The number of creations and changes of `enabled` that the sweep announced. */
  readonly announcedChanges: number;
}

const ACCOUNT_TYPES: readonly AccountType[] = ['domain', 'project', 'user'];
/**
 * The maximum number of projects whose members one sweep requests. Only projects without recorded
 * members need a request. Their number exceeds this limit only if the inventory is almost empty.
 */
const MAX_MEMBER_REQUESTS = 200;
/** The maximum number of held operations that one sweep reads. */
const MAX_HELD_OPERATIONS_READ = 10_000;

/**
 * Compares Keystone's lists of domains, projects and users with the inventory, page by page. Only
 * the ids of a list are in memory. Each creation, deletion or change of `enabled` for which no
 * notification arrived is published as an account event with the cause `sweep`.
 *
 * If too many accounts of a type are missing (`findListingProblem`), no deletion of this type is
 * published. Instead, each missing account gets a held operation. The operation continues when an
 * operator releases it, or when a notification of the deletion arrives. The operation ends when
 * Keystone lists the account again.
 *
 * Throws `PropagatorError` when a list is empty or cannot be read completely. No account then
 * counts as missing.
 */
export async function sweepAccounts(deps: SweepDeps): Promise<SweepCounts> {
  const listedAt = deps.now();
  const listedIdsByType = new Map<AccountType, Set<string>>();
  let announcedChanges = 0;
  // All lists must be complete before any account counts as missing.
  for (const type of ACCOUNT_TYPES) {
    const { listedIds, announcedChanges: announcedOfType } = await compareListWithInventory(
      type,
      listedAt,
      deps,
    );
    listedIdsByType.set(type, listedIds);
    announcedChanges += announcedOfType;
  }
  await endHeldOperationsOfListedAccounts(listedIdsByType, deps);
  let [listed, deleted, held] = [0, 0, 0];
  for (const [type, listedIds] of listedIdsByType) {
    listed += listedIds.size;
    const missingCounts = await announceOrHoldMissingAccounts(type, listedIds, listedAt, deps);
    deleted += missingCounts.deleted;
    held += missingCounts.held;
  }
  const sweepCounts = { listed, deleted, announcedChanges, held };
  deps.log.info(sweepCounts, 'the inventory was compared with the lists of Keystone');
  return sweepCounts;
}

/**
 * Reads one list of Keystone, and records and announces its differences from the inventory. Returns
 * the listed ids and the number of announced changes.
 */
async function compareListWithInventory(type: AccountType, listedAt: number, deps: SweepDeps) {
  const { engine, keystone, stopping } = deps;
  const listedIds = new Set<string>();
  // Before the first complete fill, all accounts of the cloud are new in the inventory. Their
  // creations are then not announced.
  const announcesCreations = (await engine.reads.counters())[INVENTORY_FILLED] !== undefined;
  let announcedChanges = 0;
  let remainingMemberRequests = MAX_MEMBER_REQUESTS;
  await keystone.eachPage(type, async (page) => {
    for (const accounts of inBatches(page)) {
      stopping?.throwIfAborted();
      const pageIds = accounts.map(({ id }) => id);
      const storedRecords = await engine.reads.accounts(type, pageIds);
      const changes = comparePage(accounts, storedRecords, listedAt, announcesCreations);
      const projects = projectsWithoutMembers(changes).slice(0, remainingMemberRequests);
      remainingMemberRequests -= projects.length;
      await commitChanges(changes, await readMembers(projects, deps), deps);
      announcedChanges += changes.messages.length;
      for (const id of pageIds) listedIds.add(id);
    }
  });
  if (listedIds.size === 0) throw emptyListingError(`${type}s`);
  return { listedIds, announcedChanges };
}

const projectsWithoutMembers = ({ accounts }: PageChanges): ProjectId[] =>
  accounts.flatMap(({ account, members }) =>
    account.type === 'project' && members === undefined ? [account.id] : [],
  );

/** Commits the changes of a page, with the members that Keystone returned for its projects. */
async function commitChanges(
  changes: PageChanges,
  membersByProject: ReadonlyMap<string, readonly UserId[]>,
  { engine }: SweepDeps,
): Promise<void> {
  const accounts = changes.accounts.map((record) => ({
    ...record,
    members: record.members ?? membersByProject.get(record.account.id),
  }));
  if (accounts.length > 0) await engine.commit({ ...changes, accounts });
}

async function readMembers(
  projects: readonly ProjectId[],
  { keystone }: SweepDeps,
): Promise<ReadonlyMap<string, readonly UserId[]>> {
  const membersByProject = new Map<string, readonly UserId[]>();
  for (const id of projects) {
    const users = (await keystone.members(id)).map(({ userId }) => userId);
    membersByProject.set(id, [...new Set(users)]);
  }
  return membersByProject;
}

/** Ends the held operations of accounts that Keystone lists again. */
async function endHeldOperationsOfListedAccounts(
  listedIdsByType: ReadonlyMap<AccountType, ReadonlySet<string>>,
  { engine, now }: SweepDeps,
): Promise<void> {
  const heldOperations = await engine.reads.operations({
    state: 'held',
    limit: MAX_HELD_OPERATIONS_READ,
  });
  for (const operation of heldOperations.filter(isHeldForListingProblem)) {
    const { scope } = operation;
    if (!listedIdsByType.get(scope.type)?.has(scope.id)) continue;
    // The result `conflict` needs no handling: the operation has changed after the read, for
    // example because an operator released it. The next sweep checks each operation that is still
    // held.
    await engine.commit({
      operations: [refuseOperation(operation, 'Keystone lists the account again', now())],
    });
  }
}
