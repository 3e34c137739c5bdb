import type { CloudOptions } from '../../cloud/cloud.ts';
import { addFloatingIp } from '../../cloud/neutron-floating-ips.ts';
import { addNetwork, addPort, addSubnet, addTrunk } from '../../cloud/neutron-networks.ts';
import { addInterface, addRouter } from '../../cloud/neutron-routers.ts';
import { addGroup, addRule } from '../../cloud/neutron-security.ts';
import { blank } from '../../cloud/neutron-shape.ts';
import type { NetworkRow } from '../../cloud/rows.ts';
import { publicNetwork } from '../../cloud/seed-network.ts';
import { leftCounts, NeutronFixture } from './neutron-fixture.ts';

let fixture: NeutronFixture;
const start = async (options: CloudOptions = {}): Promise<void> => {
  fixture = await NeutronFixture.open(options);
};
afterEach(() => fixture.close());

describe('Neutron, with resources of another project that prevent a deletion', () => {
  it('keeps the router while a floating IP of another project uses it, and removes the router afterwards', async () => {
    await start();
    const { state } = fixture.cloud;
    const externalNetworkId = publicNetwork(state).id;
    const { net, sub } = fixture.addNetworkWithSubnet(fixture.target, 'inner');
    const router = addRouter(state, fixture.target, {
      external_gateway_info: { network_id: externalNetworkId },
    });
    addInterface(state, router, sub);
    const neighborPort = addPort(state, fixture.neighbor, { network_id: net.id });
    const neighborIp = addFloatingIp(state, fixture.neighbor, {
      floating_network_id: externalNetworkId,
      port_id: neighborPort.id,
    });
    const { net: unusedNetwork } = fixture.addNetworkWithSubnet(
      fixture.target,
      'free',
      '10.8.0.0/24',
    );

    const report = await fixture.cleaner.run(fixture.target);
    expect(fixture.network.floatingips.get(neighborIp.id)).toBeDefined();
    expect(fixture.network.ports.get(neighborPort.id)).toBeDefined();
    expect(fixture.network.networks.get(unusedNetwork.id)).toBeUndefined();
    expect(leftCounts(report)).toEqual({
      'neutron.router-interface': 1,
      'neutron.router': 1,
      'neutron.network': 1,
      'neutron.subnet': 1,
    });
    const conditions = report.conditions.filter(({ actor }) => actor === 'other-project');
    expect(conditions.map(({ resourceType, message }) => `${resourceType}: ${message}`)).toEqual([
      `neutron.network: 1 port of project ${fixture.neighbor} prevents the deletion`,
      'neutron.router-interface: ' +
        `1 floating IP of project ${fixture.neighbor} prevents the deletion`,
    ]);

    fixture.network.floatingips.delete(neighborIp.id);
    fixture.network.ports.delete(neighborPort.id);
    expect((await fixture.cleaner.runUntilEnd(fixture.target)).outcome).toEqual({
      kind: 'finished',
    });
    expect(fixture.rowsOfTarget()).toEqual([]);
  });
  it('keeps a router interface whose port belongs to another project, because Neutron would delete the port', async () => {
    await start();
    const { state } = fixture.cloud;
    const { net, sub } = fixture.addNetworkWithSubnet(fixture.neighbor, 'theirs');
    const router = addRouter(state, fixture.target, { name: 'own' });
    const interfacePort = addInterface(state, router, sub);
    Object.assign(interfacePort, { project_id: fixture.neighbor, tenant_id: fixture.neighbor });
    const report = await fixture.cleaner.run(fixture.target);
    expect(fixture.network.ports.get(interfacePort.id)?.device_id).toBe(router.id);
    expect(fixture.network.networks.get(net.id)).toBeDefined();
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
    const { sub } = fixture.addNetworkWithSubnet(fixture.target, 'own');
    const router = addRouter(fixture.cloud.state, fixture.neighbor, { name: 'theirs' });
    const interfacePort = addInterface(fixture.cloud.state, router, sub);
    Object.assign(interfacePort, { project_id: fixture.target, tenant_id: fixture.target });
    const report = await fixture.cleaner.run(fixture.target);
    expect(fixture.network.ports.get(interfacePort.id)).toBeDefined();
    expect(fixture.network.routers.get(router.id)).toBeDefined();
    expect(report.conditions.map(({ message }) => message)).toContain(
      `1 router of project ${fixture.neighbor} prevents the deletion`,
    );
  });
  it('keeps a port that is a subport of the trunk of another project', async () => {
    await start();
    const { net } = fixture.addNetworkWithSubnet(fixture.target, 'own');
    const sub = addPort(fixture.cloud.state, fixture.target, { network_id: net.id });
    const parent = addPort(fixture.cloud.state, fixture.neighbor, {
      network_id: fixture.addNetworkWithSubnet(fixture.neighbor, 'theirs').net.id,
    });
    const trunk = addTrunk(fixture.cloud.state, fixture.neighbor, {
      port_id: parent.id,
      sub_ports: [{ port_id: sub.id }],
    });
    const report = await fixture.cleaner.run(fixture.target);
    expect(fixture.network.trunks.get(trunk.id)?.sub_ports).toEqual([{ port_id: sub.id }]);
    expect(report.conditions.map(({ message }) => message)).toContain(
      `1 trunk of project ${fixture.neighbor} prevents the deletion`,
    );
  });
  it('keeps a network that has a subnet of another project, because Neutron would delete the subnet', async () => {
    await start();
    const { net } = fixture.addNetworkWithSubnet(fixture.target, 'own');
    const foreign = addSubnet(fixture.cloud.state, fixture.neighbor, {
      network_id: net.id,
      cidr: '10.9.0.0/24',
    });
    const report = await fixture.cleaner.run(fixture.target);
    expect(fixture.network.subnets.get(foreign.id)).toBeDefined();
    expect(leftCounts(report)).toEqual({ 'neutron.network': 1, 'neutron.subnet': 1 });
    expect(report.conditions.map(({ message }) => message)).toContain(
      `1 subnet of project ${fixture.neighbor} prevents the deletion`,
    );
  });
  it('keeps a security group that a rule of another project names, because Neutron would delete the rule', async () => {
    await start();
    const group = addGroup(fixture.cloud.state, fixture.target, { name: 'lent' });
    const foreign = addGroup(fixture.cloud.state, fixture.neighbor, { name: 'theirs' });
    const rule = addRule(fixture.cloud.state, foreign, {
      direction: 'ingress',
      remote_group_id: group.id,
    });
    const report = await fixture.cleaner.run(fixture.target);
    expect(fixture.network.securityGroupRules.get(rule.id)).toBeDefined();
    expect(leftCounts(report)).toEqual({ 'neutron.security-group': 1 });
    fixture.network.securityGroupRules.delete(rule.id);
    expect((await fixture.cleaner.run(fixture.target)).outcome).toEqual({ kind: 'finished' });
  });
  it('keeps a security group and a subnet that a port of another project uses', async () => {
    await start();
    const { state } = fixture.cloud;
    const { net } = fixture.addNetworkWithSubnet(fixture.neighbor, 'theirs');
    const group = addGroup(state, fixture.target, { name: 'lent' });
    const targetSubnet = addSubnet(state, fixture.target, {
      network_id: net.id,
      cidr: '10.9.0.0/24',
    });
    const port = addPort(state, fixture.neighbor, {
      network_id: net.id,
      security_groups: [addGroup(state, fixture.neighbor, { name: 'own' }).id, group.id],
      fixed_ips: [{ subnet_id: targetSubnet.id, ip_address: '10.9.0.7' }],
    });
    const report = await fixture.cleaner.run(fixture.target);
    expect(fixture.network.ports.get(port.id)).toBeDefined();
    expect(
      report.conditions
        .filter(({ actor }) => actor === 'other-project')
        .map(({ resourceType, message }) => `${resourceType}: ${message}`),
    ).toEqual([
      `neutron.security-group: 1 port of project ${fixture.neighbor} prevents the deletion`,
      `neutron.subnet: 1 port of project ${fixture.neighbor} prevents the deletion`,
    ]);
  });
  it('leaves an external network and the default subnet pool to the operator', async () => {
    await start();
    const net = addNetwork(fixture.cloud.state, fixture.target, { 'router:external': true });
    addSubnet(fixture.cloud.state, fixture.target, { network_id: net.id, cidr: '192.0.2.0/24' });
    const dhcp = addPort(fixture.cloud.state, fixture.target, {
      network_id: net.id,
      device_owner: 'network:dhcp',
      device_id: 'agent',
    });
    const pool = fixture.network.subnetpools.add(
      blank(fixture.cloud.state, fixture.target, { name: 'all', is_default: true }),
    );
    const report = await fixture.cleaner.run(fixture.target);
    expect(fixture.network.networks.get(net.id)).toBeDefined();
    expect(fixture.network.subnets.size).toBe(1);
    expect(fixture.network.ports.get(dhcp.id)).toBeDefined();
    expect(fixture.network.subnetpools.get(pool.id)).toBeDefined();
    expect(
      report.conditions
        .filter(({ actor }) => actor === 'operator')
        .map(({ resourceType }) => resourceType),
    ).toEqual(['neutron.network', 'neutron.subnet-pool']);
  });
  it('keeps a subnet pool from which another project has a subnet: Neutron answers 400', async () => {
    await start();
    const pool = fixture.network.subnetpools.add(
      blank(fixture.cloud.state, fixture.target, { name: 'lent', is_default: false }),
    );
    const { sub } = fixture.addNetworkWithSubnet(fixture.neighbor, 'theirs');
    sub.subnetpool_id = pool.id;
    const report = await fixture.cleaner.run(fixture.target);
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions.map(({ message }) => message)).toContain(
      `1 subnet of project ${fixture.neighbor} prevents the deletion`,
    );
  });
});

describe('Neutron, ports that another service created', () => {
  const portOf = (device_owner: string, device_id: string): NetworkRow =>
    addPort(fixture.cloud.state, fixture.target, {
      network_id: fixture.addNetworkWithSubnet(fixture.target, 'own').net.id,
      device_owner,
      device_id,
    });

  it('are kept while Nova has the server, and are removed when it does not', async () => {
    await start();
    const { user } = fixture.cloud.seed.fill(fixture.control, 'tiny');
    expect(user).toBeDefined();
    const [server] = fixture.cloud.state.compute.servers.all();
    const keptPort = portOf('compute:nova', server?.id ?? '');
    const orphanedPort = portOf('compute:nova', crypto.randomUUID());
    const report = await fixture.cleaner.run(fixture.target);
    expect(fixture.network.ports.get(keptPort.id)).toBeDefined();
    expect(fixture.network.ports.get(orphanedPort.id)).toBeUndefined();
    expect(report.conditions.map(({ message }) => message)).toContain(
      'nova still has the server that uses the port',
    );
    fixture.cloud.state.compute.servers.delete(server?.id ?? '');
    expect((await fixture.cleaner.run(fixture.target)).outcome).toEqual({ kind: 'finished' });
  });
  it('are not removed while Nova does not answer', async () => {
    await start();
    const keptPort = portOf('compute:nova', crypto.randomUUID());
    const removeFault = fixture.cloud.faults.add({
      service: 'nova',
      effect: { does: 'answer', status: 503 },
    });
    const report = await fixture.cleaner.run(fixture.target);
    expect(fixture.network.ports.get(keptPort.id)).toBeDefined();
    expect(report.outcome).toMatchObject({ kind: 'again', error: { class: 'Transient' } });
    removeFault();
    expect((await fixture.cleaner.run(fixture.target)).outcome).toEqual({ kind: 'finished' });
  });
  it('are removed if the cloud no longer has that service', async () => {
    await start();
    portOf('Octavia', `lb-${crypto.randomUUID()}`);
    portOf('network:dhcp', 'agent');
    expect((await fixture.cleaner.run(fixture.target)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.rowsOfTarget()).toEqual([]);
  });
});
