import * as z from 'zod';
import { body, type Call, param, Refusal, type Reply, type Routes } from './http.ts';
import { addPort, allocate, prefix } from './neutron-networks.ts';
import { addresses, blank, conflict, found, type Resource, text } from './neutron-shape.ts';
import { uuid } from './resource-store.ts';
import type { NetworkRow } from './rows.ts';
import type { CloudState } from './state.ts';
import { ownProject } from './tokens.ts';

export const interfaceOwners = [
  'network:router_interface',
  'network:router_interface_distributed',
  'network:ha_router_replicated_interface',
];
const gatewayInfo = z.object({ network_id: z.string() });
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

export function floatingIps(state: CloudState): Resource {
  const { floatingips: table, ports, portForwardings } = state.network;
  return {
    path: 'floatingips',
    plural: 'floatingips',
    singular: 'floatingip',
    table,
    extension: 'router',
    missing: ['FloatingIPNotFound', (id) => `Floating IP ${id} could not be found`],
    filters: [
      'router_id',
      'port_id',
      'status',
      'floating_network_id',
      'floating_ip_address',
      'fixed_ip_address',
    ],
    show: (row) => {
      if (state.options.withoutExtensions.includes('expose-port-forwarding-in-fip')) return {};
      const shown = portForwardings.where((each) => each.floatingip_id === row.id);
      return {
        port_forwardings: shown.map(
          ({
            id,
            protocol,
            internal_ip_address,
            internal_port_id,
            internal_port,
            external_port,
          }) => ({
            id,
            protocol,
            internal_ip_address,
            internal_port_id,
            internal_port,
            external_port,
          }),
        ),
      };
    },
    create: (input, project) => addFloatingIp(state, project, input),
    update(row, input) {
      Object.assign(row, input);
      if ('port_id' in input) associate(state, row);
    },
    remove(row) {
      if (portForwardings.some((each) => each.floatingip_id === row.id))
        throw conflict(
          'FipInUseByPortForwarding',
          `Floating IP ${row.id} in use by Port Forwarding resources.`,
        );
      for (const port of ports.where((each) => each.device_id === row.id)) ports.delete(port.id);
      table.delete(row.id);
    },
  };
}

export function addFloatingIp(
  state: CloudState,
  project: string,
  input: Record<string, unknown>,
): NetworkRow {
  const fields = {
    router_id: null,
    port_id: null,
    fixed_ip_address: null,
    status: 'DOWN',
    qos_policy_id: null,
    port_details: null,
  };
  const row = state.network.floatingips.add(blank(state, project, { ...fields, ...input }));
  const port = addPort(state, '', {
    network_id: input.floating_network_id,
    device_id: row.id,
    device_owner: 'network:floatingip',
    status: 'N/A',
    security_groups: [],
    port_security_enabled: false,
  });
  row.floating_ip_address = addresses(port)[0]?.ip_address ?? '203.0.113.9';
  associate(state, row);
  return row;
}

/** The router through which a port is reached from the network of the floating IP. */
function routerFor(
  state: CloudState,
  portId: unknown,
  externalNetwork: unknown,
): NetworkRow | undefined {
  const { ports, routers: all } = state.network;
  const subnets = addresses(ports.get(String(portId)) ?? blank(state, '', {})).map(
    (fixed) => fixed.subnet_id,
  );
  const interfacePorts = ports.where(
    (port) =>
      interfaceOwners.includes(text(port, 'device_owner')) &&
      addresses(port).some((fixed) => subnets.includes(fixed.subnet_id)),
  );
  return interfacePorts
    .flatMap((port) => all.get(text(port, 'device_id')) ?? [])
    .find(
      (row) =>
        gatewayInfo.safeParse(row.external_gateway_info).data?.network_id === externalNetwork,
    );
}

function associate(state: CloudState, row: NetworkRow): void {
  const port = state.network.ports.get(String(row.port_id));
  const router = port && routerFor(state, port.id, row.floating_network_id);
  Object.assign(row, {
    router_id: router?.id ?? null,
    fixed_ip_address: port ? (addresses(port)[0]?.ip_address ?? null) : null,
  });
}

const newForwarding = z.object({
  port_forwarding: z.object({
    internal_port_id: z.string(),
    internal_ip_address: z.string(),
    internal_port: z.number(),
    external_port: z.number(),
    protocol: z.string(),
  }),
});

/** Port forwardings are below their floating IP; their rows show no owner. */
export function forwardingRoutes(state: CloudState, routes: Routes): void {
  const { portForwardings } = state.network;
  if (state.options.withoutExtensions.includes('floating-ip-port-forwarding')) return;
  const path = '/v2.0/floatingips/:ip/port_forwardings';
  const ip = (call: Call): NetworkRow => found(floatingIps(state), param(call, 'ip'));
  const show = ({ floatingip_id: _, project_id: __, ...row }: NetworkRow) => row;
  routes
    .on('GET', path, (call) => {
      const { id } = ip(call);
      return {
        status: 200,
        json: {
          port_forwardings: portForwardings.where((row) => row.floatingip_id === id).map(show),
        },
      };
    })
    .on('POST', path, (call) => {
      ownProject(call.token);
      return {
        status: 201,
        json: {
          port_forwarding: show(
            addForwarding(state, ip(call), body(call, newForwarding).port_forwarding),
          ),
        },
      };
    })
    .on('DELETE', `${path}/:id`, (call) => {
      const row = ip(call);
      if (portForwardings.get(param(call, 'id'))?.floatingip_id !== row.id)
        throw new Refusal(404, `Port Forwarding ${param(call, 'id')} could not be found.`, {
          type: 'PortForwardingNotFound',
        });
      if (call.endless) return { status: 204 };
      portForwardings.delete(param(call, 'id'));
      if (!portForwardings.some((each) => each.floatingip_id === row.id)) row.router_id = null;
      return { status: 204 };
    });
}

export function addForwarding(
  state: CloudState,
  ip: NetworkRow,
  input: z.infer<typeof newForwarding>['port_forwarding'],
): NetworkRow {
  const { internal_port, external_port } = input;
  ip.router_id = routerFor(state, input.internal_port_id, ip.floating_network_id)?.id ?? null;
  return state.network.portForwardings.add({
    id: uuid(),
    ...input,
    external_port_range: `${external_port}:${external_port}`,
    internal_port_range: `${internal_port}:${internal_port}`,
    description: '',
    floatingip_id: ip.id,
    project_id: ip.project_id,
  });
}
