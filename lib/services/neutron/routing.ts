import * as z from 'zod';
import { type Blocker, defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { type BlockingCollection, findBlocker, foreignBlocker } from './blocking-resources.ts';
import {
  deleteResource,
  extensionsOf,
  INDEPENDENT_OF_NOVA,
  labelOf,
  OwnedRow,
  ownerOf,
  refusalBlocker,
  requireExtension,
  rowsOf,
  rowsWhere,
  urlEncode,
} from './collection.ts';

const Router = OwnedRow.extend({ routes: z.array(z.unknown()).nullish() });
type Router = z.infer<typeof Router>;
const InterfacePort = OwnedRow.extend({ device_id: z.string(), device_owner: z.string() });
type InterfacePort = z.infer<typeof InterfacePort>;

const ROUTERS_PATH = '/v2.0/routers';

/**
 * The values of `device_owner` for ports that connect a router to an internal network: of a plain
 * router, a distributed router (DVR) and a highly available router.
 */
export const INTERFACE_DEVICE_OWNERS: readonly string[] = [
  'network:router_interface',
  'network:router_interface_distributed',
  'network:ha_router_replicated_interface',
];

/**
 * Lists the routers of the project once for all resource types. Returns an empty list if this
 * Neutron lacks the extension for routers.
 */
export async function routersOf(context: ProjectContext): Promise<Router[]> {
  if (!(await extensionsOf(context)).has('router')) return [];
  return context.memoize('neutron.routers', () =>
    rowsOf(context.api, { path: ROUTERS_PATH, collection: 'routers', row: Router }, [
      ['project_id', context.project],
    ]),
  );
}

/**
 * Returns the collections of resources that use a router, in any project: floating IPs, NDP proxies
 * and VPN services. While one exists, Neutron refuses to remove the router and its interfaces.
 */
const collectionsUsingRouter = (routerId: string): BlockingCollection[] => [
  {
    path: '/v2.0/floatingips',
    collection: 'floatingips',
    filters: [['router_id', routerId]],
    noun: ['floating IP', 'floating IPs'],
  },
  {
    path: '/v2.0/ndp_proxies',
    collection: 'ndp_proxies',
    filters: [['router_id', routerId]],
    noun: ['NDP proxy', 'NDP proxies'],
    extension: 'l3-ndp-proxy',
  },
  {
    path: '/v2.0/vpn/vpnservices',
    collection: 'vpnservices',
    filters: [['router_id', routerId]],
    noun: ['VPN service', 'VPN services'],
    extension: 'vpnaas',
  },
];

const interfacesOf = (
  context: ProjectContext,
  routerIds: readonly string[],
): Promise<InterfacePort[]> => {
  const ownerFilters = INTERFACE_DEVICE_OWNERS.map((owner) => ['device_owner', owner] as const);
  return rowsWhere(
    context.api,
    { path: '/v2.0/ports', collection: 'ports', row: InterfacePort },
    'device_id',
    routerIds,
    ownerFilters,
  );
};

/** The static routes of a router. Neutron refuses to remove an interface that a route uses. */
const routerRoute = defineType({
  name: 'router-route',
  independentOf: INDEPENDENT_OF_NOVA,
  async list(context) {
    await requireExtension(context, 'extraroute');
    return (await routersOf(context)).filter((router) => (router.routes ?? []).length > 0);
  },
  id: (router) => router.id,
  owner: (row) => ownerOf(row),
  label: (row) => labelOf(row),
  async remove(router, { api }): Promise<Removal> {
    await api.request('PUT', `${ROUTERS_PATH}/${urlEncode(router.id)}`, {
      json: { router: { routes: [] } },
      accept: [404],
    });
    return { kind: 'gone' };
  },
});

/**
 * Interfaces of the project's routers. Neutron removes an interface with its port, so both the
 * router and the port must belong to the project (safety rule: check the owner of every row). If
 * the port belongs to another project, the cleanup removes neither the interface nor the router. A
 * port of the project on a router of another project has the type `neutron.port`.
 */
const routerInterface = defineType({
  name: 'router-interface',
  independentOf: INDEPENDENT_OF_NOVA,
  dependsOn: [
    {
      types: [
        'router-route',
        'floating-ip',
        'ndp-proxy',
        'vpnservice',
        'vpn-endpoint-group',
        'firewall-group',
      ],
      strength: 'preferred',
      until: 'done',
    },
  ],
  async list(context) {
    await requireExtension(context, 'router');
    const routerById = new Map((await routersOf(context)).map((router) => [router.id, router]));
    const ports = await interfacesOf(context, [...routerById.keys()]);
    return ports.flatMap((port) => {
      const router = routerById.get(port.device_id);
      return router && INTERFACE_DEVICE_OWNERS.includes(port.device_owner)
        ? [{ port, router }]
        : [];
    });
  },
  id: ({ port }) => port.id,
  owner: ({ router }) => ownerOf(router),
  label: ({ router }) => labelOf(router),
  blocked({ port, router }, { project }): Blocker | undefined {
    if (ownerOf(port) === project) return undefined;
    return {
      ...foreignBlocker([ownerOf(port)], ['interface port', 'interface ports']),
      advice:
        'The removal of the interface deletes a port of another project. Ask the owner of the ' +
        `port. Then run: openstack router remove port ${router.id} ${port.id}`,
    };
  },
  async remove({ port, router }, context): Promise<Removal> {
    const { api } = context;
    const answer = await api.request(
      'PUT',
      `${ROUTERS_PATH}/${urlEncode(router.id)}/remove_router_interface`,
      {
        json: { port_id: port.id },
        accept: [404, 409],
      },
    );
    if (answer.status === 409)
      return {
        kind: 'blocked',
        ...((await findBlocker(context, collectionsUsingRouter(router.id))) ??
          refusalBlocker(answer.json, port.id)),
      };
    if (answer.status !== 404) return { kind: 'gone' };
    // The router is deleted or does not list this interface, for example after a failed change to
    // HA or DVR.
    const portPath = `/v2.0/ports/${urlEncode(port.id)}`;
    const portAnswer = await api.request('GET', portPath, { accept: [404] });
    if (portAnswer.status === 404) return { kind: 'gone' };
    return {
      kind: 'blocked',
      message: 'the port is marked as a router interface, but its router does not list it',
      actor: 'operator',
      advice:
        'Clear device_owner and device_id of this port in the Neutron database. Then ' +
        'delete the port: openstack port delete PORT',
    };
  },
});

/** Routers with their gateway, their HA ports and their conntrack helpers. */
const router = defineType({
  name: 'router',
  independentOf: INDEPENDENT_OF_NOVA,
  dependsOn: [
    {
      types: ['router-interface', 'floating-ip', 'ndp-proxy', 'vpnservice', 'bgpvpn'],
      strength: 'preferred',
      until: 'done',
    },
  ],
  async list(context) {
    await requireExtension(context, 'router');
    return routersOf(context);
  },
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => labelOf(row),
  remove: (row, context) =>
    deleteResource(context.api, ROUTERS_PATH, row, async () =>
      // The blocker of the type `router-interface` already reports the reason.
      (await interfacesOf(context, [row.id])).length > 0
        ? { message: 'the interfaces of the router must be removed first', actor: 'none' }
        : findBlocker(context, collectionsUsingRouter(row.id)),
    ),
});

export const ROUTER_TYPES = [routerRoute, routerInterface, router];
