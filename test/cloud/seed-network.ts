import { addFloatingIp, addForwarding } from './neutron-floating-ips.ts';
import { addNetwork, addPort, addSubnet, addTrunk } from './neutron-networks.ts';
import { addInterface, addRouter } from './neutron-routers.ts';
import { addGroup, addRule, ensureDefaultGroup } from './neutron-security.ts';
import { addresses, blank, withoutTimes } from './neutron-shape.ts';
import type { NetworkRow, Project } from './rows.ts';
import type { Size } from './seed.ts';
import type { CloudState } from './state.ts';

/** Resources that the resources of other services depend on. */
export interface Networks {
  readonly networks: readonly NetworkRow[];
  readonly securityGroup: NetworkRow;
}

/** The cloud's external network; it belongs to the admin's project. */
export function publicNetwork(state: CloudState): NetworkRow {
  const [existing] = state.network.networks.where((row) => row.name === 'public');
  if (existing) return existing;
  const [admin] = state.identity.projects.where((row) => row.name === 'admin');
  const network = addNetwork(state, admin?.id ?? '', { name: 'public', 'router:external': true });
  addSubnet(state, network.project_id, {
    name: 'public',
    network_id: network.id,
    cidr: '203.0.113.0/24',
  });
  return network;
}

/**
 * Networks with subnets, ports and a router each. Among the rest are a router with a gateway and
 * extra routes, floating IPs (one with port forwardings), a trunk with a subport, and security
 * groups that name each other. A neighbor uses one of the networks, and a port of the project is on
 * the neighbor's network. Also QoS, an address group and scope, a subnet pool, and quotas.
 */
export function fillNetwork(
  state: CloudState,
  project: Project,
  size: Size,
  neighbor: string,
): Networks {
  const { network } = state;
  const id = project.id;
  const outside = publicNetwork(state);
  const group = ensureDefaultGroup(state, id);
  const groups = Array.from({ length: Math.max(2, size.securityGroups) }, (_, n) =>
    addGroup(state, id, { name: `web-${n}` }),
  );
  for (const [n, each] of groups.entries())
    addRule(state, each, {
      direction: 'ingress',
      ethertype: 'IPv4',
      remote_group_id: groups[(n + 1) % groups.length]?.id,
    });
  const qos = network.qosPolicies.add(
    blank(state, id, { name: 'slow', shared: false, rules: [], is_default: false }),
  );
  const networks = Array.from({ length: Math.max(1, size.networks) }, (_, n) => {
    const net = addNetwork(state, id, { name: `net-${n}`, qos_policy_id: n === 0 ? qos.id : null });
    const subnet = addSubnet(state, id, {
      name: `subnet-${n}`,
      network_id: net.id,
      cidr: `10.${n}.0.0/24`,
    });
    addPort(state, id, {
      network_id: net.id,
      device_owner: 'network:dhcp',
      device_id: `dhcp-${n}`,
      security_groups: [],
      port_security_enabled: false,
    });
    for (let p = 0; p < size.portsPerNetwork; p++)
      addPort(state, id, {
        name: `port-${n}-${p}`,
        network_id: net.id,
        security_groups: [group.id, groups[p % groups.length]?.id],
      });
    const router = addRouter(state, id, {
      name: `router-${n}`,
      ...(n === 0 && { external_gateway_info: { network_id: outside.id } }),
    });
    addInterface(state, router, subnet);
    if (n === 0) router.routes = [{ destination: '10.99.0.0/24', nexthop: '10.0.0.77' }];
    return net;
  });
  const first = networks[0] ?? outside;
  const port = (name: string): NetworkRow =>
    addPort(state, id, { name, network_id: first.id, security_groups: [group.id] });

  const served = port('served');
  addFloatingIp(state, id, { floating_network_id: outside.id, port_id: served.id });
  const forwarding = addFloatingIp(state, id, { floating_network_id: outside.id });
  const inner = port('forwarded');
  addForwarding(state, forwarding, {
    internal_port_id: inner.id,
    internal_ip_address: addresses(inner)[0]?.ip_address ?? '10.0.0.9',
    internal_port: 80,
    external_port: 8080,
    protocol: 'tcp',
  });
  addFloatingIp(state, id, { floating_network_id: outside.id });

  addTrunk(state, id, {
    name: 'trunk',
    port_id: port('parent').id,
    sub_ports: [{ port_id: port('sub').id, segmentation_type: 'vlan', segmentation_id: 7 }],
  });
  addTrunk(state, id, {
    name: 'disabled-trunk',
    port_id: port('parent-of-disabled').id,
    admin_state_up: false,
  });
  share(state, id, networks.at(-1) ?? first, neighbor);

  const addressGroup = network.addressGroups.add(
    withoutTimes(blank(state, id, { name: 'offices', addresses: ['198.51.100.0/24'] })),
  );
  addRule(state, groups[0] ?? group, {
    direction: 'ingress',
    ethertype: 'IPv4',
    remote_address_group_id: addressGroup.id,
  });
  const scope = network.addressScopes.add(
    withoutTimes(blank(state, id, { name: 'scope', shared: false, ip_version: 4 })),
  );
  const pool = network.subnetpools.add(
    blank(state, id, {
      name: 'pool',
      prefixes: ['10.200.0.0/16'],
      default_prefixlen: '24',
      address_scope_id: scope.id,
      is_default: false,
      shared: false,
      ip_version: 4,
    }),
  );
  addSubnet(state, id, {
    name: 'from-pool',
    network_id: first.id,
    cidr: '10.200.0.0/24',
    subnetpool_id: pool.id,
  });
  network.quotas.add({ id, values: { port: 700 } });
  return { networks, securityGroup: group };
}

/**
 * A network of the project that the neighbor may use, a port of the project on a network of the
 * neighbor, a policy of the neighbor for the project.
 */
function share(state: CloudState, id: string, own: NetworkRow, neighbor: string): void {
  const policy = (owner: string, object: string, target: string): void => {
    state.network.rbacPolicies.add({
      id: crypto.randomUUID(),
      object_type: 'network',
      object_id: object,
      action: 'access_as_shared',
      target_tenant: target,
      tenant_id: owner,
      project_id: owner,
    });
  };
  policy(id, own.id, neighbor);
  const theirs =
    state.network.networks.where((row) => row.project_id === neighbor)[0] ??
    addNetwork(state, neighbor, { name: 'net-0' });
  if (!state.network.subnets.some((row) => row.network_id === theirs.id))
    addSubnet(state, neighbor, { name: 'subnet-0', network_id: theirs.id, cidr: '10.50.0.0/24' });
  policy(neighbor, theirs.id, id);
  addPort(state, id, {
    name: 'visiting',
    network_id: theirs.id,
    security_groups: [ensureDefaultGroup(state, id).id],
  });
}
