import * as z from 'zod';
import { Account } from '../../events/account.ts';
import { ProjectId, UserId } from '../../events/ids.ts';
import type { Keystone, Shown } from '../account/keystone.ts';
import type { ServiceApi } from '../cleanup/service.ts';
import { PropagatorError } from '../errors.ts';

const project = z.object({
  id: z.string(),
  name: z.string(),
  enabled: z.boolean(),
  domain_id: z.string().nullish(),
  parent_id: z.string().nullish(),
  is_domain: z.boolean().optional(),
});
const domain = z.object({ id: z.string(), name: z.string(), enabled: z.boolean() });
const user = z.object({ id: z.string(), name: z.string(), enabled: z.boolean(), domain_id: z.string() });

/** A project that acts as a domain is shown as the domain that it is: `is_domain` of API 3.6. */
const ofProject = (row: z.infer<typeof project>): Account =>
  Account.parse(
    row.is_domain
      ? { type: 'domain', id: row.id, name: row.name, enabled: row.enabled }
      : {
          type: 'project',
          id: row.id,
          name: row.name,
          enabled: row.enabled,
          domainId: row.domain_id ?? undefined,
          parentId: row.parent_id ?? undefined,
        },
  );
const ofDomain = (row: z.infer<typeof domain>): Account => Account.parse({ type: 'domain', ...row });
const ofUser = ({ domain_id, ...row }: z.infer<typeof user>): Account => Account.parse({ type: 'user', ...row, domainId: domain_id });

const shown = {
  project: z.object({ project }).transform((body) => ofProject(body.project)),
  domain: z.object({ domain }).transform((body) => ofDomain(body.domain)),
  user: z.object({ user }).transform((body) => ofUser(body.user)),
};

/** Keystone's own 404, which names what it could not find: `{"error": {"code": 404, "message": "Could not find project: 4f….", …}}`. */
const notFound = z.object({ error: z.object({ code: z.literal(404), message: z.string() }) });

const assignment = z.object({
  user: z.object({ id: UserId }).optional(),
  scope: z.object({ project: z.object({ id: ProjectId }).optional() }),
});

/** Keystone's API v3 as the one who knows what is true. `api`: its endpoint up to `/v3`. */
export function createKeystone(api: ServiceApi): Keystone {
  const fail = (message: string, requestId: string | undefined, status: number): PropagatorError =>
    new PropagatorError({
      code: 'keystone.answer.unexpected',
      class: 'Unexpected',
      message: `keystone: ${message}`,
      advice: 'Nothing is taken for deleted on such an answer. Check auth_url and what stands before Keystone.',
      service: 'keystone',
      requestId,
      status,
    });
  const accounts = async (path: string, collection: string, row: z.ZodType<Account>, domainId?: string): Promise<Account[]> => {
    const { rows } = await api.list(path, { collection, row, paging: 'none', query: { domain_id: domainId } });
    return rows;
  };
  return {
    async show(type, id): Promise<Shown> {
      const answer = await api.request('GET', `/v3/${type}s/${encodeURIComponent(id)}`, { accept: [404] });
      if (answer.status === 404) {
        const own = notFound.safeParse(answer.json);
        // A proxy, another web server or a mistyped URL answer 404, too: only Keystone names the id.
        if (own.success && own.data.error.message.includes(id)) return { is: 'absent' };
        throw fail(`the 404 for a ${type} is not Keystone's own`, answer.requestId, answer.status);
      }
      const parsed = shown[type].safeParse(answer.json);
      if (!parsed.success || parsed.data.id !== id || parsed.data.enabled === undefined)
        throw fail(`its answer does not show the ${type} that was asked for`, answer.requestId, answer.status);
      return { is: 'present', account: { ...parsed.data, enabled: parsed.data.enabled } };
    },
    async projects(domainId) {
      const all = await accounts('/v3/projects', 'projects', project.transform(ofProject), domainId);
      return all.filter((account) => account.type === 'project');
    },
    domains: () => accounts('/v3/domains', 'domains', domain.transform(ofDomain)),
    users: (domainId) => accounts('/v3/users', 'users', user.transform(ofUser), domainId),
    async members(projectId) {
      const { rows } = await api.list('/v3/role_assignments', {
        collection: 'role_assignments',
        row: assignment,
        paging: 'none',
        query: { effective: true, include_names: false, 'scope.project.id': projectId },
      });
      const pairs = new Map<string, { projectId: ProjectId; userId: UserId }>();
      for (const { user: member, scope } of rows)
        if (member && scope.project) pairs.set(`${scope.project.id}/${member.id}`, { projectId: scope.project.id, userId: member.id });
      return [...pairs.values()];
    },
    async groupMembers(groupId) {
      const row = z.object({ id: UserId });
      const { rows } = await api.list(`/v3/groups/${encodeURIComponent(groupId)}/users`, { collection: 'users', row, paging: 'none' });
      return rows.map((member) => member.id);
    },
  };
}
