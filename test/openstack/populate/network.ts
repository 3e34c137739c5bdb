import { type Row, rowsOf, type Session, text } from '../cloud.ts';
import {
  createIfSupported,
  make,
  makeAll,
  prefixedName,
  type SeedProject,
  withExtension,
} from './seed.ts';

/** The network resources that servers need. */
export interface Wiring {
  readonly networkId: string;
  readonly subnetId: string;
  /** Parent port of a trunk, reserved for a server. */
  readonly trunkPortId: string | undefined;
}

const subnet = (networkId: string, name: string, cidr: string) => ({
  network_id: networkId,
  name,
  cidr,
  ip_version: 4,
});

/** Creates the minimal network for a server. */
export async function simpleNetwork(seedProject: SeedProject): Promise<Wiring> {
  const network = await make(seedProject.member, 'network', '/networks', 'network', {
    name: prefixedName(seedProject, 'inner'),
  });
  const { id } = await make(
    seedProject.member,
    'network',
    '/subnets',
    'subnet',
    subnet(network.id, prefixedName(seedProject, 'inner'), '10.10.0.0/24'),
  );
  return { networkId: network.id, subnetId: id, trunkPortId: undefined };
}

/**
 * Creates the first part of a full network: servers can start on it while the rest is being
 * created.
 */
export async function trunkedNetwork(seedProject: SeedProject): Promise<Wiring> {
  const wiring = await simpleNetwork(seedProject);
  return { ...wiring, trunkPortId: await trunks(seedProject, wiring.networkId) };
}

/**
 * Creates every type of Neutron resource that a project can own here, connected the way customers
 * connect them.
 */
export async function fullNetwork(seedProject: SeedProject, wiring: Wiring): Promise<void> {
  const { member, admin, project } = seedProject;
  const create = (path: string, key: string, body: object, as: Session = member) =>
    make(as, 'network', path, key, body);
  const inner = { id: wiring.networkId };
  const names = ['second', 'shared', 'third', 'pooled'];
  const [networks, qos, groups] = await Promise.all([
    makeAll(
      member,
      'networks',
      names.map((name) => ({ name: prefixedName(seedProject, name) })),
    ),
    qosPolicy(seedProject),
    securityGroups(seedProject),
  ]);
  const [second = '', shared = '', third = '', pool = ''] = networks;
  const [secondSubnet = '', , thirdSubnet = ''] = await makeAll(member, 'subnets', [
    subnet(second, prefixedName(seedProject, 'second'), '10.20.0.0/24'),
    subnet(shared, prefixedName(seedProject, 'shared'), '10.30.0.0/24'),
    subnet(third, prefixedName(seedProject, 'third'), '10.40.0.0/24'),
  ]);
  const port = (name: string, network_id: string, more: object = {}) => ({
    name: prefixedName(seedProject, name),
    network_id,
    ...more,
  });
  // If other ports take addresses at the same time, no address is named. When two requests
  // conflict, Neutron starts again and finds the named address, which it took itself, no longer
  // free (seen on 2022.2, for a list of ports and for a single one).
  const [lonely, published, secondInterface] = await Promise.all([
    create(
      '/ports',
      'port',
      port('lonely', inner.id, {
        security_groups: groups,
        allowed_address_pairs: [{ ip_address: '10.10.0.250' }],
      }),
    ),
    create(
      '/ports',
      'port',
      port('published', inner.id, qos === undefined ? {} : { qos_policy_id: qos }),
    ),
    create(
      '/ports',
      'port',
      port('second-interface', second, {
        fixed_ips: [{ subnet_id: secondSubnet, ip_address: '10.20.0.1' }],
      }),
    ),
  ]);
  const gateway = { network_id: seedProject.operatorResources.externalNetworkId };
  const router = await create('/routers', 'router', {
    name: prefixedName(seedProject, 'gate'),
    external_gateway_info: gateway,
  });
  const plug = (body: object, id = router.id) =>
    member.call('network', 'PUT', `/routers/${id}/add_router_interface`, { json: body });
  await plug({ subnet_id: wiring.subnetId });
  await plug({ port_id: secondInterface.id });
  const routes = [{ destination: '192.0.2.0/24', nexthop: '10.10.0.60' }];
  await member.call('network', 'PUT', `/routers/${router.id}`, { json: { router: { routes } } });
  await Promise.all([
    floatingIps(seedProject, lonely, published.id),
    pooled(seedProject, pool),
    sharing(seedProject, {
      network: shared,
      ...(qos === undefined ? {} : { qos_policy: qos }),
      ...(groups[0] ? { security_group: groups[0] } : {}),
    }),
    onCommonNetwork(seedProject),
    createIfSupported(seedProject, 'neutron.router distributed', async () => {
      const spread = await create(
        '/routers',
        'router',
        {
          name: prefixedName(seedProject, 'spread'),
          project_id: project.id,
          distributed: true,
          external_gateway_info: gateway,
        },
        admin,
      );
      await plug({ subnet_id: thirdSubnet }, spread.id);
    }),
    withExtension(seedProject, 'metering', 'neutron.metering-label', () =>
      create(
        '/metering/metering-labels',
        'metering_label',
        { name: prefixedName(seedProject, 'metering'), project_id: project.id },
        admin,
      ),
    ),
    withExtension(seedProject, 'local_ip', 'neutron.local-ip', () =>
      create('/local_ips', 'local_ip', {
        name: prefixedName(seedProject, 'local'),
        network_id: inner.id,
      }),
    ),
    withExtension(seedProject, 'l3-conntrack-helper', 'neutron.conntrack-helper', () =>
      create(`/routers/${router.id}/conntrack_helpers`, 'conntrack_helper', {
        protocol: 'udp',
        port: 69,
        helper: 'tftp',
      }),
    ),
    admin.call('network', 'PUT', `/quotas/${project.id}`, {
      json: { quota: { network: 77, port: 777 } },
    }),
  ]);
}

async function qosPolicy(seedProject: SeedProject): Promise<string | undefined> {
  return withExtension(seedProject, 'qos', 'neutron.qos-policy', async () => {
    const policy = { name: prefixedName(seedProject, 'slow'), project_id: seedProject.project.id };
    const { id } = await make(seedProject.admin, 'network', '/qos/policies', 'policy', policy);
    await make(
      seedProject.admin,
      'network',
      `/qos/policies/${id}/bandwidth_limit_rules`,
      'bandwidth_limit_rule',
      { max_kbps: 1000 },
    );
    return id;
  });
}

/** Creates two security groups that allow each other, and an address group that a rule names. */
async function securityGroups(seedProject: SeedProject): Promise<string[]> {
  const names = [
    { name: prefixedName(seedProject, 'left') },
    { name: prefixedName(seedProject, 'right') },
  ];
  const [left = '', right = ''] = await makeAll(seedProject.member, 'security-groups', names);
  const rule = (security_group_id: string, from: object) => ({
    security_group_id,
    direction: 'ingress',
    ethertype: 'IPv4',
    protocol: 'tcp',
    ...from,
  });
  await makeAll(seedProject.member, 'security-group-rules', [
    rule(left, { remote_group_id: right }),
  ]);
  await makeAll(seedProject.member, 'security-group-rules', [
    rule(right, { remote_group_id: left }),
  ]);
  await withExtension(
    seedProject,
    'security-groups-remote-address-group',
    'neutron.address-group',
    async () => {
      const body = {
        name: prefixedName(seedProject, 'office'),
        project_id: seedProject.project.id,
        addresses: ['198.51.100.0/28'],
      };
      const { id } = await make(
        seedProject.admin,
        'network',
        '/address-groups',
        'address_group',
        body,
      );
      await makeAll(seedProject.member, 'security-group-rules', [
        rule(left, { remote_address_group_id: id }),
      ]);
    },
  );
  return [left, right];
}

/**
 * Creates one trunk with a subport, whose parent is reserved for a server, and one that is
 * administratively down, which Neutron does not delete in that state.
 */
async function trunks(seedProject: SeedProject, networkId: string): Promise<string | undefined> {
  return withExtension(seedProject, 'trunk', 'neutron.trunk', async () => {
    const names = ['trunk-parent', 'trunk-child', 'trunk-dark'];
    const bodies = names.map((name) => ({
      name: prefixedName(seedProject, name),
      network_id: networkId,
    }));
    const [parent = '', child = '', dark = ''] = await makeAll(seedProject.member, 'ports', bodies);
    const trunk = (name: string, port_id: string, more: object) =>
      make(seedProject.member, 'network', '/trunks', 'trunk', {
        name: prefixedName(seedProject, name),
        port_id,
        ...more,
      });
    await trunk('trunk', parent, {
      sub_ports: [{ port_id: child, segmentation_type: 'vlan', segmentation_id: 100 }],
    });
    await trunk('dark', dark, { admin_state_up: false });
    return parent;
  });
}

/**
 * Creates a floating IP with a port forwarding (which blocks its deletion), one on a port, and an
 * unused one.
 */
async function floatingIps(
  seedProject: SeedProject,
  forwarded: Row & { id: string },
  published: string,
): Promise<void> {
  const [inside = {}] = rowsOf(forwarded, 'fixed_ips');
  const address = (more: object = {}) =>
    make(seedProject.member, 'network', '/floatingips', 'floatingip', {
      floating_network_id: seedProject.operatorResources.externalNetworkId,
      description: prefixedName(seedProject, 'address'),
      ...more,
    });
  await address();
  await address({ port_id: published });
  await withExtension(
    seedProject,
    'floating-ip-port-forwarding',
    'neutron.port-forwarding',
    async () => {
      const { id } = await address();
      await make(
        seedProject.member,
        'network',
        `/floatingips/${id}/port_forwardings`,
        'port_forwarding',
        {
          internal_port_id: forwarded.id,
          internal_ip_address: text(inside, 'ip_address'),
          internal_port: 22,
          external_port: 2222,
          protocol: 'tcp',
        },
      );
    },
  );
}

/** Creates an address scope, a subnet pool in it, and a subnet from the pool. */
async function pooled(seedProject: SeedProject, network_id: string): Promise<void> {
  const scope = await withExtension(seedProject, 'address-scope', 'neutron.address-scope', () =>
    make(seedProject.member, 'network', '/address-scopes', 'address_scope', {
      name: prefixedName(seedProject, 'scope'),
      ip_version: 4,
    }),
  );
  const pool = await make(seedProject.member, 'network', '/subnetpools', 'subnetpool', {
    name: prefixedName(seedProject, 'pool'),
    prefixes: ['10.50.0.0/16'],
    default_prefixlen: 26,
    ...(scope === undefined ? {} : { address_scope_id: scope.id }),
  });
  const body = {
    network_id,
    name: prefixedName(seedProject, 'pooled'),
    ip_version: 4,
    subnetpool_id: pool.id,
  };
  await make(seedProject.member, 'network', '/subnets', 'subnet', body);
}

/** Shares each of these with the neighbor by a separate RBAC policy. */
async function sharing(seedProject: SeedProject, objects: Record<string, string>): Promise<void> {
  for (const [object_type, object_id] of Object.entries(objects)) {
    await createIfSupported(seedProject, `neutron.rbac-policy ${object_type}`, () =>
      make(seedProject.member, 'network', '/rbac-policies', 'rbac_policy', {
        object_type,
        object_id,
        action: 'access_as_shared',
        target_tenant: seedProject.neighbor.id,
      }),
    );
  }
}

/**
 * Creates a port and a subnet of the project on a network of the operator, which is shared with
 * this project only.
 */
async function onCommonNetwork(seedProject: SeedProject): Promise<void> {
  const network_id = seedProject.operatorResources.commonNetworkId;
  const policy = {
    object_type: 'network',
    object_id: network_id,
    action: 'access_as_shared',
    target_tenant: seedProject.project.id,
  };
  await make(seedProject.admin, 'network', '/rbac-policies', 'rbac_policy', {
    ...policy,
    project_id: seedProject.operatorResources.projectId,
  });
  const third = 1 + (Number.parseInt(seedProject.project.id.slice(0, 8), 16) % 250);
  const fourth = Number.parseInt(seedProject.project.id.slice(8, 12), 16) % 250;
  const own = {
    ...subnet(network_id, prefixedName(seedProject, 'guest'), `10.${third}.${fourth}.0/28`),
    project_id: seedProject.project.id,
  };
  const { id: subnet_id } = await make(seedProject.admin, 'network', '/subnets', 'subnet', own);
  // Without a named subnet Neutron may take the address from another project's subnet, which could
  // then never be deleted.
  await make(seedProject.member, 'network', '/ports', 'port', {
    name: prefixedName(seedProject, 'guest'),
    network_id,
    fixed_ips: [{ subnet_id }],
  });
}
