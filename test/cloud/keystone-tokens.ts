import * as z from 'zod';
import { body, type Call, Refusal, type Reply } from './http.ts';
import { catalog } from './keystone-catalog.ts';
import { rolesOf } from './keystone-grants.ts';
import type { Project, User } from './rows.ts';
import type { CloudState } from './state.ts';
import type { Token } from './tokens.ts';
import { tokenOf } from './tokens.ts';

const named = z.object({ id: z.string().optional(), name: z.string().optional() });
const inDomain = named.extend({ domain: named.optional() });
const request = z.object({
  auth: z.object({
    identity: z.object({
      methods: z.array(z.string()),
      password: z.object({ user: inDomain.extend({ password: z.string() }) }).optional(),
      application_credential: z
        .object({
          id: z.string().optional(),
          name: z.string().optional(),
          secret: z.string(),
          user: inDomain.optional(),
        })
        .optional(),
      token: z.object({ id: z.string() }).optional(),
    }),
    scope: z
      .object({
        project: inDomain.optional(),
        domain: named.optional(),
        system: z.object({ all: z.boolean() }).optional(),
      })
      .or(z.literal('unscoped'))
      .optional(),
  }),
});

const denied = (): Refusal =>
  new Refusal(401, 'The request you have made requires authentication.');

/**
 * `POST /v3/auth/tokens` with a password, an application credential or a token; scoped to a
 * project, a domain, the system or nothing.
 */
export function login(state: CloudState, call: Call): Reply {
  const { identity, scope } = body(call, request).auth;
  const { users, applicationCredentials } = state.identity;
  const issue = (
    user: User,
    where: Partial<Token>,
    roles: readonly string[],
    methods: readonly string[],
  ): Reply => {
    const issuedAt = state.clock.now();
    const expiresAt = issuedAt + state.options.tokenSeconds * 1000;
    const { projectId, domainId, system = false, credential } = where;
    const token = state.tokens.issue({
      userId: user.id,
      projectId,
      domainId,
      system,
      credential,
      roles,
      methods,
      issuedAt,
      expiresAt,
    });
    return { status: 201, headers: { 'X-Subject-Token': token.id }, json: describe(state, token) };
  };
  if (identity.application_credential) {
    const { id, name, secret, user } = identity.application_credential;
    const owner = user && findUser(state, user);
    const [credential] = applicationCredentials.where((row) =>
      id === undefined ? row.name === name && row.user_id === owner?.id : row.id === id,
    );
    // The status is not 401, because Keystone searches the token before it checks the caller.
    if (!credential && id !== undefined)
      throw new Refusal(404, `Could not find Application Credential: ${id}.`);
    const holder = credential && users.get(credential.user_id);
    if (!credential || !holder?.enabled || credential.secret !== secret) throw denied();
    if (!state.identity.projects.get(credential.project_id))
      throw new Refusal(404, `Could not find project: ${credential.project_id}.`);
    const project = alive(state, state.identity.projects.get(credential.project_id));
    if (!project || rolesOf(state, holder.id, { project: project.id }).length === 0) throw denied();
    return issue(holder, { projectId: project.id, credential }, credential.roles, [
      'application_credential',
    ]);
  }
  const presented = identity.token && tokenOf(state, identity.token.id);
  const user = identity.password
    ? findUser(state, identity.password.user)
    : presented && users.get(presented.userId);
  if (!user?.enabled || (identity.password && user.password !== identity.password.user.password))
    throw denied();
  const methods = identity.methods;
  if (scope === undefined || scope === 'unscoped') return issue(user, {}, [], methods);
  if (scope.system)
    return issue(user, { system: true }, rolesOf(state, user.id, { domain: 'default' }), methods);
  const project = alive(state, scope.project && findProject(state, scope.project));
  const domain =
    scope.domain &&
    state.identity.projects.where(
      (row) => row.is_domain && (row.id === scope.domain?.id || row.name === scope.domain?.name),
    )[0];
  if (project) {
    const roles = rolesOf(state, user.id, { project: project.id });
    if (roles.length > 0) return issue(user, { projectId: project.id }, roles, methods);
  } else if (domain?.enabled) {
    const roles = rolesOf(state, user.id, { domain: domain.id });
    if (roles.length > 0) return issue(user, { domainId: domain.id }, roles, methods);
  }
  throw denied();
}

export function showToken(state: CloudState, call: Call): Reply {
  const subject = call.headers['x-subject-token'];
  const token = tokenOf(state, subject);
  if (!token) throw new Refusal(404, 'Could not find token: .');
  return { status: 200, headers: { 'X-Subject-Token': token.id }, json: describe(state, token) };
}

function findUser(state: CloudState, wanted: z.infer<typeof inDomain>): User | undefined {
  if (wanted.id !== undefined) return state.identity.users.get(wanted.id);
  return state.identity.users.where(
    (row) => row.name === wanted.name && isDomain(state, row.domain_id, wanted.domain),
  )[0];
}

function findProject(state: CloudState, wanted: z.infer<typeof inDomain>): Project | undefined {
  if (wanted.id !== undefined) return state.identity.projects.get(wanted.id);
  return state.identity.projects.where(
    (row) =>
      row.name === wanted.name &&
      row.domain_id !== null &&
      isDomain(state, row.domain_id, wanted.domain),
  )[0];
}

const isDomain = (
  state: CloudState,
  id: string,
  wanted: z.infer<typeof named> | undefined,
): boolean =>
  wanted?.id === id ||
  (wanted?.name !== undefined && state.identity.projects.get(id)?.name === wanted.name);

function alive(state: CloudState, project: Project | undefined): Project | undefined {
  if (!project?.enabled) return undefined;
  return project.domain_id === null || state.identity.projects.get(project.domain_id)?.enabled
    ? project
    : undefined;
}

const micros = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}.000000Z`;

/** The token's body with the catalog, without the services that a fault hides. */
function describe(state: CloudState, token: Token) {
  const { users, projects } = state.identity;
  const user = users.get(token.userId);
  const project = token.projectId === undefined ? undefined : projects.get(token.projectId);
  const domain = (id: string | null | undefined) => ({ id, name: projects.get(id ?? '')?.name });
  return {
    token: {
      methods: token.methods,
      user: {
        domain: domain(user?.domain_id),
        id: token.userId,
        name: user?.name,
        password_expires_at: null,
      },
      audit_ids: [token.id.slice(6, 28)],
      ...(token.credential && {
        application_credential: {
          id: token.credential.id,
          name: token.credential.name,
          restricted: true,
        },
      }),
      expires_at: micros(token.expiresAt),
      issued_at: micros(token.issuedAt),
      ...(project && {
        project: { domain: domain(project.domain_id), id: project.id, name: project.name },
        is_domain: false,
      }),
      ...(token.domainId !== undefined && { domain: domain(token.domainId) }),
      ...(token.system && { system: { all: true } }),
      ...((project || token.domainId !== undefined || token.system) && {
        roles: token.roles.map((name) => ({
          id: state.identity.roles.where((row) => row.name === name)[0]?.id,
          name,
        })),
        catalog: catalog(state, token.projectId),
      }),
    },
  };
}
