import * as z from 'zod';
import { body, type Call, param, Refusal, type Routes } from './http.ts';
import { page } from './paging.ts';
import type { CloudState } from './state.ts';
import { requireAdmin } from './tokens.ts';

export const defaultQuota: Record<string, number> = {
  cores: 1_000_000,
  instances: 100_000,
  key_pairs: 1000,
  metadata_items: 128,
  ram: 100_000_000,
  server_group_members: 10,
  server_groups: 10,
};

const showKeypair = ({ name }: { name: string }) => ({
  name,
  public_key: 'ssh-rsa AAAA rehearsal',
  fingerprint: '09:80:cc:e8',
  type: 'ssh',
});

/** The effective limits of a project: its own, or the defaults. */
export const quotaOf = (state: CloudState, project: string): Record<string, number> => ({
  ...defaultQuota,
  ...state.compute.quotas.get(project)?.values,
});

/** Only some calls of Nova check the project in Keystone. They answer 400 for a deleted one. */
export function knownProject(state: CloudState, call: Call, project: string): void {
  if (!state.identity.projects.get(project))
    throw new Refusal(400, `Project ID ${project} is not a valid project.`);
  requireAdmin(call.token, 'os_compute_api:os-quota-sets');
}

/**
 * Limits of projects and of users in them (id `project/user`). A DELETE does not check whether the
 * project exists.
 */
export function quotaRoutes(state: CloudState, routes: Routes): void {
  const { quotas } = state.compute;
  const key = (call: Call): string => {
    const user = call.query.get('user_id');
    return user === null ? param(call, 'project') : `${param(call, 'project')}/${user}`;
  };
  const values = (call: Call) => ({
    ...quotaOf(state, param(call, 'project')),
    ...quotas.get(key(call))?.values,
  });
  routes
    .on('GET', '/v2.1/os-quota-sets/:project', (call) => {
      knownProject(state, call, param(call, 'project'));
      return { status: 200, json: { quota_set: { id: param(call, 'project'), ...values(call) } } };
    })
    .on('GET', '/v2.1/os-quota-sets/:project/defaults', (call) => {
      knownProject(state, call, param(call, 'project'));
      return { status: 200, json: { quota_set: { id: param(call, 'project'), ...defaultQuota } } };
    })
    .on('PUT', '/v2.1/os-quota-sets/:project', (call) => {
      knownProject(state, call, param(call, 'project'));
      const { force: _, ...wanted } = body(
        call,
        z.object({ quota_set: z.record(z.string(), z.union([z.number(), z.boolean()])) }),
      ).quota_set;
      const numbers = Object.fromEntries(
        Object.entries(wanted).map(([name, value]) => [name, Number(value)]),
      );
      quotas.add({ id: key(call), values: { ...quotas.get(key(call))?.values, ...numbers } });
      return { status: 200, json: { quota_set: values(call) } };
    })
    .on('DELETE', '/v2.1/os-quota-sets/:project', (call) => {
      requireAdmin(call.token, 'os_compute_api:os-quota-sets:delete');
      quotas.delete(key(call));
      return { status: 202 };
    })
    .on('GET', '/v2.1/os-quota-class-sets/default', () => ({
      status: 200,
      json: { quota_class_set: { id: 'default', ...defaultQuota } },
    }));
}

/**
 * Keypairs of a user. An administrator names the user. Only the answer about a single keypair shows
 * the user.
 */
export function keypairRoutes(state: CloudState, routes: Routes): void {
  const { keypairs } = state.compute;
  const userOf = (call: Call): string => call.query.get('user_id') ?? call.token?.userId ?? '';
  routes
    .on('GET', '/v2.1/os-keypairs', (call) => {
      const rows = keypairs
        .where((row) => row.user_id === userOf(call))
        .sort((a, b) => (a.name < b.name ? -1 : 1));
      const missing = (marker: string): Refusal => new Refusal(400, `marker [${marker}] not found`);
      const { rows: shown, links } = page(call, rows, (row) => row.name, {
        max: state.options.pageLimit,
        href: call.base + call.path,
        sorted: true,
        missing,
      });
      return {
        status: 200,
        json: {
          keypairs: shown.map((row) => ({ keypair: showKeypair(row) })),
          ...(links && { keypairs_links: links }),
        },
      };
    })
    .on('POST', '/v2.1/os-keypairs', (call) => {
      const { name, user_id = call.token?.userId ?? '' } = body(
        call,
        z.object({ keypair: z.object({ name: z.string(), user_id: z.string().optional() }) }),
      ).keypair;
      if (keypairs.get(`${user_id}/${name}`))
        throw new Refusal(409, `Key pair '${name}' already exists.`);
      const row = keypairs.add({ id: `${user_id}/${name}`, name, user_id });
      return { status: 201, json: { keypair: { ...showKeypair(row), user_id } } };
    })
    .on('GET', '/v2.1/os-keypairs/:name', (call) => {
      const row = keypairs.get(`${userOf(call)}/${param(call, 'name')}`);
      if (!row)
        throw new Refusal(404, `Keypair ${param(call, 'name')} not found for user ${userOf(call)}`);
      return {
        status: 200,
        json: { keypair: { ...showKeypair(row), user_id: row.user_id, deleted: false } },
      };
    })
    .on('DELETE', '/v2.1/os-keypairs/:name', (call) => {
      if (!keypairs.delete(`${userOf(call)}/${param(call, 'name')}`))
        throw new Refusal(404, `Keypair ${param(call, 'name')} not found for user ${userOf(call)}`);
      return { status: 204 };
    });
}
