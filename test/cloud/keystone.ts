import * as z from 'zod';
import { body, type Call, type Front, param, Refusal, type Reply, Routes } from './http.ts';
import { listEndpoints, listServices } from './keystone-catalog.ts';
import { federation } from './keystone-federation.ts';
import { grants } from './keystone-grants.ts';
import {
  deleteDomain,
  deleteProject,
  immutable,
  showProject,
  subtree,
} from './keystone-projects.ts';
import { registrations } from './keystone-registrations.ts';
import { agrees, collection } from './keystone-shape.ts';
import { login, showToken } from './keystone-tokens.ts';
import { userRoutes } from './keystone-users.ts';
import { hex } from './resource-store.ts';
import type { Project } from './rows.ts';
import type { CloudState } from './state.ts';
import { isAdmin, tokenOf } from './tokens.ts';

const titles: Record<number, string> = {
  400: 'Bad Request',
  401: 'Unauthorized',
  403: 'Forbidden',
  404: 'Not Found',
  409: 'Conflict',
  429: 'Too Many Requests',
  500: 'Internal Server Error',
  503: 'Service Unavailable',
};

/** Keystone v3, as of version 22 (Zed). */
export function keystone(state: CloudState): Front {
  const { projects } = state.identity;
  const version = (base: string) => ({
    id: 'v3.14',
    status: 'stable',
    updated: '2020-04-07T00:00:00Z',
    links: [{ rel: 'self', href: `${base}/v3/` }],
    'media-types': [
      { base: 'application/json', type: 'application/vnd.openstack.identity-v3+json' },
    ],
  });
  const open = new Routes()
    .on('GET', '/', (call) => ({
      status: 300,
      headers: { Location: `${call.base}/v3/` },
      json: { versions: { values: [version(call.base)] } },
    }))
    .on('GET', '/v3', (call) => ({ status: 200, json: { version: version(call.base) } }))
    .on('GET', '/v3/', (call) => ({ status: 200, json: { version: version(call.base) } }))
    .on('POST', '/v3/auth/tokens', (call) => login(state, call));
  const routes = new Routes()
    .on('GET HEAD', '/v3/auth/tokens', (call) => showToken(state, call))
    .on('DELETE', '/v3/auth/tokens', (call) => {
      state.tokens.revoke((token) => token.id === call.headers['x-subject-token']);
      return { status: 204 };
    })
    .on('GET', '/v3/projects', (call) => {
      const wanted = (project: Project): boolean =>
        String(project.is_domain) === (call.query.get('is_domain') ?? 'false').toLowerCase() &&
        agrees(call, 'domain_id', project.domain_id) &&
        agrees(call, 'parent_id', project.parent_id) &&
        agrees(call, 'name', project.name) &&
        agrees(call, 'enabled', project.enabled);
      return collection(
        call,
        'projects',
        projects.where(wanted).map((project) => showProject(call, project)),
      );
    })
    .on('POST', '/v3/projects', (call) => createProject(state, call))
    .on('GET HEAD', '/v3/projects/:id', (call) => ({
      status: 200,
      json: { project: showProject(call, found(state, call, 'project')) },
    }))
    .on('PATCH', '/v3/projects/:id', (call) => update(state, call, 'project'))
    .on('DELETE', '/v3/projects/:id', (call) => {
      const project = found(state, call, 'project');
      if (project.is_domain) deleteDomain(state, call, project);
      else deleteProject(state, project, call);
      return { status: 204 };
    })
    .on('GET', '/v3/services', (call) => listServices(state, call))
    .on('GET', '/v3/endpoints', (call) => listEndpoints(state, call))
    .on('GET', '/v3/domains', (call) => {
      const wanted = (row: Project): boolean =>
        row.is_domain && agrees(call, 'name', row.name) && agrees(call, 'enabled', row.enabled);
      return collection(
        call,
        'domains',
        projects.where(wanted).map((domain) => showProject(call, domain, 'domains')),
      );
    })
    .on('POST', '/v3/domains', (call) => createDomain(state, call))
    .on('GET HEAD', '/v3/domains/:id', (call) => ({
      status: 200,
      json: { domain: showProject(call, found(state, call, 'domain'), 'domains') },
    }))
    .on('PATCH', '/v3/domains/:id', (call) => update(state, call, 'domain'))
    .on('DELETE', '/v3/domains/:id', (call) => {
      deleteDomain(state, call, found(state, call, 'domain'));
      return { status: 204 };
    });
  userRoutes(state, routes);
  federation(state, routes);
  grants(state, routes);
  registrations(state, routes);

  return {
    name: 'keystone',
    handle(call) {
      const free = open.find(call, call.path);
      if (free) return free(call);
      call.token = tokenOf(state, call.headers['x-auth-token']);
      if (!call.token) throw new Refusal(401, 'The request you have made requires authentication.');
      const handler = routes.find(call, call.path);
      if (!handler) throw new Refusal(404, 'The resource could not be found.');
      if (!call.path.endsWith('/auth/tokens') && !isOwnResource(call) && !isAdmin(call.token))
        throw new Refusal(403, 'You are not authorized to perform the requested action: identity.');
      return handler(call);
    },
    refuse: ({ status, message, headers }, call) => ({
      status,
      headers: {
        ...headers,
        ...(status === 401 && { 'WWW-Authenticate': `Keystone uri="${call.base}/v3"` }),
      },
      json: { error: { code: status, message, title: titles[status] ?? 'Error' } },
    }),
    headers: (call) => ({ Vary: 'X-Auth-Token', 'x-openstack-request-id': call.requestId }),
  };
}

/** A user may manage the user's own application credentials and EC2 credentials. */
const isOwnResource = (call: Call): boolean =>
  call.path.startsWith(`/v3/users/${call.token?.userId}/`);

function found(state: CloudState, call: Call, what: 'project' | 'domain'): Project {
  const row = state.identity.projects.get(param(call, 'id'));
  if (!row || (what === 'domain' && !row.is_domain))
    throw new Refusal(404, `Could not find ${what}: ${param(call, 'id')}.`);
  return row;
}

function createProject(state: CloudState, call: Call): Reply {
  const { projects } = state.identity;
  const input = body(
    call,
    z.object({
      project: newProject.extend({
        domain_id: z.string().optional(),
        parent_id: z.string().optional(),
      }),
    }),
  ).project;
  const parent = input.parent_id === undefined ? undefined : projects.get(input.parent_id);
  const domainId =
    input.domain_id ?? parent?.domain_id ?? parent?.id ?? call.token?.domainId ?? 'default';
  if (!projects.get(domainId)?.is_domain)
    throw new Refusal(404, `Could not find domain: ${domainId}.`);
  refuseDuplicate(state, input.name, domainId);
  const project = projects.add({
    ...blank(input),
    id: hex(),
    domain_id: domainId,
    parent_id: input.parent_id ?? domainId,
    is_domain: false,
  });
  state.notify('identity.project.created', project.id, call);
  return { status: 201, json: { project: showProject(call, project) } };
}

function createDomain(state: CloudState, call: Call): Reply {
  const input = body(call, z.object({ domain: newProject })).domain;
  refuseDuplicate(state, input.name, null);
  const domain = state.identity.projects.add({
    ...blank(input),
    id: hex(),
    domain_id: null,
    parent_id: null,
    is_domain: true,
  });
  state.notify('identity.domain.created', domain.id, call);
  return { status: 201, json: { domain: showProject(call, domain, 'domains') } };
}

const newProject = z.object({
  name: z.string().min(1).max(64),
  description: z.string().default(''),
  enabled: z.boolean().default(true),
});
const blank = (input: z.infer<typeof newProject>) => ({ ...input, tags: [], options: {} });

function refuseDuplicate(state: CloudState, name: string, domainId: string | null): void {
  const [duplicate] = state.identity.projects.where(
    (row) => row.name === name && row.domain_id === domainId,
  );
  if (!duplicate) return;
  const message = `Conflict occurred attempting to store project - it is not permitted to have two projects with either the same name or same id in the same domain: name is ${name}, project id ${duplicate.id}.`;
  throw new Refusal(409, message);
}

const changes = z.object({
  id: z.string().optional(),
  name: z.string().optional(),
  description: z.string().optional(),
  enabled: z.boolean().optional(),
  tags: z.array(z.string()).optional(),
  options: z.record(z.string(), z.unknown()).optional(),
});

/**
 * Only the option `immutable` of an immutable project can be changed. Keystone 22 refuses even that
 * through /v3/domains, and allows it for the same id through /v3/projects.
 */
function refuseImmutable(
  project: Project,
  what: 'project' | 'domain',
  input: z.infer<typeof changes>,
): void {
  if (project.options.immutable !== true) return;
  const isClearing = input.options !== undefined && !input.options.immutable;
  if (what === 'project' && isClearing && Object.keys(input).length === 1) return;
  throw new Refusal(403, immutable('update', project));
}

/**
 * A project with enabled descendants cannot be disabled, but a domain can. Nothing below a disabled
 * parent can be enabled. The notification says `updated` and never names the change. An update of a
 * domain is also one of its project.
 */
function update(state: CloudState, call: Call, what: 'project' | 'domain'): Reply {
  const project = found(state, call, what);
  const input = body(call, z.object({ [what]: changes }))[what] ?? {};
  if (input.id !== undefined && input.id !== project.id)
    throw new Refusal(400, 'Cannot change project ID');
  refuseImmutable(project, what, input);
  if (
    !project.is_domain &&
    input.enabled === false &&
    subtree(state, project).some((child) => child.enabled)
  )
    throw new Refusal(
      403,
      `Cannot disable project ${project.id} since its subtree contains enabled projects.`,
    );
  const parent =
    project.parent_id === null ? undefined : state.identity.projects.get(project.parent_id);
  // An update without `enabled` counts as an update that enables (seen on Keystone 22 and 29).
  if (!project.enabled && input.enabled !== false && parent && !parent.is_domain && !parent.enabled)
    throw new Refusal(403, `Cannot enable project ${project.id} since it has disabled parents`);
  project.name = input.name ?? project.name;
  project.description = input.description ?? project.description;
  project.enabled = input.enabled ?? project.enabled;
  project.tags = input.tags ?? project.tags;
  // An option that is set to null is removed. Other options stay.
  const options = Object.entries({ ...project.options, ...input.options });
  project.options = Object.fromEntries(options.filter(([, value]) => value !== null));
  state.notify('identity.project.updated', project.id, call);
  if (project.is_domain) state.notify('identity.domain.updated', project.id, call);
  const shown = showProject(call, project, what === 'domain' ? 'domains' : 'projects');
  return { status: 200, json: { [what]: what === 'project' ? { ...shown, extra: {} } : shown } };
}
