import pLimit from 'p-limit';
import type { DomainId, ProjectId, UserId } from '../../events/ids.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import type { ChangeNotification } from './interpret.ts';
import { type AccountRecord, isGone } from './inventory.ts';
import type { Keystone } from './keystone.ts';
import {
  type AccountAnswer,
  type CheckedAnswer,
  type KeystoneAnswers,
  knownDomains,
  type Subject,
  subjectOf,
} from './keystone-answers.ts';
import { type KeystoneLists, keyOf } from './merge.ts';

/**
 * The maximum number of concurrent calls. The number is low, because all users of the cloud share
 * Keystone.
 */
const CONCURRENCY = 8;
/**
 * After this number of failed calls (class `Transient` or `Denied`), the batch makes no further
 * calls, because each of them could wait for its timeout.
 */
const MAX_FAILURES = 3;
/**
 * In one batch, ingest asks Keystone about at most this many deletions of unknown accounts. Ingest
 * holds any further such deletion without asking Keystone, so that forged notifications cannot
 * delay real ones.
 */
const MAX_UNKNOWN_DELETIONS = 20;
/**
 * Up to this number of projects, ingest lists the members of each project separately. For more
 * projects it makes one listing of all assignments.
 */
const MAX_PROJECTS_LISTED_SINGLY = 10;

/**
 * Asks Keystone for the present state of each account and group that the notifications name. Does
 * not ask about the deletions of known accounts, because the coordinator confirms these deletions.
 * Never throws. An error is part of the answer.
 */
export async function askKeystone(
  notifications: readonly ChangeNotification[],
  records: ReadonlyMap<string, AccountRecord>,
  keystone: Keystone,
): Promise<KeystoneAnswers> {
  const calls = new KeystoneCalls();
  const accounts = [...accountQuestions(notifications, records)].map(
    async ([key, question]) => [key, await calls.answerOf(() => question(keystone))] as const,
  );
  const groups = groupIdsOf(notifications).map(
    async (id) => [id, await calls.answerOf(() => usersOfGroup(id, keystone))] as const,
  );
  return {
    accounts: new Map(await Promise.all(accounts)),
    groups: new Map(await Promise.all(groups)),
  };
}

/** Makes the calls of one batch to Keystone, with bounded concurrency. */
class KeystoneCalls {
  readonly #limit = pLimit(CONCURRENCY);
  #failures = 0;
  #lastError: ErrorReport | undefined;

  /** Never throws. After `MAX_FAILURES` failed calls, makes no call and returns the last error. */
  answerOf<T>(call: () => Promise<T>): Promise<CheckedAnswer<T>> {
    return this.#limit(async (): Promise<CheckedAnswer<T>> => {
      if (this.#lastError && this.#failures >= MAX_FAILURES)
        return { kind: 'uncertain', error: this.#lastError };
      try {
        return { kind: 'certain', value: await call() };
      } catch (thrown) {
        const error = reportOf(thrown, { code: 'keystone.ask', service: 'keystone' });
        if (error.class === 'Transient' || error.class === 'Denied') this.#failures += 1;
        this.#lastError = error;
        return { kind: 'uncertain', error };
      }
    });
  }
}

const groupIdsOf = (notifications: readonly ChangeNotification[]): string[] => [
  ...new Set(
    notifications.flatMap((notification) =>
      notification.kind === 'membership' && notification.assignee.type === 'group'
        ? [notification.assignee.id]
        : [],
    ),
  ),
];

/** Asks Keystone about one account. */
type Question = (keystone: Keystone) => Promise<AccountAnswer>;

/** Returns one question for each account whose state is needed, by the key of {@link keyOf}. */
function accountQuestions(
  notifications: readonly ChangeNotification[],
  records: ReadonlyMap<string, AccountRecord>,
): ReadonlyMap<string, Question> {
  const domains = knownDomains(notifications, records);
  const questions = new Map<string, Question>();
  let unknownDeletions = 0;
  for (const notification of notifications) {
    const subject = subjectOf(notification, domains);
    const key = keyOf(subject.type, subject.id);
    const record = records.get(key);
    if (questions.has(key) || !needsState(notification, record)) continue;
    // `needsState` is false for the deletion of a known account, so only deletions of unknown
    // accounts remain.
    const isUnknownDeletion = isDeletion(notification);
    if (isUnknownDeletion && unknownDeletions >= MAX_UNKNOWN_DELETIONS) continue;
    if (isUnknownDeletion) unknownDeletions += 1;
    questions.set(key, questionFor(subject, record));
  }
  return questions;
}

/** `record`: the account in the inventory, if it is known. */
function questionFor({ type, id }: Subject, record: AccountRecord | undefined): Question {
  if (type === 'domain') return (keystone) => askDomain(id, keystone);
  if (type === 'user') return (keystone) => askUser(id, keystone);
  const needsMembers = record?.members === undefined;
  return (keystone) => askProject(id, needsMembers, keystone);
}

const isDeletion = (notification: ChangeNotification): boolean =>
  notification.kind === 'account' && notification.changeType === 'deleted';

/** True if the decision about the notification needs the present state of its account. */
function needsState(notification: ChangeNotification, record: AccountRecord | undefined): boolean {
  if (notification.kind === 'membership') {
    const { inherited, target } = notification;
    return target.type === 'project' && !inherited && (!record || isGone(record));
  }
  const wasShown = record !== undefined && record.seenAt > 0;
  return !isDeletion(notification) || !wasShown;
}

const askUser = async (id: string, keystone: Keystone): Promise<AccountAnswer> => ({
  state: await keystone.show('user', id),
  members: undefined,
  domainContents: undefined,
});

async function askProject(
  id: string,
  needsMembers: boolean,
  keystone: Keystone,
): Promise<AccountAnswer> {
  const state = await keystone.show('project', id);
  if (state.kind !== 'present') return { state, members: undefined, domainContents: undefined };
  const { account } = state;
  // Keystone also shows a domain as a project without a domain.
  if (account.type !== 'project' || account.domainId === undefined) return askDomain(id, keystone);
  return {
    state,
    members: needsMembers ? await membersOf(account.id, keystone) : undefined,
    domainContents: undefined,
  };
}

async function askDomain(id: string, keystone: Keystone): Promise<AccountAnswer> {
  const state = await keystone.show('domain', id);
  const account = state.kind === 'present' ? state.account : undefined;
  const domainContents =
    account?.type === 'domain' && !account.enabled
      ? await contentsOf(account.id, keystone)
      : undefined;
  return { state, members: undefined, domainContents };
}

async function contentsOf(domainId: DomainId, keystone: Keystone): Promise<KeystoneLists> {
  const [projects, users] = await Promise.all([
    keystone.projects(domainId),
    keystone.users(domainId),
  ]);
  const projectIds = projects.flatMap((project) =>
    project.type === 'project' ? [project.id] : [],
  );
  const members =
    projectIds.length > MAX_PROJECTS_LISTED_SINGLY
      ? await keystone.members()
      : (await Promise.all(projectIds.map((id) => keystone.members(id)))).flat();
  const idsInDomain = new Set<string>(projectIds);
  return {
    domains: [],
    projects,
    users,
    members: members.filter(({ projectId }) => idsInDomain.has(projectId)),
  };
}

async function membersOf(id: ProjectId, keystone: Keystone): Promise<UserId[]> {
  return (await keystone.members(id))
    .filter(({ projectId }) => projectId === id)
    .map(({ userId }) => userId);
}

async function usersOfGroup(id: string, keystone: Keystone): Promise<readonly UserId[]> {
  try {
    return await keystone.groupMembers(id);
  } catch (thrown) {
    // The group was deleted, so it has no users.
    if (reportOf(thrown, { code: 'keystone.ask' }).class === 'Gone') return [];
    throw thrown;
  }
}
