import { neutron } from '../../../lib/services/neutron.ts';
import { addPort, addTrunk } from '../../cloud/neutron-networks.ts';
import type { NetworkRow } from '../../cloud/rows.ts';
import { leftCounts, NeutronFixture } from './neutron-fixture.ts';

/** The network and the port of a server, and free ports and networks, of one project. */
interface Customer {
  readonly serverNetwork: NetworkRow;
  readonly serverPort: NetworkRow;
  /** A port without a device on the network of the server. */
  readonly freePort: NetworkRow;
  readonly emptyNetwork: NetworkRow;
  /** A network with one port, which has no device. */
  readonly freeNetwork: NetworkRow;
}

let fixture: NeutronFixture;
let target: Customer;
let control: Customer;

beforeEach(async () => {
  fixture = await NeutronFixture.open();
  target = addCustomer(fixture.target);
  control = addCustomer(fixture.control);
  fixture.cloud.state.identity.projects.delete(fixture.target);
});
afterEach(() => fixture.close());

function addCustomer(owner: string): Customer {
  const { state } = fixture.cloud;
  const { net: serverNetwork } = fixture.addNetworkWithSubnet(owner, 'servers');
  const { net: emptyNetwork } = fixture.addNetworkWithSubnet(owner, 'empty', '10.8.0.0/24');
  const { net: freeNetwork } = fixture.addNetworkWithSubnet(owner, 'free', '10.9.0.0/24');
  addPort(state, owner, { network_id: freeNetwork.id });
  return {
    serverNetwork,
    serverPort: addPort(state, owner, {
      network_id: serverNetwork.id,
      device_owner: 'compute:nova',
      device_id: crypto.randomUUID(),
    }),
    freePort: addPort(state, owner, { network_id: serverNetwork.id }),
    emptyNetwork,
    freeNetwork,
  };
}

const networkNames = (owner: string): unknown[] =>
  fixture.network.networks.where(({ project_id }) => project_id === owner).map(({ name }) => name);
const portIds = (owner: string): string[] =>
  fixture.network.ports.where(({ project_id }) => project_id === owner).map(({ id }) => id);

const runWhileNovaDeletes = () => fixture.cleaner.runPartially(fixture.target, ['nova']);

describe('Neutron, while Nova deletes servers', () => {
  it('removes the ports without a device and the networks without other ports', async () => {
    const controlPorts = portIds(fixture.control);
    const report = await runWhileNovaDeletes();
    expect(networkNames(fixture.target)).toEqual(['servers']);
    expect(portIds(fixture.target)).toEqual([target.serverPort.id]);
    expect(networkNames(fixture.control)).toEqual(['servers', 'empty', 'free']);
    expect(portIds(fixture.control)).toEqual(controlPorts);
    expect(leftCounts(report)).toEqual({ 'neutron.port': 1, 'neutron.network': 1 });
    const conditions = report.conditions.filter((one) => one.class !== 'Unsupported');
    expect(conditions.map(({ actor, message }) => [actor, message])).toEqual([
      ['none', 'a port of the network has a device, and waits until Nova has deleted the servers'],
      ['none', 'the port has a device, and waits until Nova has deleted the servers'],
    ]);
  });

  it('does not request the deletion of a network on which a server has a port', async () => {
    await runWhileNovaDeletes();
    const deletions = fixture.cloud.calls.filter(({ method }) => method === 'DELETE');
    expect(deletions.map(({ path }) => path)).not.toContainEqual(
      expect.stringContaining(target.serverNetwork.id),
    );
  });

  it('keeps a port without a device that is the parent of a trunk', async () => {
    addTrunk(fixture.cloud.state, fixture.target, { port_id: target.freePort.id });
    const report = await runWhileNovaDeletes();
    expect(portIds(fixture.target)).toEqual([target.serverPort.id, target.freePort.id]);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        actor: 'none',
        message: 'the trunk that uses the port must be deleted first',
      }),
    );
  });

  it('keeps a network with a port of another project, and names that project', async () => {
    const foreignPort = addPort(fixture.cloud.state, fixture.neighbor, {
      network_id: target.emptyNetwork.id,
    });
    const report = await runWhileNovaDeletes();
    expect(fixture.network.ports.get(foreignPort.id)).toBeDefined();
    expect(networkNames(fixture.target)).toEqual(['servers', 'empty']);
    expect(report.conditions.map(({ message }) => message)).toContain(
      `1 port of project ${fixture.neighbor} prevents the deletion`,
    );
  });

  it('removes an L2 gateway connection before its network, whose deletion would delete it as well', () => {
    const isIndependent = (name: string) =>
      neutron.resourceTypes.find((one) => one.name === `neutron.${name}`)?.independentOf;
    const followedTypes = ['l2-gateway-connection', 'bgpvpn', 'bgp-speaker', 'port-pair'];
    expect(followedTypes.map(isIndependent)).toEqual(followedTypes.map(() => ['nova']));
  });

  it('leaves the other resources to the full run, which removes them', async () => {
    await runWhileNovaDeletes();
    const report = await fixture.cleaner.runUntilEnd(fixture.target);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(fixture.rowsOfTarget()).toEqual([]);
    expect(portIds(fixture.control)).toContain(control.serverPort.id);
  });
});
