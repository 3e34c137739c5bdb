import { type Call, param, Refusal, type Reply, type Routes } from './http.ts';
import { collection } from './keystone-shape.ts';
import type { Assignment } from './rows.ts';
import type { CloudState } from './state.ts';

/** Roles of a user on a project or domain by name, through groups and implied roles too. */
export function rolesOf(state: CloudState, userId: string, target: Assignment['target']): string[] {
  const { assignments, groups } = state.identity;
  const key = targetKey(target);
  const direct = assignments.where((row) => {
    if (targetKey(row.target) !== key) return false;
    return 'user' in row.actor
      ? row.actor.user === userId
      : (groups.get(row.actor.group)?.users.has(userId) ?? false);
  });
  return [...new Set(direct.flatMap((row) => implied(state, row.role).map(([name]) => name)))];
}

const targetKey = (target: Assignment['target']): string =>
  'project' in target ? `p/${target.project}` : `d/${target.domain}`;
const actorKey = (actor: Assignment['actor']): string =>
  'user' in actor ? `u/${actor.user}` : `g/${actor.group}`;
const assignmentId = (row: Omit<Assignment, 'id'>): string =>
  `${targetKey(row.target)}/${actorKey(row.actor)}/${row.role}`;

/** A role and the roles that it implies, each with the role that implies it. */
function implied(
  state: CloudState,
  roleId: string,
  prior?: string,
): [name: string, id: string, prior: string | undefined][] {
  const role = state.identity.roles.get(roleId);
  if (!role) return [];
  const more = role.implies.flatMap((name) => {
    const [next] = state.identity.roles.where((row) => row.name === name);
    return next ? implied(state, next.id, roleId) : [];
  });
  return [[role.name, role.id, prior], ...more];
}

export function grant(state: CloudState, row: Omit<Assignment, 'id'>): void {
  state.identity.assignments.add({ ...row, id: assignmentId(row) });
}

/** The roles of `keystone-manage bootstrap` cannot be changed. */
export const optionsOf = (role: string): Record<string, unknown> =>
  ['admin', 'member', 'reader', 'service'].includes(role) ? { immutable: true } : {};

/** Roles and their assignments. */
export function grants(state: CloudState, routes: Routes): void {
  const { assignments, roles } = state.identity;
  routes
    .on('GET', '/v3/roles', (call) => {
      const wanted = roles.where(
        // Without a domain Keystone lists only the roles that belong to none.
        (row) =>
          (row.domain_id ?? null) === call.query.get('domain_id') &&
          (call.query.get('name') === null || row.name === call.query.get('name')),
      );
      const shown = wanted.map(({ id, name, domain_id = null }) => ({
        id,
        name,
        domain_id,
        description: null,
        options: optionsOf(name),
        links: { self: `${call.base}/v3/roles/${id}` },
      }));
      return collection(call, 'roles', shown);
    })
    .on('DELETE', '/v3/roles/:id', (call) => {
      if (!roles.delete(param(call, 'id'))) throw new Refusal(404, 'Could not find role.');
      return { status: 204 };
    })
    .on('GET', '/v3/role_assignments', (call) => list(state, call));
  for (const where of ['projects', 'domains'])
    for (const who of ['users', 'groups'])
      routes.on(
        'PUT DELETE HEAD',
        `/v3/${where}/:target/${who}/:actor/roles/:role`,
        (call): Reply => {
          const target =
            where === 'projects'
              ? { project: param(call, 'target') }
              : { domain: param(call, 'target') };
          const actor =
            who === 'users' ? { user: param(call, 'actor') } : { group: param(call, 'actor') };
          const row = { role: param(call, 'role'), actor, target };
          if (!roles.get(row.role)) throw new Refusal(404, `Could not find role: ${row.role}.`);
          if (!state.identity.projects.get(param(call, 'target')))
            throw new Refusal(
              404,
              `Could not find ${where.slice(0, -1)}: ${param(call, 'target')}.`,
            );
          const notify = (what: string): void =>
            state.notify(
              `identity.role_assignment.${what}`,
              { ...target, ...actor, inherited_to_projects: false, role: row.role },
              call,
            );
          if (call.method === 'PUT') {
            grant(state, row);
            notify('created');
          } else if (!assignments.get(assignmentId(row)))
            throw new Refusal(404, `Could not find role assignment with role: ${row.role}.`);
          else if (call.method === 'DELETE') {
            assignments.delete(assignmentId(row));
            notify('deleted');
          }
          return { status: 204 };
        },
      );
}

/**
 * `effective` turns groups into their users and adds implied roles. For a deleted project Keystone
 * then answers 404. Without `effective` it answers with an empty list.
 */
function list(state: CloudState, call: Call): Reply {
  const { groups, projects, users, roles } = state.identity;
  const effective = isTrue(call, 'effective');
  const names = isTrue(call, 'include_names');
  const query = (name: string): string | null => call.query.get(name);
  const projectId = query('scope.project.id');
  if (effective && projectId !== null && !projects.get(projectId))
    throw new Refusal(404, `Could not find project: ${projectId}.`);
  const domainOf = (id: string | null | undefined) => ({ id, name: projects.get(id ?? '')?.name });
  const called = (id: string, name: string | undefined, domainId: string | null | undefined) =>
    names ? { id, name, domain: domainOf(domainId) } : { id };

  const rows = state.identity.assignments.all().flatMap((row) => {
    if (projectId !== null && !('project' in row.target && row.target.project === projectId))
      return [];
    if (
      query('scope.domain.id') !== null &&
      !('domain' in row.target && row.target.domain === query('scope.domain.id'))
    )
      return [];
    if (query('role.id') !== null && row.role !== query('role.id')) return [];
    const group = 'group' in row.actor ? row.actor.group : undefined;
    const actors =
      'user' in row.actor
        ? [row.actor.user]
        : effective
          ? [...(groups.get(row.actor.group)?.users ?? [])]
          : [undefined];
    const targetId = 'project' in row.target ? row.target.project : row.target.domain;
    const path = 'project' in row.target ? `projects/${targetId}` : `domains/${targetId}`;
    const targetRow = projects.get(targetId);
    const scope = {
      ['project' in row.target ? 'project' : 'domain']:
        'project' in row.target
          ? called(targetId, targetRow?.name, targetRow?.domain_id)
          : names
            ? domainOf(targetId)
            : { id: targetId },
    };
    const all = effective ? implied(state, row.role) : implied(state, row.role).slice(0, 1);
    return actors.flatMap((userId) => {
      if (query('user.id') !== null && userId !== query('user.id')) return [];
      const who = userId === undefined ? `groups/${group}` : `users/${userId}`;
      const actor =
        userId === undefined
          ? {
              group: called(
                group ?? '',
                groups.get(group ?? '')?.name,
                groups.get(group ?? '')?.domain_id,
              ),
            }
          : { user: called(userId, users.get(userId)?.name, users.get(userId)?.domain_id) };
      return all.map(([name, id, prior]) => ({
        links: {
          assignment: `${call.base}/v3/${path}/${group === undefined ? who : `groups/${group}`}/roles/${prior ?? id}`,
          ...(prior !== undefined && {
            prior_role: `${call.base}/v3/prior_role/${id}/implies/${prior}`,
          }),
          ...(group !== undefined &&
            userId !== undefined && {
              membership: `${call.base}/v3/groups/${group}/users/${userId}`,
            }),
        },
        scope,
        ...actor,
        role: names ? { id, name: roles.get(id)?.name ?? name } : { id },
      }));
    });
  });
  return collection(call, 'role_assignments', rows);
}

const isTrue = (call: Call, name: string): boolean =>
  call.query.has(name) && !['0', 'false'].includes((call.query.get(name) ?? '').toLowerCase());
