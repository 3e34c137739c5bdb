import * as z from 'zod';
import { body, param, Refusal, type Routes } from './http.ts';
import { optionsOf, rolesOf } from './keystone-grants.ts';
import { deleteUser } from './keystone-projects.ts';
import { agrees, collection } from './keystone-shape.ts';
import type { Table } from './resource-store.ts';
import { hex } from './resource-store.ts';
import type { Group, User } from './rows.ts';
import type { CloudState } from './state.ts';

/** Users, groups, their application credentials, credentials and trusts, and limits. */
export function userRoutes(state: CloudState, routes: Routes): void {
  const { identity } = state;
  const { users, groups, applicationCredentials, credentials } = identity;
  const link = (base: string, path: string) => ({ links: { self: `${base}/v3/${path}` } });
  const user = (base: string, row: User) => ({
    id: row.id,
    name: row.name,
    domain_id: row.domain_id,
    enabled: row.enabled,
    ...(row.default_project_id !== undefined && { default_project_id: row.default_project_id }),
    password_expires_at: null,
    options: {},
    ...link(base, `users/${row.id}`),
  });
  const group = (base: string, row: Group) => ({
    id: row.id,
    name: row.name,
    domain_id: row.domain_id,
    description: '',
    ...link(base, `groups/${row.id}`),
  });
  const find = <T extends { id: string }>(table: Table<T>, id: string, what: string): T => {
    const row = table.get(id);
    if (!row) throw new Refusal(404, `Could not find ${what}: ${id}.`);
    return row;
  };

  routes
    .on('GET', '/v3/users', (call) => {
      const wanted = users.where(
        (row) =>
          agrees(call, 'domain_id', row.domain_id) &&
          agrees(call, 'name', row.name) &&
          agrees(call, 'enabled', row.enabled),
      );
      return collection(
        call,
        'users',
        wanted.map((row) => user(call.base, row)),
      );
    })
    .on('POST', '/v3/users', (call) => {
      const input = body(
        call,
        z.object({
          user: z.object({
            name: z.string(),
            domain_id: z.string().default('default'),
            password: z.string().default(''),
            enabled: z.boolean().default(true),
            default_project_id: z.string().optional(),
          }),
        }),
      ).user;
      const row = users.add({ ...input, id: hex() });
      state.notify('identity.user.created', row.id, call);
      return { status: 201, json: { user: user(call.base, row) } };
    })
    .on('GET HEAD', '/v3/users/:id', (call) => ({
      status: 200,
      json: { user: user(call.base, find(users, param(call, 'id'), 'user')) },
    }))
    .on('PATCH', '/v3/users/:id', (call) => {
      const row = find(users, param(call, 'id'), 'user');
      const input = body(
        call,
        z.object({
          user: z.object({
            name: z.string().optional(),
            enabled: z.boolean().optional(),
            password: z.string().optional(),
          }),
        }),
      ).user;
      row.name = input.name ?? row.name;
      row.enabled = input.enabled ?? row.enabled;
      row.password = input.password ?? row.password;
      state.notify('identity.user.updated', row.id, call);
      return { status: 200, json: { user: user(call.base, row) } };
    })
    .on('DELETE', '/v3/users/:id', (call) => {
      deleteUser(state, find(users, param(call, 'id'), 'user').id, call);
      return { status: 204 };
    })
    .on('GET', '/v3/groups', (call) => {
      const wanted = groups.where(
        (row) => agrees(call, 'domain_id', row.domain_id) && agrees(call, 'name', row.name),
      );
      return collection(
        call,
        'groups',
        wanted.map((row) => group(call.base, row)),
      );
    })
    .on('POST', '/v3/groups', (call) => {
      const input = body(
        call,
        z.object({
          group: z.object({ name: z.string(), domain_id: z.string().default('default') }),
        }),
      ).group;
      const row = groups.add({ ...input, id: hex(), users: new Set() });
      state.notify('identity.group.created', row.id, call);
      return { status: 201, json: { group: group(call.base, row) } };
    })
    .on('GET', '/v3/groups/:id/users', (call) => {
      const members = [...find(groups, param(call, 'id'), 'group').users].flatMap(
        (id) => users.get(id) ?? [],
      );
      return collection(
        call,
        'users',
        members.map((row) => user(call.base, row)),
      );
    })
    .on('PUT DELETE', '/v3/groups/:id/users/:user', (call) => {
      const row = find(groups, param(call, 'id'), 'group');
      const member = find(users, param(call, 'user'), 'user');
      if (call.method === 'PUT') row.users.add(member.id);
      else row.users.delete(member.id);
      state.notify('identity.group.updated', row.id, call);
      return { status: 204 };
    });

  const applicationCredential = (
    base: string,
    row: ReturnType<typeof applicationCredentials.all>[number],
  ) => ({
    id: row.id,
    name: row.name,
    description: null,
    user_id: row.user_id,
    project_id: row.project_id,
    system: null,
    expires_at: null,
    unrestricted: null,
    roles: identity.roles
      .where((role) => row.roles.includes(role.name))
      .map(({ id, name }) => ({
        id,
        name,
        domain_id: null,
        description: null,
        options: optionsOf(name),
      })),
    ...link(base, `application_credentials/${row.id}`),
  });
  routes
    .on('GET', '/v3/users/:user/application_credentials', (call) => {
      const wanted = applicationCredentials.where(
        (row) => row.user_id === param(call, 'user') && agrees(call, 'name', row.name),
      );
      return collection(
        call,
        'application_credentials',
        wanted.map((row) => applicationCredential(call.base, row)),
      );
    })
    .on('POST', '/v3/users/:user/application_credentials', (call) => {
      const input = body(
        call,
        z.object({
          application_credential: z.object({
            name: z.string(),
            secret: z.string().default(hex),
            roles: z.array(z.object({ name: z.string() })).optional(),
          }),
        }),
      ).application_credential;
      const projectId = call.token?.projectId;
      // Only the user can create an application credential. It gets the project of the user's
      // token.
      if (projectId === undefined || call.token?.userId !== param(call, 'user'))
        throw new Refusal(
          403,
          'You are not authorized to perform the requested action: identity:create_application_credential.',
        );
      const own = rolesOf(state, param(call, 'user'), { project: projectId });
      const roles = input.roles?.map(({ name }) => name) ?? own;
      if (roles.some((name) => !own.includes(name)))
        throw new Refusal(400, 'Invalid application credential: Could not find role assignment.');
      const row = applicationCredentials.add({
        name: input.name,
        secret: input.secret,
        id: hex(),
        user_id: param(call, 'user'),
        project_id: projectId,
        roles,
      });
      state.notify('identity.application_credential.created', row.id, call);
      return {
        status: 201,
        json: {
          application_credential: { ...applicationCredential(call.base, row), secret: row.secret },
        },
      };
    })
    .on('GET DELETE', '/v3/users/:user/application_credentials/:id', (call) => {
      const row = find(applicationCredentials, param(call, 'id'), 'Application Credential');
      if (call.method === 'GET')
        return {
          status: 200,
          json: { application_credential: applicationCredential(call.base, row) },
        };
      applicationCredentials.delete(row.id);
      state.notify('identity.application_credential.deleted', row.id, call);
      return { status: 204 };
    });

  routes
    .on('GET', '/v3/credentials', (call) => {
      const wanted = credentials.where(
        (row) => agrees(call, 'user_id', row.user_id) && agrees(call, 'type', row.type),
      );
      return collection(
        call,
        'credentials',
        wanted.map((row) => ({ ...row, ...link(call.base, `credentials/${row.id}`) })),
      );
    })
    .on('POST', '/v3/credentials', (call) => {
      const input = body(
        call,
        z.object({
          credential: z.object({
            type: z.string(),
            blob: z.string(),
            user_id: z.string(),
            project_id: z.string().nullable().default(null),
          }),
        }),
      ).credential;
      const row = credentials.add({ ...input, id: hex() + hex() });
      return {
        status: 201,
        json: { credential: { ...row, ...link(call.base, `credentials/${row.id}`) } },
      };
    })
    .on('DELETE', '/v3/credentials/:id', (call) => {
      credentials.delete(find(credentials, param(call, 'id'), 'credential').id);
      return { status: 204 };
    })
    .on('GET', '/v3/users/:user/credentials/OS-EC2', (call) => {
      const wanted = credentials.where(
        (row) => row.type === 'ec2' && row.user_id === param(call, 'user'),
      );
      const shown = wanted.map((row) => ({
        user_id: row.user_id,
        tenant_id: row.project_id,
        access: row.id,
        secret: '',
        trust_id: null,
        ...link(call.base, `users/${row.user_id}/credentials/OS-EC2/${row.id}`),
      }));
      return collection(call, 'credentials', shown);
    })
    .on('GET', '/v3/limits', (call) => {
      const wanted = identity.limits.where((row) => agrees(call, 'project_id', row.project_id));
      return collection(
        call,
        'limits',
        wanted.map((row) => ({
          ...row,
          domain_id: null,
          region_id: null,
          description: null,
          ...link(call.base, `limits/${row.id}`),
        })),
      );
    })
    .on('DELETE', '/v3/limits/:id', (call) => {
      identity.limits.delete(find(identity.limits, param(call, 'id'), 'limit').id);
      return { status: 204 };
    })
    .on('GET', '/v3/OS-TRUST/trusts', (call) => {
      const wanted = identity.trusts.where(
        (row) =>
          agrees(call, 'trustor_user_id', row.trustor_user_id) &&
          agrees(call, 'trustee_user_id', row.trustee_user_id),
      );
      return collection(
        call,
        'trusts',
        wanted.map((row) => ({
          ...row,
          deleted_at: null,
          expires_at: null,
          ...link(call.base, `OS-TRUST/trusts/${row.id}`),
        })),
      );
    })
    .on('DELETE', '/v3/OS-TRUST/trusts/:id', (call) => {
      identity.trusts.delete(find(identity.trusts, param(call, 'id'), 'trust').id);
      return { status: 204 };
    });
}
