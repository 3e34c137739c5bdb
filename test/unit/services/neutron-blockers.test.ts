import type { CloudOptions } from '../../cloud/cloud.ts';
import { addFloatingIp } from '../../cloud/neutron-floating-ips.ts';
import { addNetwork, addPort, addSubnet, addTrunk } from '../../cloud/neutron-networks.ts';
import { addInterface, addRouter } from '../../cloud/neutron-routers.ts';
import { addGroup, addRule } from '../../cloud/neutron-security.ts';
import { blank } from '../../cloud/neutron-shape.ts';
import type { NetworkRow } from '../../cloud/rows.ts';
import { publicNetwork } from '../../cloud/seed-network.ts';
import { left, NeutronFixture } from './neutron-fixture.ts';

let scene: NeutronFixture;
const start = async (options: CloudOptions = {}): Promise<void> => {
  scene = await NeutronFixture.open(options);
};
afterEach(() => scene.close());

describe('Neutron, with resources of another project that prevent a deletion', () => {
  it('keeps the router while a floating IP of another project uses it, and removes the router afterwards', async () => {
    await start();
    const { state } = scene.cloud;
    const outside = publicNetwork(state).id;
    const { net, sub } = scene.wire(scene.dead, 'inner');
    const router = addRouter(state, scene.dead, { external_gateway_info: { network_id: outside } });
    addInterface(state, router, sub);
    const guest = addPort(state, scene.neighbor, { network_id: net.id });
    const ip = addFloatingIp(state, scene.neighbor, {
      floating_network_id: outside,
      port_id: guest.id,
    });
    const { net: free } = scene.wire(scene.dead, 'free', '10.8.0.0/24');

    const report = await scene.cleaner.run(scene.dead);
    expect(scene.network.floatingips.get(ip.id)).toBeDefined();
    expect(scene.network.ports.get(guest.id)).toBeDefined();
    expect(scene.network.networks.get(free.id)).toBeUndefined();
    expect(left(report)).toEqual({
      'neutron.router-interface': 1,
      'neutron.router': 1,
      'neutron.network': 1,
      'neutron.subnet': 1,
    });
    const conditions = report.conditions.filter(({ actor }) => actor === 'other-project');
    expect(conditions.map(({ resourceType, message }) => `${resourceType}: ${message}`)).toEqual([
      `neutron.network: 1 port of project ${scene.neighbor} prevents the deletion`,
      `neutron.router-interface: 1 floating IP of project ${scene.neighbor} prevents the deletion`,
    ]);

    scene.network.floatingips.delete(ip.id);
    scene.network.ports.delete(guest.id);
    expect((await scene.cleaner.runUntilEnd(scene.dead)).outcome).toEqual({ kind: 'finished' });
    expect(scene.ofDead()).toEqual([]);
  });
  it('keeps a router interface whose port belongs to another project, because Neutron would delete the port', async () => {
    await start();
    const { state } = scene.cloud;
    const { net, sub } = scene.wire(scene.neighbor, 'theirs');
    const router = addRouter(state, scene.dead, { name: 'own' });
    const interfacePort = addInterface(state, router, sub);
    Object.assign(interfacePort, { project_id: scene.neighbor, tenant_id: scene.neighbor });
    const report = await scene.cleaner.run(scene.dead);
    expect(scene.network.ports.get(interfacePort.id)?.device_id).toBe(router.id);
    expect(scene.network.networks.get(net.id)).toBeDefined();
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'neutron.router-interface',
        actor: 'other-project',
        advice: expect.stringContaining(router.id),
      }),
    );
  });
  it('keeps a port that is an interface of the router of another project', async () => {
    await start();
    const { sub } = scene.wire(scene.dead, 'own');
    const router = addRouter(scene.cloud.state, scene.neighbor, { name: 'theirs' });
    const interfacePort = addInterface(scene.cloud.state, router, sub);
    Object.assign(interfacePort, { project_id: scene.dead, tenant_id: scene.dead });
    const report = await scene.cleaner.run(scene.dead);
    expect(scene.network.ports.get(interfacePort.id)).toBeDefined();
    expect(scene.network.routers.get(router.id)).toBeDefined();
    expect(report.conditions.map(({ message }) => message)).toContain(
      `1 router of project ${scene.neighbor} prevents the deletion`,
    );
  });
  it('keeps a port that is a subport of the trunk of another project', async () => {
    await start();
    const { net } = scene.wire(scene.dead, 'own');
    const sub = addPort(scene.cloud.state, scene.dead, { network_id: net.id });
    const parent = addPort(scene.cloud.state, scene.neighbor, {
      network_id: scene.wire(scene.neighbor, 'theirs').net.id,
    });
    const trunk = addTrunk(scene.cloud.state, scene.neighbor, {
      port_id: parent.id,
      sub_ports: [{ port_id: sub.id }],
    });
    const report = await scene.cleaner.run(scene.dead);
    expect(scene.network.trunks.get(trunk.id)?.sub_ports).toEqual([{ port_id: sub.id }]);
    expect(report.conditions.map(({ message }) => message)).toContain(
      `1 trunk of project ${scene.neighbor} prevents the deletion`,
    );
  });
  it('keeps a network that has a subnet of another project, because Neutron would delete the subnet', async () => {
    await start();
    const { net } = scene.wire(scene.dead, 'own');
    const theirs = addSubnet(scene.cloud.state, scene.neighbor, {
      network_id: net.id,
      cidr: '10.9.0.0/24',
    });
    const report = await scene.cleaner.run(scene.dead);
    expect(scene.network.subnets.get(theirs.id)).toBeDefined();
    expect(left(report)).toEqual({ 'neutron.network': 1, 'neutron.subnet': 1 });
    expect(report.conditions.map(({ message }) => message)).toContain(
      `1 subnet of project ${scene.neighbor} prevents the deletion`,
    );
  });
  it('keeps a security group that a rule of another project names, because Neutron would delete the rule', async () => {
    await start();
    const group = addGroup(scene.cloud.state, scene.dead, { name: 'lent' });
    const theirs = addGroup(scene.cloud.state, scene.neighbor, { name: 'theirs' });
    const rule = addRule(scene.cloud.state, theirs, {
      direction: 'ingress',
      remote_group_id: group.id,
    });
    const report = await scene.cleaner.run(scene.dead);
    expect(scene.network.securityGroupRules.get(rule.id)).toBeDefined();
    expect(left(report)).toEqual({ 'neutron.security-group': 1 });
    scene.network.securityGroupRules.delete(rule.id);
    expect((await scene.cleaner.run(scene.dead)).outcome).toEqual({ kind: 'finished' });
  });
  it('keeps a security group and a subnet that a port of another project uses', async () => {
    await start();
    const { state } = scene.cloud;
    const { net } = scene.wire(scene.neighbor, 'theirs');
    const group = addGroup(state, scene.dead, { name: 'lent' });
    const own = addSubnet(state, scene.dead, { network_id: net.id, cidr: '10.9.0.0/24' });
    const port = addPort(state, scene.neighbor, {
      network_id: net.id,
      security_groups: [addGroup(state, scene.neighbor, { name: 'own' }).id, group.id],
      fixed_ips: [{ subnet_id: own.id, ip_address: '10.9.0.7' }],
    });
    const report = await scene.cleaner.run(scene.dead);
    expect(scene.network.ports.get(port.id)).toBeDefined();
    expect(
      report.conditions
        .filter(({ actor }) => actor === 'other-project')
        .map(({ resourceType, message }) => `${resourceType}: ${message}`),
    ).toEqual([
      `neutron.security-group: 1 port of project ${scene.neighbor} prevents the deletion`,
      `neutron.subnet: 1 port of project ${scene.neighbor} prevents the deletion`,
    ]);
  });
  it('leaves an external network and the default subnet pool to the operator', async () => {
    await start();
    const net = addNetwork(scene.cloud.state, scene.dead, { 'router:external': true });
    addSubnet(scene.cloud.state, scene.dead, { network_id: net.id, cidr: '192.0.2.0/24' });
    const dhcp = addPort(scene.cloud.state, scene.dead, {
      network_id: net.id,
      device_owner: 'network:dhcp',
      device_id: 'agent',
    });
    const pool = scene.network.subnetpools.add(
      blank(scene.cloud.state, scene.dead, { name: 'all', is_default: true }),
    );
    const report = await scene.cleaner.run(scene.dead);
    expect(scene.network.networks.get(net.id)).toBeDefined();
    expect(scene.network.subnets.size).toBe(1);
    expect(scene.network.ports.get(dhcp.id)).toBeDefined();
    expect(scene.network.subnetpools.get(pool.id)).toBeDefined();
    expect(
      report.conditions
        .filter(({ actor }) => actor === 'operator')
        .map(({ resourceType }) => resourceType),
    ).toEqual(['neutron.network', 'neutron.subnet-pool']);
  });
  it('keeps a subnet pool from which another project has a subnet: Neutron answers 400', async () => {
    await start();
    const pool = scene.network.subnetpools.add(
      blank(scene.cloud.state, scene.dead, { name: 'lent', is_default: false }),
    );
    const { sub } = scene.wire(scene.neighbor, 'theirs');
    sub.subnetpool_id = pool.id;
    const report = await scene.cleaner.run(scene.dead);
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions.map(({ message }) => message)).toContain(
      `1 subnet of project ${scene.neighbor} prevents the deletion`,
    );
  });
});

describe('Neutron, ports that another service created', () => {
  const portOf = (device_owner: string, device_id: string): NetworkRow =>
    addPort(scene.cloud.state, scene.dead, {
      network_id: scene.wire(scene.dead, 'own').net.id,
      device_owner,
      device_id,
    });

  it('are kept while Nova has the server, and are removed when it does not', async () => {
    await start();
    const { user } = scene.cloud.seed.fill(scene.control, 'tiny');
    expect(user).toBeDefined();
    const [server] = scene.cloud.state.compute.servers.all();
    const kept = portOf('compute:nova', server?.id ?? '');
    const forgotten = portOf('compute:nova', crypto.randomUUID());
    const report = await scene.cleaner.run(scene.dead);
    expect(scene.network.ports.get(kept.id)).toBeDefined();
    expect(scene.network.ports.get(forgotten.id)).toBeUndefined();
    expect(report.conditions.map(({ message }) => message)).toContain(
      'nova still has the server that uses the port',
    );
    scene.cloud.state.compute.servers.delete(server?.id ?? '');
    expect((await scene.cleaner.run(scene.dead)).outcome).toEqual({ kind: 'finished' });
  });
  it('are not removed while Nova does not answer', async () => {
    await start();
    const kept = portOf('compute:nova', crypto.randomUUID());
    const fault = scene.cloud.faults.add({
      service: 'nova',
      effect: { does: 'answer', status: 503 },
    });
    const report = await scene.cleaner.run(scene.dead);
    expect(scene.network.ports.get(kept.id)).toBeDefined();
    expect(report.outcome).toMatchObject({ kind: 'again', error: { class: 'Transient' } });
    fault();
    expect((await scene.cleaner.run(scene.dead)).outcome).toEqual({ kind: 'finished' });
  });
  it('are removed if the cloud no longer has that service', async () => {
    await start();
    portOf('Octavia', `lb-${crypto.randomUUID()}`);
    portOf('network:dhcp', 'agent');
    expect((await scene.cleaner.run(scene.dead)).outcome).toEqual({ kind: 'finished' });
    expect(scene.ofDead()).toEqual([]);
  });
});
