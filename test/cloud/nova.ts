import * as z from 'zod';
import { atLeast, fault, htmlNotFound, microversion } from './compute-fault.ts';
import { action, body, type Call, type Front, param, Refusal, Routes } from './http.ts';
import { listComputeServices } from './nova-cells.ts';
import { serverRoutes } from './nova-servers.ts';
import { keypairRoutes, knownProject, quotaOf, quotaRoutes } from './nova-user.ts';
import { page } from './paging.ts';
import { uuid } from './resource-store.ts';
import type { Flavor } from './rows.ts';
import type { CloudState } from './state.ts';
import { ownProject, tokenOf } from './tokens.ts';

/** Nova v2.1 as of version 26 (Zed). */
export function nova(state: CloudState): Front {
  const { servers, groups, flavors } = state.compute;
  const range = { lowest: '2.1', highest: state.options.microversions.compute };
  const version = (call: Call): string => microversion(call, 'compute', range);
  const v21 = (base: string) => ({
    id: 'v2.1',
    status: 'CURRENT',
    version: range.highest,
    min_version: '2.1',
    updated: '2013-07-23T11:33:21Z',
    links: [{ rel: 'self', href: `${base}/v2.1/` }],
  });
  const routes = new Routes()
    .on('GET', '/v2.1/os-server-groups', (call) => {
      for (const name of call.query.keys())
        if (!['all_projects', 'limit', 'offset'].includes(name))
          throw new Refusal(
            400,
            `Additional properties are not allowed ('${name}' was unexpected)`,
          );
      const all = call.query.has('all_projects');
      const rows = groups.where((row) => all || row.project_id === ownProject(call.token));
      const start = Number(call.query.get('offset') ?? 0);
      const limit = Math.min(
        Number(call.query.get('limit') ?? state.options.pageLimit),
        state.options.pageLimit,
      );
      const shown = rows.slice(start, start + limit).map((row) => showGroup(version(call), row));
      return { status: 200, json: { server_groups: shown } };
    })
    .on('POST', '/v2.1/os-server-groups', (call) => {
      const input = body(
        call,
        z.object({
          server_group: z.object({ name: z.string(), policy: z.string().default('affinity') }),
        }),
      ).server_group;
      const row = groups.add({
        ...input,
        id: uuid(),
        members: [],
        project_id: ownProject(call.token),
        user_id: call.token?.userId ?? '',
      });
      return { status: 200, json: { server_group: showGroup(version(call), row) } };
    })
    .on('DELETE', '/v2.1/os-server-groups/:id', (call) => {
      if (!groups.delete(param(call, 'id')))
        throw new Refusal(404, `Instance group ${param(call, 'id')} could not be found.`);
      return { status: 204 };
    })
    .on('GET', '/v2.1/limits', (call) => {
      const project = call.query.get('tenant_id') ?? ownProject(call.token);
      const own = servers.where(
        (row) => row.project_id === project && row.vm_state !== 'soft-delete',
      );
      const limits = quotaOf(state, project);
      const cores = own.reduce((sum, row) => sum + (flavors.get(row.flavor_id)?.vcpus ?? 1), 0);
      const ram = own.reduce((sum, row) => sum + (flavors.get(row.flavor_id)?.ram ?? 64), 0);
      const absolute = {
        maxTotalInstances: limits.instances,
        maxTotalCores: limits.cores,
        maxTotalRAMSize: limits.ram,
        maxServerMeta: limits.metadata_items,
        maxTotalKeypairs: limits.key_pairs,
        maxServerGroups: limits.server_groups,
        maxServerGroupMembers: limits.server_group_members,
        totalRAMUsed: ram,
        totalCoresUsed: cores,
        totalInstancesUsed: own.length,
        totalServerGroupsUsed: groups.where((row) => row.project_id === project).length,
      };
      return { status: 200, json: { limits: { rate: [], absolute } } };
    });
  quotaRoutes(state, routes);
  keypairRoutes(state, routes);

  const flavor = (call: Call): Flavor => {
    const row = flavors.get(param(call, 'id'));
    if (!row) throw new Refusal(404, `Flavor ${param(call, 'id')} could not be found.`);
    return row;
  };
  const access = (row: Flavor) =>
    [...row.access].map((tenant_id) => ({ flavor_id: row.id, tenant_id }));
  const showFlavor = (call: Call, row: Flavor) => ({
    id: row.id,
    name: row.name,
    links: [
      { rel: 'self', href: `${call.base}/v2.1/flavors/${row.id}` },
      { rel: 'bookmark', href: `${call.base}/flavors/${row.id}` },
    ],
    description: null,
  });
  const detail = (call: Call, row: Flavor) => ({
    ...showFlavor(call, row),
    ram: row.ram,
    vcpus: row.vcpus,
    disk: 0,
    swap: 0,
    'os-flavor-access:is_public': row.is_public,
    extra_specs: {},
  });
  const listFlavors = (shown: (call: Call, row: Flavor) => unknown) => (call: Call) => {
    const wanted = (call.query.get('is_public') ?? 'true').toLowerCase();
    const rows = flavors.where((row) => wanted === 'none' || String(row.is_public) === wanted);
    const missing = (marker: string): Refusal => new Refusal(400, `marker [${marker}] not found`);
    const { rows: onPage, links } = page(call, rows, (row) => row.id, {
      max: state.options.pageLimit,
      href: call.base + call.path,
      sorted: true,
      missing,
    });
    return {
      status: 200,
      json: {
        flavors: onPage.map((row) => shown(call, row)),
        ...(links && { flavors_links: links }),
      },
    };
  };
  routes
    .on('GET', '/v2.1/flavors', listFlavors(showFlavor))
    .on('GET', '/v2.1/flavors/detail', listFlavors(detail))
    .on('POST', '/v2.1/flavors', (call) => {
      const input = body(
        call,
        z.object({
          flavor: z.object({
            name: z.string(),
            ram: z.number(),
            vcpus: z.number(),
            'os-flavor-access:is_public': z.boolean().default(true),
          }),
        }),
      ).flavor;
      const row = flavors.add({
        id: uuid(),
        name: input.name,
        ram: input.ram,
        vcpus: input.vcpus,
        is_public: input['os-flavor-access:is_public'],
        access: new Set(),
      });
      return { status: 200, json: { flavor: detail(call, row) } };
    })
    .on('DELETE', '/v2.1/flavors/:id', (call) => {
      flavors.delete(flavor(call).id);
      return { status: 202 };
    })
    .on('GET', '/v2.1/flavors/:id/os-flavor-access', (call) => {
      const row = flavor(call);
      if (row.is_public) throw new Refusal(404, 'Access list not available for public flavors.');
      return { status: 200, json: { flavor_access: access(row) } };
    })
    // Nova asks Keystone about the project when access is added, and not when it is removed.
    .on('POST', '/v2.1/flavors/:id/action', (call) => {
      const row = flavor(call);
      const [what, input] = action(call);
      const { tenant } = z.object({ tenant: z.string() }).parse(input);
      if (what === 'addTenantAccess') {
        knownProject(state, call, tenant);
        row.access.add(tenant);
      } else if (!row.access.delete(tenant))
        throw new Refusal(404, `Flavor access not found for ${row.id} / ${tenant} combination.`);
      return { status: 200, json: { flavor_access: access(row) } };
    })
    .on('GET', '/v2.1/os-services', (call) => listComputeServices(state, call, version(call)))
    .on('GET', '/v2.1/os-aggregates', () => ({ status: 200, json: { aggregates: [] } }));
  serverRoutes(state, routes, version);
  state.store.source('nova.flavor-access', (project) =>
    flavors.all().flatMap((row) =>
      [...row.access]
        .filter((id) => project === undefined || id === project)
        .map((owner) => ({
          resourceType: 'nova.flavor-access',
          id: `${row.id}/${owner}`,
          owner,
          label: row.name,
        })),
    ),
  );

  return {
    name: 'nova',
    handle(call) {
      if (call.path === '/') return { status: 200, json: { versions: [v21(call.base)] } };
      call.token = tokenOf(state, call.headers['x-auth-token']);
      if (call.path === '/v2.1' || call.path === '/v2.1/')
        return { status: 200, json: { version: v21(call.base) } };
      if (!call.token) throw new Refusal(401, '');
      ownProject(call.token);
      if (!atLeast(range.highest, version(call)) || !atLeast(version(call), range.lowest))
        throw new Refusal(
          406,
          `Version ${version(call)} is not supported by the API. Minimum is ${range.lowest} and maximum is ${range.highest}.`,
        );
      return routes.find(call, call.path)?.(call) ?? htmlNotFound;
    },
    refuse: (refusal, call) => fault(refusal, call, 'application/json; charset=UTF-8'),
    headers(call, reply) {
      if (call.path === '/') return {};
      const ids = {
        'x-openstack-request-id': call.requestId,
        'x-compute-request-id': call.requestId,
      };
      // The answer has no version if the request is refused before Nova's own code runs.
      if (reply.status === 401 || reply === htmlNotFound) return ids;
      return {
        ...ids,
        ...(reply.json === undefined && { 'Content-Type': 'application/json' }),
        'OpenStack-API-Version': `compute ${version(call)}`,
        'X-OpenStack-Nova-API-Version': version(call),
        Vary: 'OpenStack-API-Version, X-OpenStack-Nova-API-Version',
      };
    },
  };
}

/** Since 2.13 a server group shows its owner. */
function showGroup(
  version: string,
  row: {
    id: string;
    name: string;
    policy: string;
    members: string[];
    project_id: string;
    user_id: string;
  },
) {
  const { id, name, policy, members, project_id, user_id } = row;
  const rule = atLeast(version, '2.64')
    ? { policy, rules: {} }
    : { policies: [policy], metadata: {} };
  return {
    id,
    name,
    ...rule,
    members: [...members],
    ...(atLeast(version, '2.13') && { project_id, user_id }),
  };
}
