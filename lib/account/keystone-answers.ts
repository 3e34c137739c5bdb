import pLimit from 'p-limit';
import type { ProjectId, UserId } from '../../events/ids.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import type {
  AccountNotification,
  ChangeNotification,
  MembershipNotification,
} from './interpret.ts';
import { type AccountRecord, isGone } from './inventory.ts';
import type { Keystone, KeystoneState } from './keystone.ts';
import { keyOf, type Listed } from './merge.ts';

/** Keystone's answer, or the error if Keystone gave no certain answer. */
export type Answer<T> =
  | { readonly kind: 'certain'; readonly value: T }
  | { readonly kind: 'uncertain'; readonly error: ErrorReport };
/** Keystone's answer about one account. */
export interface AboutAccount {
  readonly shown: KeystoneState;
  /**
   * Set for a project without recorded members: the users with a role on it, including inherited
   * roles.
   */
  readonly members: readonly UserId[] | undefined;
  /**
   * Set for a disabled domain: its projects and users. After the deletion of the domain Keystone no
   * longer lists them.
   */
  readonly tree: Listed | undefined;
}
/** Keystone's answers about the accounts and groups of a batch. */
export interface Answers {
  /** By `project/<id>`. */
  readonly accounts: ReadonlyMap<string, Answer<AboutAccount>>;
  readonly groups: ReadonlyMap<string, Answer<readonly UserId[]>>;
}

/**
 * The maximum number of concurrent calls. The number is low, because all users of the cloud share
 * Keystone.
 */
const CONCURRENCY = 8;
/**
 * After this number of failed calls, the batch makes no further calls, because each of them could
 * wait for its timeout.
 */
const MAX_FAILURES = 3;
/**
 * The maximum number of deletions of unknown accounts in a batch that ingest checks in Keystone.
 * All other deletions of unknown accounts are held without a check, so that forged notifications
 * cannot delay real notifications.
 */
const MAX_UNKNOWN_DELETIONS = 20;
/**
 * Up to this number of projects, ingest lists the members of each project separately. For more
 * projects it makes one listing of all assignments.
 */
const MAX_PROJECTS_LISTED_SINGLY = 10;

/**
 * Returns the key of the account that a notification is about. A project notification with the id
 * of a domain is about the domain.
 */
export function subjectOf(notification: AccountNotification, domains: ReadonlySet<string>): string {
  return keyOf(
    notification.type === 'project' && domains.has(notification.id) ? 'domain' : notification.type,
    notification.id,
  );
}

/**
 * Returns the ids that are ids of domains, according to the inventory or another notification of
 * the batch.
 */
export function knownDomains(
  notifications: readonly ChangeNotification[],
  known: ReadonlyMap<string, AccountRecord>,
): Set<string> {
  const domains = new Set<string>();
  // A forged notification must not turn a project into a domain. If Keystone has already shown the
  // id, the inventory therefore decides.
  const wasShown = (type: 'domain' | 'project', id: string): boolean =>
    (known.get(keyOf(type, id))?.seenAt ?? 0) > 0;
  for (const notification of notifications) {
    if (notification.kind !== 'account' || notification.type === 'user') continue;
    const { id } = notification;
    if (wasShown('domain', id) || (notification.type === 'domain' && !wasShown('project', id)))
      domains.add(id);
  }
  return domains;
}

/**
 * Asks Keystone for the present state of each account and group that the notifications name. Does
 * not ask about the deletions of known accounts, because the coordinator confirms these deletions.
 * Never throws. An error is part of the answer.
 */
export async function askKeystone(
  notifications: readonly ChangeNotification[],
  known: ReadonlyMap<string, AccountRecord>,
  keystone: Keystone,
): Promise<Answers> {
  const limit = pLimit(CONCURRENCY);
  let failures = 0;
  let lastError: ErrorReport | undefined;
  const answerOf = async <T>(call: () => Promise<T>): Promise<Answer<T>> => {
    if (lastError && failures >= MAX_FAILURES) return { kind: 'uncertain', error: lastError };
    try {
      return { kind: 'certain', value: await call() };
    } catch (thrown) {
      const error = reportOf(thrown, { code: 'keystone.ask', service: 'keystone' });
      if (error.class === 'Transient' || error.class === 'Denied') failures += 1;
      lastError = error;
      return { kind: 'uncertain', error };
    }
  };

  const accounts = new Map<string, Promise<Answer<AboutAccount>>>();
  const groups = new Map<string, Promise<Answer<readonly UserId[]>>>();
  for (const { key, about } of accountsToAsk(notifications, known))
    accounts.set(
      key,
      limit(() => answerOf(() => about(keystone))),
    );
  for (const id of new Set(
    notifications.filter((notification) => notification.kind === 'membership').flatMap(groupOf),
  ))
    groups.set(
      id,
      limit(() => answerOf(() => usersOfGroup(id, keystone))),
    );
  return { accounts: await settled(accounts), groups: await settled(groups) };
}

const groupOf = (notification: MembershipNotification): string[] =>
  notification.assignee.type === 'group' ? [notification.assignee.id] : [];

function accountsToAsk(
  notifications: readonly ChangeNotification[],
  known: ReadonlyMap<string, AccountRecord>,
) {
  const domains = knownDomains(notifications, known);
  const questions = new Map<string, (keystone: Keystone) => Promise<AboutAccount>>();
  let unknown = 0;
  for (const notification of notifications) {
    const key =
      notification.kind === 'account'
        ? subjectOf(notification, domains)
        : keyOf(notification.target.type, notification.target.id);
    const record = known.get(key);
    const wasSeenAlive = record !== undefined && record.seenAt > 0;
    const isUnknown =
      notification.kind === 'account' && notification.operation === 'deleted' && !wasSeenAlive;
    const isNeeded =
      notification.kind === 'account'
        ? notification.operation !== 'deleted' || (isUnknown && unknown < MAX_UNKNOWN_DELETIONS)
        : notification.target.type === 'project' &&
          !notification.inherited &&
          (!record || isGone(record));
    if (!isNeeded || questions.has(key)) continue;
    if (isUnknown) unknown += 1;
    const { id, type } = notification.kind === 'account' ? notification : notification.target;
    if (key.startsWith('domain/')) questions.set(key, (keystone) => aboutDomain(id, keystone));
    else if (type === 'project')
      questions.set(key, (keystone) => aboutProject(id, record?.members === undefined, keystone));
    else
      questions.set(key, async (keystone) => ({
        shown: await keystone.show('user', id),
        members: undefined,
        tree: undefined,
      }));
  }
  return [...questions].map(([key, about]) => ({ key, about }));
}

async function aboutProject(
  id: string,
  withMembers: boolean,
  keystone: Keystone,
): Promise<AboutAccount> {
  const shown = await keystone.show('project', id);
  if (shown.kind !== 'present') return { shown, members: undefined, tree: undefined };
  const { account } = shown;
  // Keystone also shows a domain as a project without a domain.
  if (account.type !== 'project' || account.domainId === undefined)
    return aboutDomain(id, keystone);
  return {
    shown,
    members: withMembers ? await membersOf(account.id, keystone) : undefined,
    tree: undefined,
  };
}

async function aboutDomain(id: string, keystone: Keystone): Promise<AboutAccount> {
  const shown = await keystone.show('domain', id);
  const isDisabled =
    shown.kind === 'present' && shown.account.type === 'domain' && !shown.account.enabled;
  return {
    shown,
    members: undefined,
    tree:
      isDisabled && shown.account.type === 'domain'
        ? await treeOf(shown.account.id, keystone)
        : undefined,
  };
}

async function treeOf(
  domainId: Parameters<Keystone['users']>[0],
  keystone: Keystone,
): Promise<Listed> {
  const [projects, users] = await Promise.all([
    keystone.projects(domainId),
    keystone.users(domainId),
  ]);
  const ids = projects.flatMap((project) => (project.type === 'project' ? [project.id] : []));
  const members =
    ids.length > MAX_PROJECTS_LISTED_SINGLY
      ? await keystone.members()
      : (await Promise.all(ids.map((id) => keystone.members(id)))).flat();
  const inside = new Set<string>(ids);
  return {
    domains: [],
    projects,
    users,
    members: members.filter(({ projectId }) => inside.has(projectId)),
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

async function settled<T>(promises: ReadonlyMap<string, Promise<T>>): Promise<Map<string, T>> {
  return new Map(
    await Promise.all(
      [...promises].map(async ([key, promise]): Promise<[string, T]> => [key, await promise]),
    ),
  );
}
