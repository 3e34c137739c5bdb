import * as z from 'zod';
import { body, type Call, param, Refusal, type Reply, type Routes } from './http.ts';
import { addPort, allocate, prefix } from './neutron-networks.ts';
import { addresses, blank, conflict, found, type Resource, text } from './neutron-shape.ts';
import type { NetworkRow } from './rows.ts';
import type { CloudState } from './state.ts';

export const interfaceOwners = [
  'network:router_interface',
  'network:router_interface_distributed',
  'network:ha_router_replicated_interface',
];
export const gatewayInfo = z.object({ network_id: z.string() });
const routesOf = z.array(z.object({ destination: z.string(), nexthop: z.string() }));

const interfaces = (state: CloudState, routerId: string): NetworkRow[] =>
  state.network.ports.where(
    (port) => port.device_id === routerId && interfaceOwners.includes(text(port, 'device_owner')),
  );

export function routers(state: CloudState): Resource {
  const { routers: table, ports, floatingips } = state.network;
  return {
    path: 'routers',
    plural: 'routers',
    singular: 'router',
    table,
    extension: 'router',
    missing: ['RouterNotFound', (id) => `Router ${id} could not be found`],
    filters: ['admin_state_up', 'status', 'distributed', 'ha', 'external_gateway_info'],
    create: (input, project) => addRouter(state, project, input),
    update(row, input) {
      if (input.routes !== undefined) row.routes = routesOf.parse(input.routes);
      if (input.external_gateway_info !== undefined)
        setGateway(state, row, gatewayInfo.safeParse(input.external_gateway_info).data?.network_id);
      const { routes: _, external_gateway_info: __, ...rest } = input;
      Object.assign(row, rest);
    },
    remove(row) {
      const attached = interfaces(state, row.id).map((port) => port.id);
      if (attached.length > 0)
        throw conflict(
          'RouterInUse',
          `Router ${row.id} has ports still attached: ${attached.join(', ')}`,
        );
      if (floatingips.some((ip) => ip.router_id === row.id))
        throw conflict('RouterInUse', `Router ${row.id} has floating IPs`);
      for (const port of ports.where((each) => each.device_id === row.id)) ports.delete(port.id);
      table.delete(row.id);
    },
  };
}

export function addRouter(
  state: CloudState,
  project: string,
  input: Record<string, unknown>,
): NetworkRow {
  const { external_gateway_info, ...rest } = input;
  const fields = {
    name: '',
    admin_state_up: true,
    status: 'ACTIVE',
    external_gateway_info: null,
    availability_zones: [],
    distributed: false,
    ha: false,
    availability_zone_hints: [],
    routes: [],
    flavor_id: null,
  };
  const row = state.network.routers.add(blank(state, project, { ...fields, ...rest }));
  if (external_gateway_info)
    setGateway(state, row, gatewayInfo.parse(external_gateway_info).network_id);
  return row;
}

/** The port of the gateway has no owner: its project is ''. */
export function setGateway(
  state: CloudState,
  router: NetworkRow,
  networkId: string | undefined,
): void {
  const { ports, floatingips, networks } = state.network;
  const old = gatewayInfo.safeParse(router.external_gateway_info).data?.network_id;
  if (
    old !== undefined &&
    old !== networkId &&
    floatingips.some((ip) => ip.router_id === router.id)
  )
    throw conflict(
      'RouterExternalGatewayInUseByFloatingIp',
      `Gateway cannot be updated for router ${router.id}, since a gateway to external network ${old} is required by one or more floating IPs.`,
    );
  if (networkId !== undefined && !networks.get(networkId))
    throw new Refusal(404, `Network ${networkId} could not be found.`, { type: 'NetworkNotFound' });
  for (const port of ports.where(
    (each) => each.device_id === router.id && each.device_owner === 'network:router_gateway',
  ))
    ports.delete(port.id);
  router.external_gateway_info = null;
  if (networkId === undefined) return;
  const fixed_ips = allocate(state, networkId);
  addPort(state, '', {
    network_id: networkId,
    device_id: router.id,
    device_owner: 'network:router_gateway',
    fixed_ips,
    security_groups: [],
    port_security_enabled: false,
  });
  router.external_gateway_info = {
    network_id: networkId,
    external_fixed_ips: fixed_ips,
    enable_snat: true,
  };
}

const which = z.object({ port_id: z.string().optional(), subnet_id: z.string().optional() });

/** `add_router_interface`, `remove_router_interface`. */
export function interfaceRoutes(state: CloudState, routes: Routes): void {
  const { ports, subnets, portForwardings, floatingips } = state.network;
  const answer = (router: NetworkRow, port: NetworkRow): Reply => {
    const subnet_ids = addresses(port).map((fixed) => fixed.subnet_id);
    return {
      status: 200,
      json: {
        id: router.id,
        tenant_id: router.project_id,
        port_id: port.id,
        network_id: port.network_id,
        subnet_id: subnet_ids[0],
        subnet_ids,
      },
    };
  };
  const router = (call: Call): NetworkRow => found(routers(state), param(call, 'id'));
  routes
    .on('PUT', '/v2.0/routers/:id/add_router_interface', (call) => {
      const row = router(call);
      const { port_id, subnet_id } = body(call, which);
      const existing = port_id === undefined ? undefined : ports.get(port_id);
      if (existing)
        return answer(
          row,
          Object.assign(existing, { device_id: row.id, device_owner: 'network:router_interface' }),
        );
      const subnet = subnets.get(subnet_id ?? '');
      if (!subnet)
        throw new Refusal(404, `Subnet ${subnet_id} could not be found.`, {
          type: 'SubnetNotFound',
        });
      return answer(row, addInterface(state, row, subnet));
    })
    .on('PUT', '/v2.0/routers/:id/remove_router_interface', (call) => {
      const row = router(call);
      const { port_id, subnet_id } = body(call, which);
      const port = interfaces(state, row.id).find(
        (each) =>
          each.id === port_id ||
          (port_id === undefined && addresses(each).some((fixed) => fixed.subnet_id === subnet_id)),
      );
      if (!port)
        throw new Refusal(
          404,
          `Router ${row.id} does not have an interface with id ${port_id ?? subnet_id}`,
          {
            type: 'RouterInterfaceNotFound',
          },
        );
      for (const { subnet_id: id } of addresses(port)) {
        const cidr = text(subnets.get(id) ?? row, 'cidr');
        const words = `Router interface for subnet ${id} on router ${row.id} cannot be deleted, as it is required by one or more`;
        if (
          routesOf.parse(row.routes ?? []).some((route) => prefix(route.nexthop) === prefix(cidr))
        )
          throw conflict('RouterInterfaceInUseByRoute', `${words} routes.`);
        const inside = (portId: unknown): boolean =>
          addresses(ports.get(String(portId)) ?? row).some((fixed) => fixed.subnet_id === id);
        const held = floatingips.where((ip) => ip.router_id === row.id);
        if (
          held.some(
            (ip) =>
              inside(ip.port_id) ||
              portForwardings.some(
                (each) => each.floatingip_id === ip.id && inside(each.internal_port_id),
              ),
          )
        )
          throw conflict('RouterInterfaceInUseByFloatingIP', `${words} floating IPs.`);
      }
      const shown = answer(row, port);
      if (!call.endless) ports.delete(port.id);
      return shown;
    });
}

/**
 * The port of a router on a subnet belongs to the project of the router, and not to that of the
 * network.
 */
export function addInterface(
  state: CloudState,
  router: NetworkRow,
  subnet: NetworkRow,
): NetworkRow {
  const fixed_ips = [{ subnet_id: subnet.id, ip_address: text(subnet, 'gateway_ip') }];
  return addPort(state, router.project_id, {
    network_id: subnet.network_id,
    device_id: router.id,
    device_owner: 'network:router_interface',
    fixed_ips,
    security_groups: [],
    port_security_enabled: false,
  });
}
