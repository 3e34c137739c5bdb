import { Refusal } from './http.ts';
import { ensureDefaultGroup } from './neutron-security.ts';
import { addresses, blank, conflict, type Resource, text, texts } from './neutron-shape.ts';
import type { NetworkRow } from './rows.ts';
import type { CloudState } from './state.ts';

/** Device owners of ports that Neutron removes with a network. */
const auto = ['network:dhcp', 'network:distributed', 'network:floatingip_agent_gateway'];
/**
 * Device owners of ports that the ports API does not delete while their router or floating IP
 * exists.
 */
const service = [
  'network:router_interface',
  'network:router_interface_distributed',
  'network:ha_router_replicated_interface',
  'network:router_gateway',
  'network:router_ha_interface',
  'network:router_centralized_snat',
  'network:floatingip',
];

const holds = (port: NetworkRow): boolean => !auto.includes(text(port, 'device_owner'));

export function networks(state: CloudState): Resource {
  const { networks: table, subnets, ports, rbacPolicies } = state.network;
  return {
    path: 'networks',
    plural: 'networks',
    singular: 'network',
    table,
    missing: ['NetworkNotFound', (id) => `Network ${id} could not be found.`],
    filters: [
      'admin_state_up',
      'status',
      'shared',
      'router:external',
      'qos_policy_id',
      'is_default',
    ],
    show: (row) => ({
      subnets: subnets.where((subnet) => subnet.network_id === row.id).map((subnet) => subnet.id),
      shared: rbacPolicies.some(
        (policy) =>
          policy.object_id === row.id &&
          policy.action === 'access_as_shared' &&
          policy.target_tenant === '*',
      ),
    }),
    create: (input, project) => {
      ensureDefaultGroup(state, project);
      return addNetwork(state, project, input);
    },
    remove(row) {
      const own = ports.where((port) => port.network_id === row.id);
      const used = own.filter(holds).map((port) => port.id);
      if (used.length > 0)
        throw conflict(
          'NetworkInUse',
          `Unable to complete operation on network ${row.id}. There are one or more ports still in use on the network, id for these ports is: ${used.join(',')}.`,
        );
      for (const port of own) ports.delete(port.id);
      for (const subnet of subnets.where((each) => each.network_id === row.id))
        subnets.delete(subnet.id);
      for (const policy of rbacPolicies.where((each) => each.object_id === row.id))
        rbacPolicies.delete(policy.id);
      table.delete(row.id);
    },
  };
}

/** A network. An external network has an RBAC policy that shares it with all projects. */
export function addNetwork(
  state: CloudState,
  project: string,
  input: Record<string, unknown>,
): NetworkRow {
  const fields = {
    name: '',
    admin_state_up: true,
    mtu: 1450,
    status: 'ACTIVE',
    port_security_enabled: true,
    qos_policy_id: null,
    'router:external': false,
    availability_zone_hints: [],
    availability_zones: [],
    ipv4_address_scope: null,
    ipv6_address_scope: null,
    l2_adjacency: true,
    'provider:network_type': 'vxlan',
    'provider:physical_network': null,
    'provider:segmentation_id': 1,
  };
  const row = state.network.networks.add(blank(state, project, { ...fields, ...input }));
  const open = (action: string): void => {
    const policy = {
      object_type: 'network',
      object_id: row.id,
      action,
      target_tenant: '*',
      tenant_id: project,
      project_id: project,
    };
    state.network.rbacPolicies.add({ id: crypto.randomUUID(), ...policy });
  };
  if (row['router:external'] === true) open('access_as_external');
  if (input.shared === true) open('access_as_shared');
  return row;
}

export function subnets(state: CloudState): Resource {
  const { networks: all, subnets: table, ports } = state.network;
  return {
    path: 'subnets',
    plural: 'subnets',
    singular: 'subnet',
    table,
    missing: ['SubnetNotFound', (id) => `Subnet ${id} could not be found.`],
    filters: ['network_id', 'ip_version', 'cidr', 'subnetpool_id', 'gateway_ip', 'enable_dhcp'],
    create: (input, project) => {
      if (!all.get(String(input.network_id)))
        throw new Refusal(404, `Network ${input.network_id} could not be found.`, {
          type: 'NetworkNotFound',
        });
      return addSubnet(state, project, input);
    },
    remove(row) {
      if (
        ports.some(
          (port) => holds(port) && addresses(port).some((fixed) => fixed.subnet_id === row.id),
        )
      )
        throw conflict(
          'SubnetInUse',
          `Unable to complete operation on subnet ${row.id}: One or more ports have an IP allocation from this subnet.`,
        );
      table.delete(row.id);
    },
  };
}

export function addSubnet(
  state: CloudState,
  project: string,
  input: Record<string, unknown>,
): NetworkRow {
  const cidr = String(input.cidr ?? '10.0.0.0/24');
  const fields = {
    name: '',
    ip_version: 4,
    subnetpool_id: null,
    enable_dhcp: true,
    ipv6_ra_mode: null,
    ipv6_address_mode: null,
    gateway_ip: `${prefix(cidr)}.1`,
    allocation_pools: [{ start: `${prefix(cidr)}.2`, end: `${prefix(cidr)}.254` }],
    host_routes: [],
    dns_nameservers: [],
    service_types: [],
    segment_id: null,
  };
  return state.network.subnets.add(blank(state, project, { ...fields, ...input, cidr }));
}

/** The rehearsal's subnets are /24: the first three numbers identify the subnet of an address. */
export const prefix = (cidr: string): string => cidr.split('.').slice(0, 3).join('.');

let host = 10;
/** An address on each subnet of a network, or only on the requested subnet. */
export function allocate(
  state: CloudState,
  networkId: string,
  subnetId?: string,
): { subnet_id: string; ip_address: string }[] {
  host = (host + 1) % 240;
  const [subnet] = state.network.subnets.where(
    (row) => row.network_id === networkId && (subnetId === undefined || row.id === subnetId),
  );
  return subnet
    ? [{ subnet_id: subnet.id, ip_address: `${prefix(text(subnet, 'cidr'))}.${host + 10}` }]
    : [];
}

export function ports(state: CloudState): Resource {
  const {
    ports: table,
    networks: all,
    trunks,
    routers,
    floatingips,
    portForwardings,
  } = state.network;
  return {
    path: 'ports',
    plural: 'ports',
    singular: 'port',
    table,
    missing: ['PortNotFound', (id) => `Port ${id} could not be found.`],
    filters: [
      'network_id',
      'device_id',
      'device_owner',
      'mac_address',
      'status',
      'admin_state_up',
      'fixed_ips',
      'security_groups',
      'binding:host_id',
    ],
    show: (row) => {
      const [trunk] = trunks.where((each) => each.port_id === row.id);
      const subs =
        trunk &&
        subports(trunk).map((id) => ({
          segmentation_id: 7,
          segmentation_type: 'vlan',
          port_id: id,
          mac_address: text(table.get(id) ?? row, 'mac_address'),
        }));
      return trunk ? { trunk_details: { trunk_id: trunk.id, sub_ports: subs } } : {};
    },
    create: (input, project) => {
      if (!all.get(String(input.network_id)))
        throw new Refusal(404, `Network ${input.network_id} could not be found.`, {
          type: 'NetworkNotFound',
        });
      return addPort(state, project, {
        security_groups: [ensureDefaultGroup(state, project).id],
        ...input,
      });
    },
    remove(row) {
      const parent = trunks.where((trunk) => trunk.port_id === row.id)[0];
      if (parent)
        throw conflict(
          'PortInUseAsTrunkParent',
          `Port ${row.id} is currently a parent port for trunk ${parent.id}.`,
        );
      const carrier = trunks.where((trunk) => subports(trunk).includes(row.id))[0];
      if (carrier)
        throw conflict(
          'PortInUseAsSubPort',
          `Port ${row.id} is currently a subport for trunk ${carrier.id}.`,
        );
      const owner = text(row, 'device_owner');
      const device = text(row, 'device_id');
      if (service.includes(owner) && (routers.get(device) ?? floatingips.get(device)))
        throw conflict(
          'ServicePortInUse',
          `Port ${row.id} cannot be deleted directly via the port API: has device owner ${owner}.`,
        );
      // Neutron deletes the port forwardings to the port, and only releases its floating IPs.
      for (const forwarding of portForwardings.where((each) => each.internal_port_id === row.id))
        portForwardings.delete(forwarding.id);
      for (const ip of floatingips.where((each) => each.port_id === row.id))
        Object.assign(ip, {
          port_id: null,
          router_id: null,
          fixed_ip_address: null,
          port_details: null,
        });
      table.delete(row.id);
    },
  };
}

export const subports = (trunk: NetworkRow): string[] => {
  const list = Array.isArray(trunk.sub_ports) ? trunk.sub_ports : [];
  return list.flatMap((each: unknown) =>
    typeof each === 'object' &&
    each !== null &&
    'port_id' in each &&
    typeof each.port_id === 'string'
      ? [each.port_id]
      : [],
  );
};

export function addPort(
  state: CloudState,
  project: string,
  input: Record<string, unknown>,
): NetworkRow {
  const fields = {
    name: '',
    mac_address: 'fa:16:3e:00:00:01',
    admin_state_up: true,
    status: 'DOWN',
    device_id: '',
    device_owner: '',
    fixed_ips: allocate(state, String(input.network_id)),
    allowed_address_pairs: [],
    extra_dhcp_opts: [],
    security_groups: [],
    'binding:vnic_type': 'normal',
    'binding:profile': {},
    'binding:host_id': '',
    'binding:vif_type': 'unbound',
    'binding:vif_details': {},
    port_security_enabled: true,
    qos_policy_id: null,
    qos_network_policy_id: null,
    resource_request: null,
    ip_allocation: 'immediate',
  };
  return state.network.ports.add(blank(state, project, { ...fields, ...input }));
}

export function trunks(state: CloudState): Resource {
  const { trunks: table, ports: all } = state.network;
  return {
    path: 'trunks',
    badMarker: 'ignored',
    plural: 'trunks',
    singular: 'trunk',
    table,
    extension: 'trunk',
    missing: ['TrunkNotFound', (id) => `Trunk ${id} could not be found.`],
    filters: ['port_id', 'status', 'admin_state_up'],
    create: (input, project) => {
      if (!all.get(String(input.port_id)))
        throw new Refusal(404, `Port ${input.port_id} could not be found.`, {
          type: 'PortNotFound',
        });
      return addTrunk(state, project, input);
    },
    remove(row) {
      if (row.admin_state_up === false)
        throw conflict('TrunkDisabled', `Trunk ${row.id} is currently disabled.`);
      if (
        text(all.get(text(row, 'port_id')) ?? row, 'binding:host_id') !== '' &&
        row.inUse === true
      )
        throw conflict('TrunkInUse', `Trunk ${row.id} is currently in use.`);
      table.delete(row.id);
    },
  };
}

export function addTrunk(
  state: CloudState,
  project: string,
  input: Record<string, unknown>,
): NetworkRow {
  return state.network.trunks.add(
    blank(state, project, {
      name: '',
      admin_state_up: true,
      status: 'DOWN',
      sub_ports: [],
      ...input,
    }),
  );
}

/** True if a list field of a row names an id: a port its security group. */
export const names = (row: NetworkRow, field: string, id: string): boolean =>
  texts(row, field).includes(id);
