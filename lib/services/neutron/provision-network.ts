import * as z from 'zod';
import type { ComparePart, ProvisionContext, ProvisionItem } from '../../task/service.ts';
import { escaped, Owned, ownerOf, rowsOf } from './collection.ts';
import { findNetwork } from './find-network.ts';
import type { NeutronSection, ProfileNetwork } from './provision-schema.ts';
import { INTERFACE_OWNERS } from './routing.ts';

const Subnet = Owned.extend({ network_id: z.string(), cidr: z.string() });
type Subnet = z.infer<typeof Subnet>;
const Router = Owned.extend({
  external_gateway_info: z.object({ network_id: z.string() }).nullish(),
});
type Router = z.infer<typeof Router>;
const Port = z.object({
  id: z.string(),
  device_id: z.string().nullish(),
  fixed_ips: z.array(z.object({ subnet_id: z.string() })).nullish(),
});

const NETWORKS = { path: '/v2.0/networks', collection: 'networks', row: Owned };
const SUBNETS = { path: '/v2.0/subnets', collection: 'subnets', row: Subnet };
const ROUTERS = { path: '/v2.0/routers', collection: 'routers', row: Router };
const PORTS = { path: '/v2.0/ports', collection: 'ports', row: Port };

/**
 * Provisions a network, its subnet, a router and the interface between them. Names in Neutron are
 * not unique, so only networks and routers of the project are compared. Each item is created after
 * a listing contains the items that it needs.
 */
export const network: ComparePart<NeutronSection> = async ({ network: wanted }, context) => {
  if (!wanted) return [];
  const { api, project } = context;
  const own = [['project_id', project]] as const;
  const [networks, subnets, routers] = await Promise.all([
    rowsOf(api, NETWORKS, [...own, ['name', wanted.name]]),
    rowsOf(api, SUBNETS, own),
    wanted.router ? rowsOf(api, ROUTERS, own) : [],
  ]);
  const isOfProject = (row: Owned): boolean => ownerOf(row) === project;
  const networksOfName = networks.filter((row) => isOfProject(row) && row.name === wanted.name);
  const inNetworks = subnets.filter(
    (row) => isOfProject(row) && networksOfName.some(({ id }) => id === row.network_id),
  );
  const subnet = inNetworks.find(({ cidr }) => cidr === wanted.cidr);
  const found = networksOfName.find(({ id }) => id === subnet?.network_id) ?? networksOfName[0];
  const items = [
    networkItem(wanted, found, networksOfName.length, context),
    subnetItem(wanted, found, subnet, inNetworks, context),
  ];
  if (!wanted.router) return items;
  const routerName = wanted.router.name ?? wanted.name;
  const router = routers.find((row) => isOfProject(row) && row.name === routerName);
  return [
    ...items,
    await routerItem(routerName, wanted.router.external, router, context),
    await interfaceItem(routerName, router, subnet, context),
  ];
};

function networkItem(
  { name }: ProfileNetwork,
  found: Owned | undefined,
  count: number,
  { api, project }: ProvisionContext,
): ProvisionItem {
  const item = { type: 'network', name, wanted: name };
  if (found)
    return { ...item, state: 'as-wanted', found: count > 1 ? `${count} of this name` : name };
  const json = { network: { name, project_id: project } };
  return {
    ...item,
    state: 'missing',
    canDuplicate: true,
    make: async () => void (await api.request('POST', NETWORKS.path, { json })),
  };
}

/** Neutron refuses a subnet that overlaps with another subnet of the network. */
function subnetItem(
  { name, cidr, dns }: ProfileNetwork,
  found: Owned | undefined,
  subnet: Subnet | undefined,
  others: readonly Subnet[],
  { api, project }: ProvisionContext,
): ProvisionItem {
  const item = { type: 'subnet', name: cidr, wanted: cidr };
  if (subnet) return { ...item, state: 'as-wanted', found: cidr };
  if (!found)
    return { ...item, state: 'waiting', message: `it is created with the network ${name}` };
  const json = {
    subnet: {
      name,
      network_id: found.id,
      project_id: project,
      cidr,
      ip_version: cidr.includes(':') ? 6 : 4,
      ...(dns ? { dns_nameservers: dns } : {}),
    },
  };
  const make = async () => void (await api.request('POST', SUBNETS.path, { json }));
  const otherSubnets = others.filter((row) => row.network_id === found.id);
  return otherSubnets.length === 0
    ? { ...item, state: 'missing', make }
    : { ...item, state: 'differs', found: otherSubnets.map((row) => row.cidr).join(', '), make };
}

async function routerItem(
  name: string,
  external: string,
  router: Router | undefined,
  context: ProvisionContext,
): Promise<ProvisionItem> {
  const { api, project } = context;
  const item = { type: 'router', name, wanted: `gateway ${external}` };
  const gateway = await findNetwork(external, [['router:external', 'true']], context);
  if (gateway.kind === 'none')
    return {
      ...item,
      state: 'blocked',
      message: `${gateway.message} for the gateway of router ${name}`,
      advice: 'Create an external network, or correct the name in the profile.',
    };
  const json = { external_gateway_info: { network_id: gateway.network.id } };
  if (!router)
    return {
      ...item,
      state: 'missing',
      canDuplicate: true,
      make: async () => {
        const body = { router: { name, project_id: project, ...json } };
        await api.request('POST', ROUTERS.path, { json: body });
      },
    };
  const present = router.external_gateway_info?.network_id;
  if (present === gateway.network.id) return { ...item, state: 'as-wanted', found: item.wanted };
  return {
    ...item,
    state: 'differs',
    found: present === undefined ? 'no gateway' : `gateway ${present}`,
    make: async () => {
      const path = `${ROUTERS.path}/${escaped(router.id)}`;
      await api.request('PUT', path, { json: { router: json } });
    },
  };
}

/** Neutron refuses a second interface between the same router and subnet. */
async function interfaceItem(
  name: string,
  router: Router | undefined,
  subnet: Subnet | undefined,
  { api }: ProvisionContext,
): Promise<ProvisionItem> {
  const item = { type: 'router-interface', name, wanted: 'connected' };
  if (!subnet || !router)
    return { ...item, state: 'waiting', message: 'it is created with the subnet and the router' };
  const ports = await rowsOf(api, PORTS, [
    ['network_id', subnet.network_id],
    ...INTERFACE_OWNERS.map((owner) => ['device_owner', owner] as const),
  ]);
  const onSubnet = ports.filter(({ fixed_ips }) =>
    fixed_ips?.some(({ subnet_id }) => subnet_id === subnet.id),
  );
  if (onSubnet.some(({ device_id }) => device_id === router.id))
    return { ...item, state: 'as-wanted', found: 'connected' };
  const make = async () => {
    const path = `${ROUTERS.path}/${escaped(router.id)}/add_router_interface`;
    await api.request('PUT', path, { json: { subnet_id: subnet.id } });
  };
  const [other] = onSubnet;
  return other
    ? { ...item, state: 'differs', found: `router ${other.device_id}` }
    : { ...item, state: 'missing', make };
}
