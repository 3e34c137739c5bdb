import * as z from 'zod';
import { body, type Call, param, Refusal, type Routes } from './http.ts';
import { addPort } from './neutron-networks.ts';
import { gatewayInfo, interfaceOwners } from './neutron-routers.ts';
import { addresses, blank, conflict, found, type Resource, text } from './neutron-shape.ts';
import { uuid } from './resource-store.ts';
import type { NetworkRow } from './rows.ts';
import type { CloudState } from './state.ts';
import { ownProject } from './tokens.ts';

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
