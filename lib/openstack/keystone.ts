import * as z from 'zod';
import type { Account } from '../../events/account.ts';
import { type DomainId, ProjectId, UserId } from '../../events/ids.ts';
import type { Keystone } from '../account/keystone.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { ListOptions, ServiceApi } from '../task/service.ts';
import { domainSchema, projectSchema, stateFromAnswer, userSchema } from './keystone-accounts.ts';

/** True for a 404 of Keystone that names the id. */
const isNotFoundErrorOf = (error: unknown, id: string): boolean =>
  error instanceof PropagatorError && error.class === 'Gone' && error.message.includes(id);

const idRow = z.object({ id: z.string() });
const assignmentRow = z.object({
  user: idRow.optional(),
  scope: z.object({ project: z.object({ id: ProjectId }).optional() }),
});

/** Implements `Keystone` with Keystone's API v3, which `api` calls. */
export function createKeystone(api: ServiceApi): Keystone {
  return {
    async show(type, id) {
      const path = `/v3/${type}s/${encodeURIComponent(id)}`;
      const answer = await api.request('GET', path, { accept: [404] });
      return stateFromAnswer(answer, type, id, api.endpoint);
    },
    async eachPage(type, handlePage) {
      if (type === 'domain') return readPages(api, type, domainSchema, handlePage);
      if (type === 'user') return readUserPages(api, handlePage);
      return readPages(api, type, projectSchema, (rows) => handlePage(withoutDomains(rows)));
    },
    async projects(domainId) {
      const query = { domain_id: domainId };
      return withoutDomains(await list(api, '/v3/projects', 'projects', projectSchema, query));
    },
    domains: () => listDomains(api),
    users: (domainId) => listUsers(api, domainId),
    members: (projectId) => listMembers(api, projectId),
    async groupMembers(groupId) {
      const path = `/v3/groups/${encodeURIComponent(groupId)}/users`;
      const rows = await list(api, path, 'users', idRow);
      return rows.flatMap((row) => UserId.safeParse(row.id).data ?? []);
    },
  };
}

/**
 * Lists a collection. No `limit` is sent, because Keystone before 2025.1 has no paging. Later
 * releases link to the next page.
 */
async function list<S extends z.ZodType>(
  api: ServiceApi,
  path: string,
  collection: string,
  row: S,
  query: ListOptions<S>['query'] = {},
): Promise<z.infer<S>[]> {
  const options = { collection, row, paging: 'next' } as const;
  return (await api.list(path, { ...options, query: { ...query, limit: undefined } })).rows;
}

/** Calls `onPage` with each page of the accounts of a type. No `limit` is sent, as in `list`. */
async function readPages<S extends z.ZodType>(
  api: ServiceApi,
  type: Account['type'],
  row: S,
  onPage: (rows: z.infer<S>[]) => Promise<void>,
  query: ListOptions<S>['query'] = {},
): Promise<void> {
  const options = { collection: `${type}s`, row, paging: 'next', onPage } as const;
  await api.list(`/v3/${type}s`, { ...options, query: { ...query, limit: undefined } });
}

const withoutDomains = (accounts: readonly Account[]): Account[] =>
  accounts.filter((account) => account.type === 'project');

const domainIdOfUser = (account: Account): string | undefined =>
  account.type === 'user' ? account.domainId : undefined;

const listDomains = (api: ServiceApi): Promise<Account[]> =>
  list(api, '/v3/domains', 'domains', domainSchema);

/**
 * Calls `onPage` with each page of all users. If these users belong to only one domain, the users
 * of each domain are listed too, for the reason in {@link listUsers}.
 */
async function readUserPages(
  api: ServiceApi,
  onPage: (rows: readonly Account[]) => Promise<void>,
): Promise<void> {
  const domainIds = new Set<string | undefined>();
  const handleUsers = (rows: Account[]): Promise<void> => {
    for (const account of rows) domainIds.add(domainIdOfUser(account));
    return onPage(rows);
  };
  await readPages(api, 'user', userSchema, handleUsers);
  if (domainIds.size > 1) return;
  for (const { id } of await listDomains(api))
    await readPages(api, 'user', userSchema, handleUsers, { domain_id: id });
}

/**
 * If a list of all users shows users of only one domain, the users of each domain are listed too.
 * With `domain_specific_drivers_enabled`, a list without `domain_id` shows only the users of the
 * domain of the token's project.
 */
async function listUsers(api: ServiceApi, domainId: DomainId | undefined): Promise<Account[]> {
  const usersIn = (domain: string | undefined): Promise<Account[]> =>
    list(api, '/v3/users', 'users', userSchema, { domain_id: domain });
  const listedUsers = await usersIn(domainId);
  const domainIds = new Set(listedUsers.map(domainIdOfUser));
  if (domainId !== undefined || domainIds.size > 1) return listedUsers;
  const domains = await listDomains(api);
  const usersPerDomain = await Promise.all(domains.map(({ id }) => usersIn(id)));
  const userById = new Map(
    [...listedUsers, ...usersPerDomain.flat()].map((user) => [user.id, user]),
  );
  return [...userById.values()];
}

/**
 * Lists the users with a role on the project; without `projectId`, on any project. Omits roles on
 * the system and on domains. The query does not contain `include_names=false`, which Keystone would
 * treat as true.
 */
async function listMembers(
  api: ServiceApi,
  projectId: ProjectId | undefined,
): Promise<{ projectId: ProjectId; userId: UserId }[]> {
  const query = { effective: true, 'scope.project.id': projectId };
  const path = '/v3/role_assignments';
  const rows = await list(api, path, 'role_assignments', assignmentRow, query).catch(
    (error: unknown) => {
      // For a deleted project, Keystone answers a 404 that names the id: there are no members.
      if (projectId === undefined || !isNotFoundErrorOf(error, projectId)) throw error;
      return [];
    },
  );
  return membersIn(rows);
}

/** Returns the pairs of project and user in role assignments, each pair once. */
function membersIn(
  rows: readonly z.infer<typeof assignmentRow>[],
): { projectId: ProjectId; userId: UserId }[] {
  const pairs = new Map<string, { projectId: ProjectId; userId: UserId }>();
  for (const { user: assignee, scope } of rows) {
    const userId = UserId.safeParse(assignee?.id).data;
    if (userId === undefined || !scope.project) continue;
    const projectId = scope.project.id;
    pairs.set(JSON.stringify([projectId, userId]), { projectId, userId });
  }
  return [...pairs.values()];
}
