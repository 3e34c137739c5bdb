import * as z from 'zod';
import { Account } from '../../events/account.ts';
import { areAlike, ProjectId, UserId } from '../../events/ids.ts';
import type { Keystone, KeystoneState } from '../account/keystone.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { ListOptions, ServiceApi } from '../task/service.ts';

const present = { id: z.string(), name: z.string(), enabled: z.boolean() };
const projectRow = z.object({
  ...present,
  domain_id: z.string().nullish(),
  parent_id: z.string().nullish(),
  is_domain: z.boolean().default(false),
  tags: z.array(z.string()).nullish(),
});

function toAccount(value: unknown, context: z.core.$RefinementCtx): Account {
  const parsed = Account.safeParse(value);
  if (parsed.success) return parsed.data;
  context.issues.push({
    code: 'custom',
    input: undefined,
    message: parsed.error.issues[0]?.message ?? 'no account',
    path: ['id'],
  });
  return z.NEVER;
}

/**
 * Keystone also shows each domain as a project with `is_domain` (Identity API 3.6). This schema
 * converts it to a domain.
 */
const project = projectRow.transform(({ domain_id, parent_id, is_domain, tags, ...row }, context) =>
  toAccount(
    is_domain
      ? { type: 'domain', ...row }
      : {
          type: 'project',
          ...row,
          domainId: domain_id ?? undefined,
          parentId: parent_id ?? undefined,
          ...(tags && tags.length > 0 ? { tags } : {}),
        },
    context,
  ),
);
const domain = z
  .object(present)
  .transform((row, context) => toAccount({ type: 'domain', ...row }, context));
const user = z
  .object({ ...present, domain_id: z.string() })
  .transform(({ domain_id, ...row }, context) =>
    toAccount({ type: 'user', ...row, domainId: domain_id }, context),
  );
const shown = {
  project: z.object({ project }).transform((body) => body.project),
  domain: z.object({ domain }).transform((body) => body.domain),
  user: z.object({ user }).transform((body) => body.user),
};

const isNotFoundOf = (error: unknown, id: string): boolean =>
  error instanceof PropagatorError && error.class === 'Gone' && error.message.includes(id);

/**
 * Keystone's own 404 names the id: `{"error": {"code": 404, "message": "Could not find project:
 * 4f….", …}}`.
 */
const notFound = z.object({ error: z.object({ code: z.literal(404), message: z.string() }) });

/** Matches `Could not find project: 4f….` with exactly this id at the end. */
const namesId = (message: string, id: string): boolean =>
  message.endsWith(`: ${id}.`) || message.endsWith(`: ${id}`);

/**
 * Creates the error for an id with a slash. Web servers decode `%2F` before routing, so Keystone
 * never receives such an id.
 */
const unaddressableId = (type: string): PropagatorError =>
  new PropagatorError({
    code: 'keystone.id.hidden',
    class: 'Unsupported',
    message: `Keystone cannot show a ${type} with a slash in its id`,
    advice: `Check in the Keystone database whether the ${type} exists.`,
    service: 'keystone',
  });

const member = z.object({ id: z.string() });
const assignment = z.object({
  user: member.optional(),
  scope: z.object({ project: z.object({ id: ProjectId }).optional() }),
});

/** Implements `Keystone` with Keystone's API v3. `api`: the login URL including `/v3`. */
export function createKeystone(api: ServiceApi): Keystone {
  const fail = (message: string, status: number, requestId: string | undefined): PropagatorError =>
    new PropagatorError({
      code: 'keystone.answer.unexpected',
      class: 'Unexpected',
      message: `keystone: ${message}`,
      advice:
        'The propagator does not treat the account as deleted. Check which service ' +
        `answers at ${api.endpoint}.`,
      service: 'keystone',
      requestId,
      status,
    });
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
  const pages = async <S extends z.ZodType>(
    type: Account['type'],
    row: S,
    onPage: (rows: z.infer<S>[]) => Promise<void>,
    query: ListOptions<S>['query'] = {},
  ): Promise<void> => {
    const listed = { collection: `${type}s`, row, paging: 'next', onPage } as const;
    await api.list(`/v3/${type}s`, { ...listed, query: { ...query, limit: undefined } });
  };
  const domains = (): Promise<Account[]> => list('/v3/domains', 'domains', domain);
  const users = (domainId?: string): Promise<Account[]> =>
    list('/v3/users', 'users', user, { domain_id: domainId });

  return {
    async show(type, id): Promise<KeystoneState> {
      const answer = await api.request('GET', `/v3/${type}s/${encodeURIComponent(id)}`, {
        accept: [404],
      });
      if (answer.status === 404) {
        const own = notFound.safeParse(answer.json);
        // A 404 without the id may come from a proxy or from a wrong URL.
        if (own.success && namesId(own.data.error.message, id)) return { kind: 'absent' };
        if (id.includes('/')) throw unaddressableId(type);
        throw fail(
          `the 404 for a ${type} does not come from Keystone: it does not name the id`,
          answer.status,
          answer.requestId,
        );
      }
      const parsed = shown[type].safeParse(answer.json);
      if (parsed.success && parsed.data.id !== id && areAlike(parsed.data.id, id))
        return { kind: 'other', id: parsed.data.id };
      if (!parsed.success || parsed.data.id !== id || parsed.data.enabled === undefined)
        throw fail(
          `the answer does not show the requested ${type}`,
          answer.status,
          answer.requestId,
        );
      return { kind: 'present', account: { ...parsed.data, enabled: parsed.data.enabled } };
    },
    async eachPage(type, take) {
      if (type === 'domain') return pages(type, domain, take);
      if (type === 'project')
        return pages(type, project, (rows) =>
          take(rows.filter((account) => account.type === 'project')),
        );
      const domainIds = new Set<string | undefined>();
      const takeUsers = (rows: Account[]): Promise<void> => {
        for (const account of rows)
          domainIds.add(account.type === 'user' ? account.domainId : undefined);
        return take(rows);
      };
      await pages(type, user, takeUsers);
      // Keystone may have limited the list to a single domain: see `users`.
      if (domainIds.size > 1) return;
      for (const one of await domains()) await pages(type, user, takeUsers, { domain_id: one.id });
    },
    async projects(domainId) {
      const projectRows = await list('/v3/projects', 'projects', project, { domain_id: domainId });
      return projectRows.filter((account) => account.type === 'project');
    },
    domains,
    /**
     * Lists each domain if the first list shows users of a single domain. With
     * `domain_specific_drivers_enabled`, that list contains only the domain of the token's project.
     */
    async users(domainId) {
      const listedUsers = await users(domainId);
      const domainIds = new Set(
        listedUsers.map((account) => account.type === 'user' && account.domainId),
      );
      if (domainId !== undefined || domainIds.size > 1) return listedUsers;
      const perDomain = await Promise.all((await domains()).map((one) => users(one.id)));
      return [
        ...new Map(
          [...listedUsers, ...perDomain.flat()].map((account) => [account.id, account]),
        ).values(),
      ];
    },
    /**
     * Ignores roles on the system and on domains. The query omits `include_names`, because Keystone
     * treats every value except 0 as true.
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
      const pairs = new Map<string, { projectId: ProjectId; userId: UserId }>();
      for (const { user: assignee, scope } of rows) {
        const id = UserId.safeParse(assignee?.id);
        if (id.success && scope.project)
          pairs.set(JSON.stringify([scope.project.id, id.data]), {
            projectId: scope.project.id,
            userId: id.data,
          });
      }
      return [...pairs.values()];
    },
    async groupMembers(groupId) {
      const rows = await list(`/v3/groups/${encodeURIComponent(groupId)}/users`, 'users', member);
      return rows.flatMap((row) => UserId.safeParse(row.id).data ?? []);
    },
  };
}
