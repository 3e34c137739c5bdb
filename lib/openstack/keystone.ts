import * as z from 'zod';
import type { Account } from '../../events/account.ts';
import { ProjectId, UserId } from '../../events/ids.ts';
import type { Keystone } from '../account/keystone.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { ListOptions, ServiceApi } from '../task/service.ts';
import { shownDomain, shownProject, shownUser, stateFromAnswer } from './keystone-accounts.ts';

/** True for a 404 of Keystone that names the id. */
const isNotFoundOf = (error: unknown, id: string): boolean =>
  error instanceof PropagatorError && error.class === 'Gone' && error.message.includes(id);

const idRow = z.object({ id: z.string() });
const assignment = z.object({
  user: idRow.optional(),
  scope: z.object({ project: z.object({ id: ProjectId }).optional() }),
});

/** Implements `Keystone` with Keystone's API v3, which `api` calls. */
export function createKeystone(api: ServiceApi): Keystone {
  // No `limit` is sent, because Keystone before 2025.1 has no paging. Later releases link to the
  // next page.
  const list = async <S extends z.ZodType>(
    path: string,
    collection: string,
    row: S,
    query: ListOptions<S>['query'] = {},
  ): Promise<z.infer<S>[]> =>
    (
      await api.list(path, {
        collection,
        row,
        paging: 'next',
        query: { ...query, limit: undefined },
      })
    ).rows;
  const readPages = async <S extends z.ZodType>(
    type: Account['type'],
    row: S,
    onPage: (rows: z.infer<S>[]) => Promise<void>,
    query: ListOptions<S>['query'] = {},
  ): Promise<void> => {
    const options = { collection: `${type}s`, row, paging: 'next', onPage } as const;
    await api.list(`/v3/${type}s`, { ...options, query: { ...query, limit: undefined } });
  };
  const domains = (): Promise<Account[]> => list('/v3/domains', 'domains', shownDomain);
  const listUsers = (domainId?: string): Promise<Account[]> =>
    list('/v3/users', 'users', shownUser, { domain_id: domainId });

  return {
    async show(type, id) {
      const path = `/v3/${type}s/${encodeURIComponent(id)}`;
      const answer = await api.request('GET', path, { accept: [404] });
      return stateFromAnswer(answer, type, id, api.endpoint);
    },
    async eachPage(type, handlePage) {
      if (type === 'domain') return readPages(type, shownDomain, handlePage);
      if (type === 'project')
        return readPages(type, shownProject, (rows) =>
          handlePage(rows.filter((account) => account.type === 'project')),
        );
      const domainIds = new Set<string | undefined>();
      const handleUsers = (rows: Account[]): Promise<void> => {
        for (const account of rows)
          domainIds.add(account.type === 'user' ? account.domainId : undefined);
        return handlePage(rows);
      };
      await readPages(type, shownUser, handleUsers);
      // Keystone may have listed the users of only one domain: see `users`.
      if (domainIds.size > 1) return;
      for (const { id } of await domains())
        await readPages(type, shownUser, handleUsers, { domain_id: id });
    },
    async projects(domainId) {
      const projectRows = await list('/v3/projects', 'projects', shownProject, {
        domain_id: domainId,
      });
      return projectRows.filter((account) => account.type === 'project');
    },
    domains,
    /**
     * If a list of all users shows users of only one domain, the users of each domain are listed
     * too. With `domain_specific_drivers_enabled`, Keystone answers a list without a domain with
     * only the users of the domain of the token's project.
     */
    async users(domainId) {
      const listedUsers = await listUsers(domainId);
      const domainIds = new Set(
        listedUsers.map((account) => account.type === 'user' && account.domainId),
      );
      if (domainId !== undefined || domainIds.size > 1) return listedUsers;
      const perDomain = await Promise.all((await domains()).map(({ id }) => listUsers(id)));
      const byId = new Map(
        [...listedUsers, ...perDomain.flat()].map((account) => [account.id, account]),
      );
      return [...byId.values()];
    },
    /**
     * Leaves out roles on the system and on domains. The query has no `include_names`, because
     * Keystone treats every value except 0 as true.
     */
    async members(projectId) {
      const query = { effective: true, 'scope.project.id': projectId };
      const rows = await list('/v3/role_assignments', 'role_assignments', assignment, query).catch(
        (error: unknown) => {
          // Keystone answers 404 with the id for a deleted project: it has no members.
          if (projectId === undefined || !isNotFoundOf(error, projectId)) throw error;
          return [];
        },
      );
      return membersIn(rows);
    },
    async groupMembers(groupId) {
      const rows = await list(`/v3/groups/${encodeURIComponent(groupId)}/users`, 'users', idRow);
      return rows.flatMap((row) => UserId.safeParse(row.id).data ?? []);
    },
  };
}

/** Returns the pairs of project and user in role assignments, each pair once. */
function membersIn(
  rows: readonly z.infer<typeof assignment>[],
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
