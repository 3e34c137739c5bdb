import * as z from 'zod';
import type { ComparePart, ProvisionContext, ProvisionItem } from '../../task/service.ts';
import { OwnedRow, ownerOf, rowsOf, urlEncode } from './collection.ts';
import { findNetwork } from './find-network.ts';
import type { NeutronSection, ProfileNetwork } from './provision-schema.ts';
import { INTERFACE_DEVICE_OWNERS } from './routing.ts';

const Subnet = OwnedRow.extend({ network_id: z.string(), cidr: z.string() });
type Subnet = z.infer<typeof Subnet>;
const Router = OwnedRow.extend({
  external_gateway_info: z.object({ network_id: z.string() }).nullish(),
});
type Router = z.infer<typeof Router>;
const Port = z.object({
  id: z.string(),
  device_id: z.string().nullish(),
  fixed_ips: z.array(z.object({ subnet_id: z.string() })).nullish(),
});

const NETWORK_COLLECTION = { path: '/v2.0/networks', collection: 'networks', row: OwnedRow };
const SUBNET_COLLECTION = { path: '/v2.0/subnets', collection: 'subnets', row: Subnet };
const ROUTER_COLLECTION = { path: '/v2.0/routers', collection: 'routers', row: Router };
const PORT_COLLECTION = { path: '/v2.0/ports', collection: 'ports', row: Port };

/**
 * Compares a network, its subnet, a router, and the interface between the router and the subnet.
 * Names in Neutron are not unique, so only networks and routers of the project are compared. An
 * item is created only after a listing shows the items that it needs: a subnet needs its network.
 */
export const compareNetwork: ComparePart<NeutronSection> = async (
  { network: profileNetwork },
  context,
) => {
  if (!profileNetwork) return [];
  const routerName = profileNetwork.router?.name ?? profileNetwork.name;
  const [{ networks, subnets }, router] = await Promise.all([
    listProjectNetworks(profileNetwork.name, context),
    profileNetwork.router && findRouter(routerName, context),
  ]);
  const subnet = subnets.find(({ cidr }) => cidr === profileNetwork.cidr);
  const networkOfSubnet = networks.find(({ id }) => id === subnet?.network_id);
  const presentNetwork = networkOfSubnet ?? networks[0];
  const items = [
    networkItem(profileNetwork, presentNetwork, networks.length, context),
    subnetItem(profileNetwork, presentNetwork, subnet, subnets, context),
  ];
  if (!profileNetwork.router) return items;
  return [
    ...items,
    await routerItem(routerName, profileNetwork.router.external, router, context),
    await interfaceItem(routerName, router, subnet, context),
  ];
};

/** Returns the project's networks with this name, and the project's subnets in these networks. */
async function listProjectNetworks(name: string, { api, project }: ProvisionContext) {
  const projectFilter = [['project_id', project]] as const;
  const [networkRows, subnetRows] = await Promise.all([
    rowsOf(api, NETWORK_COLLECTION, [...projectFilter, ['name', name]]),
    rowsOf(api, SUBNET_COLLECTION, projectFilter),
  ]);
  const networks = networkRows.filter((row) => ownerOf(row) === project && row.name === name);
  const subnets = subnetRows.filter(
    (row) => ownerOf(row) === project && networks.some(({ id }) => id === row.network_id),
  );
  return { networks, subnets };
}

async function findRouter(
  name: string,
  { api, project }: ProvisionContext,
): Promise<Router | undefined> {
  const routers = await rowsOf(api, ROUTER_COLLECTION, [['project_id', project]]);
  return routers.find((row) => ownerOf(row) === project && row.name === name);
}

/** Compares the network. `sameNameCount`: how many networks of the project have this name. */
function networkItem(
  { name }: ProfileNetwork,
  presentNetwork: OwnedRow | undefined,
  sameNameCount: number,
  { api, project }: ProvisionContext,
): ProvisionItem {
  const item = { type: 'network', name, wanted: name };
  if (presentNetwork) {
    const found = sameNameCount > 1 ? `${sameNameCount} of this name` : name;
    return { ...item, state: 'as-wanted', found };
  }
  const json = { network: { name, project_id: project } };
  return {
    ...item,
    state: 'missing',
    canDuplicate: true,
    make: async () => void (await api.request('POST', NETWORK_COLLECTION.path, { json })),
  };
}

/**
 * Compares the subnet. `presentSubnet`: the subnet with the wanted address range. If the network
 * has only other subnets, the state of the item is `differs`. The wanted subnet can still be
 * created: Neutron refuses only a subnet that overlaps with another subnet of the network.
 */
function subnetItem(
  { name, cidr, dns }: ProfileNetwork,
  presentNetwork: OwnedRow | undefined,
  presentSubnet: Subnet | undefined,
  subnets: readonly Subnet[],
  { api, project }: ProvisionContext,
): ProvisionItem {
  const item = { type: 'subnet', name: cidr, wanted: cidr };
  if (presentSubnet) return { ...item, state: 'as-wanted', found: cidr };
  if (!presentNetwork)
    return { ...item, state: 'waiting', message: `it is created after the network ${name}` };
  const json = {
    subnet: {
      name,
      network_id: presentNetwork.id,
      project_id: project,
      cidr,
      ip_version: cidr.includes(':') ? 6 : 4,
      ...(dns ? { dns_nameservers: dns } : {}),
    },
  };
  const make = async () => void (await api.request('POST', SUBNET_COLLECTION.path, { json }));
  const otherSubnets = subnets.filter((row) => row.network_id === presentNetwork.id);
  return otherSubnets.length === 0
    ? { ...item, state: 'missing', make }
    : { ...item, state: 'differs', found: otherSubnets.map((row) => row.cidr).join(', '), make };
}

/** Compares the router. `externalNetwork`: the name or id of the network of its gateway. */
async function routerItem(
  name: string,
  externalNetwork: string,
  router: Router | undefined,
  context: ProvisionContext,
): Promise<ProvisionItem> {
  const { api, project } = context;
  const item = { type: 'router', name, wanted: `gateway ${externalNetwork}` };
  const gateway = await findNetwork(externalNetwork, { onlyExternal: true }, context);
  if (gateway.kind === 'no-single-match')
    return {
      ...item,
      state: 'blocked',
      message: `${gateway.message} for the gateway of router ${name}`,
      advice: gateway.advice,
    };
  const wantedGateway = { external_gateway_info: { network_id: gateway.network.id } };
  if (!router)
    return {
      ...item,
      state: 'missing',
      canDuplicate: true,
      make: async () => {
        const json = { router: { name, project_id: project, ...wantedGateway } };
        await api.request('POST', ROUTER_COLLECTION.path, { json });
      },
    };
  const presentGatewayId = router.external_gateway_info?.network_id;
  if (presentGatewayId === gateway.network.id)
    return { ...item, state: 'as-wanted', found: item.wanted };
  return {
    ...item,
    state: 'differs',
    found: presentGatewayId === undefined ? 'no gateway' : `gateway ${presentGatewayId}`,
    make: async () => {
      const path = `${ROUTER_COLLECTION.path}/${urlEncode(router.id)}`;
      await api.request('PUT', path, { json: { router: wantedGateway } });
    },
  };
}

/**
 * Compares the interface of the router on the subnet. A repeated creation is safe, because Neutron
 * refuses a second interface between the same router and subnet.
 */
async function interfaceItem(
  routerName: string,
  router: Router | undefined,
  subnet: Subnet | undefined,
  { api }: ProvisionContext,
): Promise<ProvisionItem> {
  const item = { type: 'router-interface', name: routerName, wanted: 'connected' };
  if (!subnet || !router)
    return { ...item, state: 'waiting', message: 'it is created after the subnet and the router' };
  const ports = await rowsOf(api, PORT_COLLECTION, [
    ['network_id', subnet.network_id],
    ...INTERFACE_DEVICE_OWNERS.map((owner) => ['device_owner', owner] as const),
  ]);
  const portsOnSubnet = ports.filter(({ fixed_ips }) =>
    fixed_ips?.some(({ subnet_id }) => subnet_id === subnet.id),
  );
  if (portsOnSubnet.some(({ device_id }) => device_id === router.id))
    return { ...item, state: 'as-wanted', found: 'connected' };
  const make = async () => {
    const path = `${ROUTER_COLLECTION.path}/${urlEncode(router.id)}/add_router_interface`;
    await api.request('PUT', path, { json: { subnet_id: subnet.id } });
  };
  const [otherRouterPort] = portsOnSubnet;
  return otherRouterPort
    ? { ...item, state: 'differs', found: `router ${otherRouterPort.device_id}` }
    : { ...item, state: 'missing', make };
}
