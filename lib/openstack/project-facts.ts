import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import type { ProjectId } from '../../events/ids.ts';
import type { KeystoneFacts, Permission } from '../operation/keystone-check.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { RequestOptions, ServiceApi } from '../task/service.ts';
import type { Token } from './authenticate.ts';
import { serviceMessage } from './service-message.ts';
import type { Method } from './transport.ts';

const options = z.object({ immutable: z.boolean().nullish() }).nullish();
const projectAnswer = z.object({
  project: z.object({
    id: z.string(),
    enabled: z.boolean(),
    domain_id: z.string().nullish(),
    options,
  }),
});
const domainAnswer = z.object({
  domain: z.object({ id: z.string(), enabled: z.boolean(), options }),
});
const childRow = z.object({ id: z.string(), name: z.string() });
const keystoneError = z.object({ error: z.object({ message: z.string() }) });

const projectPath = (id: string): string => `/v3/projects/${encodeURIComponent(id)}`;

/** A test of permissions. `missingRoles`: ids of the roles that the propagator would assign. */
export interface PermissionTest {
  readonly missingRoles: readonly string[];
}

/**
 * Reads the facts that decide whether the propagator may disable and delete a project. Changes
 * nothing. To test a permission, the function makes a call that has no effect but that Keystone
 * checks against its policy. If `permissionTest` is not set, the function makes only GET calls. The
 * permissions to update and to delete the project are then unknown, and `revokeRolePermission` is
 * not set. Throws the error of a failed call, and class `Gone` when the project does not exist.
 */
export async function readKeystoneFacts(
  api: ServiceApi,
  {
    user,
    roles,
    project: ownProject,
    isProjectBound,
  }: Pick<Token, 'user' | 'roles' | 'project'> & {
    isProjectBound: boolean;
  },
  id: ProjectId,
  permissionTest: PermissionTest | undefined,
): Promise<KeystoneFacts> {
  const { project } = parseAnswer(projectAnswer, await api.request('GET', projectPath(id)), api);
  const immutable = project.options?.immutable === true;
  const [domain, children] = await Promise.all([
    project.domain_id ? readDomain(api, project.domain_id) : undefined,
    readChildren(api, id),
  ]);
  const testUnlessReadOnly = (test: () => Promise<Permission>) =>
    permissionTest ? test() : UNTESTED_PERMISSION;
  // If the project is already disabled, the deletion does not update it and assigns no role on it.
  // Keystone refuses to update an immutable project, so the permission does not matter.
  const needsUpdate = project.enabled && !immutable;
  const missingRole = project.enabled ? permissionTest?.missingRoles[0] : undefined;
  const updatePermission = needsUpdate
    ? await testUnlessReadOnly(() => testUpdatePermission(api, id))
    : undefined;
  const revokeRolePermission =
    missingRole === undefined
      ? undefined
      : await testRevokePermission(api, id, user.id, missingRole);
  return {
    project: { id, enabled: project.enabled, immutable },
    domain,
    children,
    login: {
      userId: user.id,
      ownProject: ownProject.id,
      isAdmin: roles.some(({ name }) => name === 'admin'),
      isProjectBound,
    },
    updatePermission,
    revokeRolePermission,
    deletePermission: await testUnlessReadOnly(() => testDeletePermission(api)),
  };
}

const UNTESTED_PERMISSION: Permission = {
  kind: 'unknown',
  because:
    'a plan makes no call that could change anything; the permission is tested after the ' +
    'approval, before any resource of the project is removed',
};

async function readDomain(api: ServiceApi, id: string): Promise<KeystoneFacts['domain']> {
  const path = `/v3/domains/${encodeURIComponent(id)}`;
  const answer = await api.request('GET', path, { accept: [403, 404] });
  if (answer.status !== 200) return undefined;
  const { domain } = parseAnswer(domainAnswer, answer, api);
  return { id: domain.id, enabled: domain.enabled, immutable: domain.options?.immutable === true };
}

async function readChildren(api: ServiceApi, id: string): Promise<KeystoneFacts['children']> {
  const query = { parent_id: id };
  const listed = await api.list('/v3/projects', {
    collection: 'projects',
    row: childRow,
    paging: 'next',
    query,
  });
  return listed.rows;
}

/**
 * Tests the permission with an update that contains only the id of the project. The update changes
 * nothing, but Keystone sends a notification `project.updated`.
 */
const testUpdatePermission = (api: ServiceApi, id: string): Promise<Permission> =>
  permissionOfCall(api, 'PATCH', projectPath(id), { json: { project: { id } } });

/**
 * Tests the permission with the deletion of an id that no project has. Keystone checks its policy
 * before it answers 404.
 */
async function testDeletePermission(api: ServiceApi): Promise<Permission> {
  const unusedProjectId = unusedId();
  const deletePermission = await permissionOfCall(api, 'DELETE', projectPath(unusedProjectId));
  if (deletePermission.kind !== 'refused') return deletePermission;
  // A policy that compares the domain of the project refuses every unknown id, for a deletion and
  // for an update. If Keystone refuses both, the answers say nothing about an existing project.
  const json = { project: { id: unusedProjectId } };
  const updatePermission = await permissionOfCall(api, 'PATCH', projectPath(unusedProjectId), {
    json,
  });
  if (updatePermission.kind === 'granted') return deletePermission;
  return { kind: 'unknown', because: 'Keystone refuses the call for an id that no project has' };
}

/**
 * Tests the permission to revoke a role. The first call names a user that does not exist. A policy
 * that compares users may refuse this user, so after a refusal a second call names the propagator's
 * user. Neither user has the role, so no call revokes anything.
 */
async function testRevokePermission(
  api: ServiceApi,
  id: string,
  user: string,
  role: string,
): Promise<Permission> {
  const path = (userId: string): string =>
    `${projectPath(id)}/users/${encodeURIComponent(userId)}/roles/${encodeURIComponent(role)}`;
  const permission = await permissionOfCall(api, 'DELETE', path(unusedId()));
  return permission.kind === 'refused' ? permissionOfCall(api, 'DELETE', path(user)) : permission;
}

/** Makes a call that has no effect. Returns whether Keystone's policy permits the call. */
async function permissionOfCall(
  api: ServiceApi,
  method: Method,
  path: string,
  request: RequestOptions = {},
): Promise<Permission> {
  const answer = await api.request(method, path, { ...request, accept: [403, 404, 405, 501] });
  const message = keystoneError.safeParse(answer.json).data?.error.message;
  if (answer.status === 404 && message === undefined)
    return {
      kind: 'unknown',
      because: `the 404 for ${method} does not come from Keystone`,
    };
  if (answer.status < 300 || answer.status === 404) return { kind: 'granted' };
  const text = message === undefined ? undefined : serviceMessage(message);
  return { kind: 'refused', message: text ?? `HTTP ${answer.status} to ${method}` };
}

const unusedId = (): string => randomUUID().replaceAll('-', '');

function parseAnswer<S extends z.ZodType>(
  schema: S,
  answer: { readonly json?: unknown; readonly requestId?: string | undefined },
  api: ServiceApi,
): z.infer<S> {
  const result = schema.safeParse(answer.json);
  if (result.success) return result.data;
  throw new PropagatorError({
    code: 'keystone.answer.unexpected',
    class: 'Unexpected',
    message: `keystone: the answer is not a project or domain: ${z.prettifyError(result.error)}`,
    advice: `Check which service answers at ${api.endpoint}.`,
    service: 'keystone',
    requestId: answer.requestId,
  });
}
