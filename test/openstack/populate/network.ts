import { type Row, rowsOf, type Session, text } from '../cloud.ts';
import { attempt, make, makeAll, named, type Plot, withExtension } from './plot.ts';

/** What servers need of the network. */
export interface Wiring {
  readonly networkId: string;
  readonly subnetId: string;
  /** Parent port of a trunk, left for a server. */
  readonly trunkPortId: string | undefined;
}

const subnet = (networkId: string, name: string, cidr: string) => ({ network_id: networkId, name, cidr, ip_version: 4 });

/** Enough of a network for a server. */
export async function simpleNetwork(plot: Plot): Promise<Wiring> {
  const network = await make(plot.member, 'network', '/networks', 'network', { name: named(plot, 'inner') });
  const { id } = await make(plot.member, 'network', '/subnets', 'subnet', subnet(network.id, named(plot, 'inner'), '10.10.0.0/24'));
  return { networkId: network.id, subnetId: id, trunkPortId: undefined };
}

/** The first part of a full network: servers can start on it while the rest is being made. */
export async function trunkedNetwork(plot: Plot): Promise<Wiring> {
  const wiring = await simpleNetwork(plot);
  return { ...wiring, trunkPortId: await trunks(plot, wiring.networkId) };
}

/** Every kind of Neutron that a project can own here, tied together the way customers tie them. */
export async function fullNetwork(plot: Plot, wiring: Wiring): Promise<void> {
  const { member, admin, project } = plot;
  const create = (path: string, key: string, body: object, as: Session = member) => make(as, 'network', path, key, body);
  const inner = { id: wiring.networkId };
  const names = ['second', 'shared', 'third', 'pooled'];
  const [networks, qos, groups] = await Promise.all([
    makeAll(
      member,
      'networks',
      names.map((name) => ({ name: named(plot, name) })),
    ),
    qosPolicy(plot),
    securityGroups(plot),
  ]);
  const [second = '', shared = '', third = '', pool = ''] = networks;
  const [secondSubnet = '', , thirdSubnet = ''] = await makeAll(member, 'subnets', [
    subnet(second, named(plot, 'second'), '10.20.0.0/24'),
    subnet(shared, named(plot, 'shared'), '10.30.0.0/24'),
    subnet(third, named(plot, 'third'), '10.40.0.0/24'),
  ]);
  const port = (name: string, network_id: string, more: object = {}) => ({ name: named(plot, name), network_id, ...more });
  // Where others take addresses at the same moment none is named: Neutron begins anew when two meet, and finds the address that it was told,
  // and had taken itself, no longer free (seen on 2022.2, for a list of ports and for a single one).
  const [lonely, published, secondDoor] = await Promise.all([
    create('/ports', 'port', port('lonely', inner.id, { security_groups: groups, allowed_address_pairs: [{ ip_address: '10.10.0.250' }] })),
    create('/ports', 'port', port('published', inner.id, qos === undefined ? {} : { qos_policy_id: qos })),
    create('/ports', 'port', port('second-door', second, { fixed_ips: [{ subnet_id: secondSubnet, ip_address: '10.20.0.1' }] })),
  ]);
  const gateway = { network_id: plot.lent.externalNetworkId };
  const router = await create('/routers', 'router', { name: named(plot, 'gate'), external_gateway_info: gateway });
  const plug = (body: object, id = router.id) => member.call('network', 'PUT', `/routers/${id}/add_router_interface`, { json: body });
  await plug({ subnet_id: wiring.subnetId });
  await plug({ port_id: secondDoor.id });
  const routes = [{ destination: '192.0.2.0/24', nexthop: '10.10.0.60' }];
  await member.call('network', 'PUT', `/routers/${router.id}`, { json: { router: { routes } } });
  await Promise.all([
    floatingIps(plot, lonely, published.id),
    pooled(plot, pool),
    sharing(plot, {
      network: shared,
      ...(qos === undefined ? {} : { qos_policy: qos }),
      ...(groups[0] ? { security_group: groups[0] } : {}),
    }),
    onCommonNetwork(plot),
    attempt(plot, 'neutron.router distributed', async () => {
      const spread = await create(
        '/routers',
        'router',
        { name: named(plot, 'spread'), project_id: project.id, distributed: true, external_gateway_info: gateway },
        admin,
      );
      await plug({ subnet_id: thirdSubnet }, spread.id);
    }),
    withExtension(plot, 'metering', 'neutron.metering-label', () =>
      create('/metering/metering-labels', 'metering_label', { name: named(plot, 'metering'), project_id: project.id }, admin),
    ),
    withExtension(plot, 'local_ip', 'neutron.local-ip', () =>
      create('/local_ips', 'local_ip', { name: named(plot, 'local'), network_id: inner.id }),
    ),
    withExtension(plot, 'l3-conntrack-helper', 'neutron.conntrack-helper', () =>
      create(`/routers/${router.id}/conntrack_helpers`, 'conntrack_helper', { protocol: 'udp', port: 69, helper: 'tftp' }),
    ),
    admin.call('network', 'PUT', `/quotas/${project.id}`, { json: { quota: { network: 77, port: 777 } } }),
  ]);
}

async function qosPolicy(plot: Plot): Promise<string | undefined> {
  return withExtension(plot, 'qos', 'neutron.qos-policy', async () => {
    const policy = { name: named(plot, 'slow'), project_id: plot.project.id };
    const { id } = await make(plot.admin, 'network', '/qos/policies', 'policy', policy);
    await make(plot.admin, 'network', `/qos/policies/${id}/bandwidth_limit_rules`, 'bandwidth_limit_rule', { max_kbps: 1000 });
    return id;
  });
}

/** Two security groups, each of which lets the other one in, and an address group that a rule names. */
async function securityGroups(plot: Plot): Promise<string[]> {
  const names = [{ name: named(plot, 'left') }, { name: named(plot, 'right') }];
  const [left = '', right = ''] = await makeAll(plot.member, 'security-groups', names);
  const rule = (security_group_id: string, from: object) => ({
    security_group_id,
    direction: 'ingress',
    ethertype: 'IPv4',
    protocol: 'tcp',
    ...from,
  });
  await makeAll(plot.member, 'security-group-rules', [rule(left, { remote_group_id: right })]);
  await makeAll(plot.member, 'security-group-rules', [rule(right, { remote_group_id: left })]);
  await withExtension(plot, 'security-groups-remote-address-group', 'neutron.address-group', async () => {
    const body = { name: named(plot, 'office'), project_id: plot.project.id, addresses: ['198.51.100.0/28'] };
    const { id } = await make(plot.admin, 'network', '/address-groups', 'address_group', body);
    await makeAll(plot.member, 'security-group-rules', [rule(left, { remote_address_group_id: id })]);
  });
  return [left, right];
}

/** One trunk with a subport, whose parent is left for a server; one that is administratively down, which Neutron won't delete as it is. */
async function trunks(plot: Plot, networkId: string): Promise<string | undefined> {
  return withExtension(plot, 'trunk', 'neutron.trunk', async () => {
    const names = ['trunk-parent', 'trunk-child', 'trunk-dark'];
    const bodies = names.map((name) => ({ name: named(plot, name), network_id: networkId }));
    const [parent = '', child = '', dark = ''] = await makeAll(plot.member, 'ports', bodies);
    const trunk = (name: string, port_id: string, more: object) =>
      make(plot.member, 'network', '/trunks', 'trunk', { name: named(plot, name), port_id, ...more });
    await trunk('trunk', parent, { sub_ports: [{ port_id: child, segmentation_type: 'vlan', segmentation_id: 100 }] });
    await trunk('dark', dark, { admin_state_up: false });
    return parent;
  });
}

/** A floating IP with a port forwarding (which blocks its deletion), one on a port, one that nobody uses. */
async function floatingIps(plot: Plot, forwarded: Row & { id: string }, published: string): Promise<void> {
  const [inside = {}] = rowsOf(forwarded, 'fixed_ips');
  const address = (more: object = {}) =>
    make(plot.member, 'network', '/floatingips', 'floatingip', {
      floating_network_id: plot.lent.externalNetworkId,
      description: named(plot, 'address'),
      ...more,
    });
  await address();
  await address({ port_id: published });
  await withExtension(plot, 'floating-ip-port-forwarding', 'neutron.port-forwarding', async () => {
    const { id } = await address();
    await make(plot.member, 'network', `/floatingips/${id}/port_forwardings`, 'port_forwarding', {
      internal_port_id: forwarded.id,
      internal_ip_address: text(inside, 'ip_address'),
      internal_port: 22,
      external_port: 2222,
      protocol: 'tcp',
    });
  });
}

/** An address scope, a subnet pool in it, and a subnet out of the pool. */
async function pooled(plot: Plot, network_id: string): Promise<void> {
  const scope = await withExtension(plot, 'address-scope', 'neutron.address-scope', () =>
    make(plot.member, 'network', '/address-scopes', 'address_scope', { name: named(plot, 'scope'), ip_version: 4 }),
  );
  const pool = await make(plot.member, 'network', '/subnetpools', 'subnetpool', {
    name: named(plot, 'pool'),
    prefixes: ['10.50.0.0/16'],
    default_prefixlen: 26,
    ...(scope === undefined ? {} : { address_scope_id: scope.id }),
  });
  const body = { network_id, name: named(plot, 'pooled'), ip_version: 4, subnetpool_id: pool.id };
  await make(plot.member, 'network', '/subnets', 'subnet', body);
}

/** Each of these is lent to the neighbour by an RBAC policy of its own. */
async function sharing(plot: Plot, objects: Record<string, string>): Promise<void> {
  for (const [object_type, object_id] of Object.entries(objects)) {
    await attempt(plot, `neutron.rbac-policy ${object_type}`, () =>
      make(plot.member, 'network', '/rbac-policies', 'rbac_policy', {
        object_type,
        object_id,
        action: 'access_as_shared',
        target_tenant: plot.neighbour.id,
      }),
    );
  }
}

/** A network of the operator, lent to this project alone, on which the project has a port and a subnet of its own. */
async function onCommonNetwork(plot: Plot): Promise<void> {
  const network_id = plot.lent.commonNetworkId;
  const policy = { object_type: 'network', object_id: network_id, action: 'access_as_shared', target_tenant: plot.project.id };
  await make(plot.admin, 'network', '/rbac-policies', 'rbac_policy', { ...policy, project_id: plot.lent.projectId });
  const third = 1 + (Number.parseInt(plot.project.id.slice(0, 8), 16) % 250);
  const fourth = Number.parseInt(plot.project.id.slice(8, 12), 16) % 250;
  const own = { ...subnet(network_id, named(plot, 'guest'), `10.${third}.${fourth}.0/28`), project_id: plot.project.id };
  const { id: subnet_id } = await make(plot.admin, 'network', '/subnets', 'subnet', own);
  // Left to itself, Neutron may take the address from another project's subnet, which could then never go.
  await make(plot.member, 'network', '/ports', 'port', { name: named(plot, 'guest'), network_id, fixed_ips: [{ subnet_id }] });
}
