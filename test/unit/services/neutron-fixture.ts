import { neutron } from '../../../lib/services/neutron.ts';
import { type CloudOptions, type RehearsalCloud, startCloud } from '../../cloud/cloud.ts';
import { addNetwork, addSubnet } from '../../cloud/neutron-networks.ts';
import { ensureDefaultGroup } from '../../cloud/neutron-security.ts';
import type { NetworkRow } from '../../cloud/rows.ts';
import { sizes } from '../../cloud/seed.ts';
import { fillNetwork } from '../../cloud/seed-network.ts';
import { type Cleaner, cleanerOf } from './cleaner.ts';

/**
 * A cloud with three projects: the target, which is cleaned up, a control project with resources of
 * the same names, and a neighbor.
 */
export class NeutronFixture {
  readonly cloud: RehearsalCloud;
  readonly cleaner: Cleaner;
  /** Ids of projects. */
  readonly target: string;
  readonly control: string;
  readonly neighbor: string;

  private constructor(cloud: RehearsalCloud) {
    this.cloud = cloud;
    this.cleaner = cleanerOf(cloud, neutron);
    const domain = cloud.seed.makeDomain('customer');
    this.target = cloud.seed.makeProject(domain, 'target');
    this.control = cloud.seed.makeProject(domain, 'control');
    this.neighbor = cloud.seed.neighbor();
    // A listing of security groups creates the default group of the caller. This group is created
    // here, so that it exists before each test.
    const [admin] = cloud.state.identity.projects.where(({ name }) => name === 'admin');
    ensureDefaultGroup(cloud.state, admin?.id ?? '');
  }

  static async open(options: CloudOptions = {}): Promise<NeutronFixture> {
    return new NeutronFixture(await startCloud(options));
  }

  async close(): Promise<void> {
    await this.cleaner.close();
    await this.cloud.close();
  }

  get network() {
    return this.cloud.state.network;
  }

  /**
   * Creates all resources of Neutron in the control project and in the target project, and deletes
   * the target project in Keystone. Returns the rows without the resources of the target project.
   * The cleanup must not change these rows.
   */
  fill(): string[] {
    const { state } = this.cloud;
    const fillUp = (id: string): void => {
      const project = state.identity.projects.get(id);
      if (project) fillNetwork(state, project, sizes.small, this.neighbor);
    };
    fillUp(this.control);
    const expectedRows = this.rows();
    fillUp(this.target);
    state.identity.projects.delete(this.target);
    return expectedRows;
  }

  /** Adds a network with a subnet. */
  addNetworkWithSubnet(
    owner: string,
    name: string,
    cidr = '10.7.0.0/24',
  ): { net: NetworkRow; sub: NetworkRow } {
    const net = addNetwork(this.cloud.state, owner, { name });
    return { net, sub: addSubnet(this.cloud.state, owner, { name, network_id: net.id, cidr }) };
  }

  /** Every row of Neutron as text. */
  rows(): string[] {
    return Object.entries(this.network).flatMap(([resourceType, table]) =>
      table.all().map((row) => `${resourceType} ${JSON.stringify(row)}`),
    );
  }

  /** Rows that name the target project in any field. */
  rowsOfTarget(): string[] {
    return this.rows().filter((row) => row.includes(this.target));
  }
}

/** For each resource type with remaining resources: their number in the report. */
export const leftCounts = (report: {
  readonly counts: Readonly<Record<string, { readonly left: number }>>;
}): Record<string, number> =>
  Object.fromEntries(
    Object.entries(report.counts).flatMap(([resourceType, { left }]) =>
      left > 0 ? [[resourceType, left]] : [],
    ),
  );
