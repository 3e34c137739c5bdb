import * as z from 'zod';
import { body, type Call, type Front, param, Refusal, type Reply, Routes } from './http.ts';
import { floatingIps, forwardingRoutes } from './neutron-floating-ips.ts';
import { networks, ports, subnets, trunks } from './neutron-networks.ts';
import { interfaceRoutes, routers } from './neutron-routers.ts';
import {
  addressGroups,
  defaultStatefulness,
  rbacPolicies,
  securityGroupRules,
  securityGroups,
} from './neutron-security.ts';
import {
  blank,
  conflict,
  extensionsIn,
  type Resource,
  resourceRoutes,
  withoutTimes,
} from './neutron-shape.ts';
import type { CloudState } from './state.ts';
import { isAdmin, ownProject, tokenOf } from './tokens.ts';

/** Neutron v2.0 as of version 21 (Zed). */
export function neutron(state: CloudState): Front {
  const routes = new Routes();
  interfaceRoutes(state, routes);
  forwardingRoutes(state, routes);
  quotaRoutes(state, routes);
  const resources = [
    networks,
    subnets,
    ports,
    routers,
    floatingIps,
    trunks,
    securityGroups,
    securityGroupRules,
    rbacPolicies,
    qosPolicies,
    addressGroups,
    defaultStatefulness,
    addressScopes,
    subnetpools,
  ];
  for (const resource of resources) resourceRoutes(state, routes, resource(state));
  const shown = extensionsIn(state);
  routes.on('GET', '/v2.0/extensions', () => ({
    status: 200,
    json: {
      extensions: shown.map((alias) => ({
        name: alias,
        alias,
        description: '',
        updated: '2020-07-15T10:00:00-00:00',
        links: [],
      })),
    },
  }));
  const version = (call: Call): Reply => ({
    status: 200,
    json: {
      versions: [
        { id: 'v2.0', status: 'CURRENT', links: [{ rel: 'self', href: `${call.base}/v2.0/` }] },
      ],
    },
  });

  return {
    name: 'neutron',
    handle(call) {
      if (call.path === '/') return version(call);
      call.token = tokenOf(state, call.headers['x-auth-token']);
      if (!call.token) throw new Refusal(401, '');
      ownProject(call.token);
      const path = call.path.replace(/\.json$/, '');
      const handler = routes.find(call, path);
      if (!handler)
        throw new Refusal(404, 'The resource could not be found.', { type: 'HTTPNotFound' });
      return handler(call);
    },
    refuse: ({ status, message, type, headers }, call) => ({
      status,
      headers: {
        ...headers,
        ...(status === 401 && { 'Www-Authenticate': `Keystone uri="${call.base}"` }),
      },
      json:
        status === 401
          ? {
              error: {
                code: 401,
                title: 'Unauthorized',
                message: 'The request you have made requires authentication.',
              },
            }
          : { NeutronError: { type: type ?? 'HTTPBadRequest', message, detail: '' } },
    }),
    headers: (call): Record<string, string> =>
      call.path === '/' ? {} : { 'X-Openstack-Request-Id': call.requestId },
  };
}

function qosPolicies(state: CloudState): Resource {
  const { qosPolicies: table, networks: nets, ports: all, floatingips } = state.network;
  return {
    path: 'qos/policies',
    badMarker: 'ignored',
    plural: 'policies',
    singular: 'policy',
    table,
    extension: 'qos',
    missing: ['QosPolicyNotFound', (id) => `QoS policy ${id} could not be found.`],
    filters: ['shared', 'is_default'],
    create: (input, project) =>
      blank(state, project, { name: '', shared: false, rules: [], is_default: false, ...input }),
    remove(row) {
      for (const [noun, rows] of [
        ['network', nets],
        ['port', all],
        ['floatingip', floatingips],
      ] as const) {
        const [user] = rows.where((each) => each.qos_policy_id === row.id);
        if (user)
          throw conflict('QosPolicyInUse', `QoS Policy ${row.id} is used by ${noun} ${user.id}.`);
      }
      table.delete(row.id);
    },
  };
}

function addressScopes(state: CloudState): Resource {
  const { addressScopes: table, subnetpools: pools } = state.network;
  return {
    path: 'address-scopes',
    badMarker: 'ignored',
    plural: 'address_scopes',
    singular: 'address_scope',
    table,
    extension: 'address-scope',
    missing: ['AddressScopeNotFound', (id) => `Address scope ${id} could not be found.`],
    filters: ['shared', 'ip_version'],
    create: (input, project) => {
      const { description: _, ...row } = withoutTimes(
        blank(state, project, { name: '', shared: false, ip_version: 4, ...input }),
      );
      return { ...row, id: row.id, project_id: project };
    },
    remove(row) {
      if (pools.some((pool) => pool.address_scope_id === row.id))
        throw conflict(
          'AddressScopeInUse',
          `Unable to complete operation on address scope ${row.id}. There are one or more subnet pools in use on the address scope.`,
        );
      table.delete(row.id);
    },
  };
}

/** Neutron answers 400, and not 409, for a pool with allocations. */
function subnetpools(state: CloudState): Resource {
  const { subnetpools: table, subnets: all } = state.network;
  return {
    path: 'subnetpools',
    plural: 'subnetpools',
    singular: 'subnetpool',
    table,
    extension: 'subnet_allocation',
    missing: ['SubnetPoolNotFound', (id) => `Subnet pool ${id} could not be found.`],
    filters: ['shared', 'is_default', 'address_scope_id', 'ip_version'],
    create: (input, project) =>
      blank(state, project, {
        name: '',
        min_prefixlen: '8',
        max_prefixlen: '32',
        is_default: false,
        shared: false,
        prefixes: [],
        ip_version: 4,
        default_quota: null,
        address_scope_id: null,
        ...input,
        default_prefixlen: String(input.default_prefixlen ?? 24),
      }),
    remove(row) {
      if (all.some((subnet) => subnet.subnetpool_id === row.id))
        throw new Refusal(
          400,
          'Unable to delete subnet pool: Subnet pool has existing allocations.',
          { type: 'SubnetPoolDeleteError' },
        );
      table.delete(row.id);
    },
  };
}

const defaultQuota: Record<string, number> = {
  network: 100,
  subnet: 100,
  subnetpool: -1,
  port: 500,
  router: 10,
  floatingip: 50,
  rbac_policy: 10,
  security_group: 10,
  security_group_rule: 100,
  trunk: -1,
};

function neutronAdmin(call: Call, rule: string): void {
  if (!isAdmin(call.token))
    throw new Refusal(403, `rule:${rule} is disallowed by policy`, { type: 'PolicyNotAuthorized' });
}

/** The `DELETE` of quotas that were never set is a 404. `details` counts and creates nothing. */
function quotaRoutes(state: CloudState, routes: Routes): void {
  const { network } = state;
  const { quotas } = network;
  const limits = (project: string): Record<string, number> => ({
    ...defaultQuota,
    ...quotas.get(project)?.values,
  });
  const tables = {
    network: network.networks,
    subnet: network.subnets,
    subnetpool: network.subnetpools,
    port: network.ports,
    router: network.routers,
    floatingip: network.floatingips,
    rbac_policy: network.rbacPolicies,
    security_group: network.securityGroups,
    security_group_rule: network.securityGroupRules,
    trunk: network.trunks,
  };
  routes
    .on('GET', '/v2.0/quotas', () => ({
      status: 200,
      json: {
        quotas: quotas.all().map(({ id }) => ({ ...limits(id), project_id: id, tenant_id: id })),
      },
    }))
    .on('GET', '/v2.0/quotas/:project', (call) => ({
      status: 200,
      json: { quota: limits(param(call, 'project')) },
    }))
    .on('GET', '/v2.0/quotas/:project/default', () => ({
      status: 200,
      json: { quota: defaultQuota },
    }))
    .on('GET', '/v2.0/quotas/:project/details', (call) => {
      const project = param(call, 'project');
      const all = limits(project);
      const used = Object.entries(tables).map(([name, table]) => [
        name,
        {
          limit: all[name],
          used: table.where((row) => row.project_id === project).length,
          reserved: 0,
        },
      ]);
      return { status: 200, json: { quota: Object.fromEntries(used) } };
    })
    .on('PUT', '/v2.0/quotas/:project', (call) => {
      neutronAdmin(call, 'update_quota');
      const project = param(call, 'project');
      const { quota } = body(call, z.object({ quota: z.record(z.string(), z.number()) }));
      quotas.add({ id: project, values: { ...quotas.get(project)?.values, ...quota } });
      return { status: 200, json: { quota: limits(project) } };
    })
    .on('DELETE', '/v2.0/quotas/:project', (call) => {
      neutronAdmin(call, 'delete_quota');
      if (!quotas.delete(param(call, 'project')))
        throw new Refusal(404, `Quota for tenant ${param(call, 'project')} could not be found.`, {
          type: 'TenantQuotaNotFound',
        });
      return { status: 204 };
    });
}
