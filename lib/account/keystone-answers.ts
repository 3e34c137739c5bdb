import pLimit from 'p-limit';
import type { ProjectId, UserId } from '../../events/ids.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import type { AccountHint, Hint, MembershipHint } from './interpret.ts';
import { type AccountRecord, isGone } from './inventory.ts';
import type { Keystone, KeystoneState } from './keystone.ts';
import { keyOf, type Listed } from './merge.ts';

/** Keystone's answer, or the error if it gave no certain one. */
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

/** Concurrent calls. All users of the cloud share Keystone. */
const CONCURRENCY = 8;
/**
 * After this many calls without an answer, the batch makes no further calls, because each would
 * wait for its timeout.
 */
const MAX_FAILURES = 3;
/**
 * Maximum number of deletions of unknown accounts in a batch that ingest checks in Keystone. The
 * others are held without a check, so that forged notifications cannot delay real ones.
 */
const MAX_UNKNOWN_DELETIONS = 20;
/**
 * For at most this many projects, ingest lists the members of each project. For more projects it
 * makes one listing of all assignments.
 */
const MAX_SINGLE_QUESTIONS = 10;

/**
 * Returns the key of the account that a hint is about. A project notification with the id of a
 * domain is about the domain.
 */
export function subjectOf(hint: AccountHint, domains: ReadonlySet<string>): string {
  return keyOf(hint.type === 'project' && domains.has(hint.id) ? 'domain' : hint.type, hint.id);
}

/**
 * Returns the ids that belong to domains, according to the inventory or another hint of the batch.
 */
export function knownDomains(
  hints: readonly Hint[],
  known: ReadonlyMap<string, AccountRecord>,
): Set<string> {
  const domains = new Set<string>();
  // A forged notification must not turn a project into a domain. The inventory therefore decides if
  // Keystone has shown the id.
  const wasShown = (type: 'domain' | 'project', id: string): boolean =>
    (known.get(keyOf(type, id))?.seenAt ?? 0) > 0;
  for (const hint of hints) {
    if (hint.kind !== 'account' || hint.type === 'user') continue;
    const { id } = hint;
    if (wasShown('domain', id) || (hint.type === 'domain' && !wasShown('project', id)))
      domains.add(id);
  }
  return domains;
}

/**
 * Asks Keystone for the present state of each account and group that the hints name. The
 * coordinator confirms the deletions of known accounts, so they are not asked about here. Never
 * throws. An error is part of the answer.
 */
export async function askKeystone(
  hints: readonly Hint[],
  known: ReadonlyMap<string, AccountRecord>,
  keystone: Keystone,
): Promise<Answers> {
  const limit = pLimit(CONCURRENCY);
  let failures = 0;
  let lastError: ErrorReport | undefined;
  const ask = async <T>(call: () => Promise<T>): Promise<Answer<T>> => {
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
  for (const { key, about } of accountsToAsk(hints, known))
    accounts.set(
      key,
      limit(() => ask(() => about(keystone))),
    );
  for (const id of new Set(hints.filter((hint) => hint.kind === 'membership').flatMap(groupOf)))
    groups.set(
      id,
      limit(() => ask(() => usersOfGroup(id, keystone))),
    );
  return { accounts: await settled(accounts), groups: await settled(groups) };
}

const groupOf = (hint: MembershipHint): string[] =>
  hint.who.type === 'group' ? [hint.who.id] : [];

function accountsToAsk(hints: readonly Hint[], known: ReadonlyMap<string, AccountRecord>) {
  const domains = knownDomains(hints, known);
  const wanted = new Map<string, (keystone: Keystone) => Promise<AboutAccount>>();
  let unknown = 0;
  for (const hint of hints) {
    const key =
      hint.kind === 'account' ? subjectOf(hint, domains) : keyOf(hint.on.type, hint.on.id);
    const record = known.get(key);
    const wasSeenAlive = record !== undefined && record.seenAt > 0;
    const isUnknown = hint.kind === 'account' && hint.operation === 'deleted' && !wasSeenAlive;
    const isNeeded =
      hint.kind === 'account'
        ? hint.operation !== 'deleted' || (isUnknown && unknown < MAX_UNKNOWN_DELETIONS)
        : hint.on.type === 'project' && !hint.inherited && (!record || isGone(record));
    if (!isNeeded || wanted.has(key)) continue;
    if (isUnknown) unknown += 1;
    const { id, type } = hint.kind === 'account' ? hint : hint.on;
    if (key.startsWith('domain/')) wanted.set(key, (keystone) => aboutDomain(id, keystone));
    else if (type === 'project')
      wanted.set(key, (keystone) => aboutProject(id, record?.members === undefined, keystone));
    else
      wanted.set(key, async (keystone) => ({
        shown: await keystone.show('user', id),
        members: undefined,
        tree: undefined,
      }));
  }
  return [...wanted].map(([key, about]) => ({ key, about }));
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
    ids.length > MAX_SINGLE_QUESTIONS
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
