import { neutron } from '../../../lib/services/neutron.ts';
import { type CloudOptions, type RehearsalCloud, startCloud } from '../../cloud/cloud.ts';
import { addNetwork, addSubnet } from '../../cloud/neutron-networks.ts';
import { ensureDefaultGroup } from '../../cloud/neutron-security.ts';
import type { NetworkRow } from '../../cloud/rows.ts';
import { sizes } from '../../cloud/seed.ts';
import { fillNetwork } from '../../cloud/seed-network.ts';
import { type Cleaner, cleanerOf } from './cleaner.ts';

/**
 * A cloud with a project that was deleted in Keystone, a neighbor, and a control project with
 * resources of the same names.
 */
export class NeutronFixture {
  readonly cloud: RehearsalCloud;
  readonly cleaner: Cleaner;
  /** Ids of projects. */
  readonly dead: string;
  readonly control: string;
  readonly neighbor: string;

  private constructor(cloud: RehearsalCloud) {
    this.cloud = cloud;
    this.cleaner = cleanerOf(cloud, neutron);
    const domain = cloud.seed.makeDomain('customer');
    this.dead = cloud.seed.makeProject(domain, 'dead');
    this.control = cloud.seed.makeProject(domain, 'control');
    this.neighbor = cloud.seed.neighbor();
    // Each list of security groups creates the default group of the caller: the cleaner has it
    // already.
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
   * All resources of Neutron for the control project and for the dead project, which Keystone then
   * deletes. Returns every row before the dead project had any: the rows that must exist in the
   * end, unchanged in each field.
   */
  fill(): string[] {
    const { state } = this.cloud;
    const fillUp = (id: string): void => {
      const project = state.identity.projects.get(id);
      if (project) fillNetwork(state, project, sizes.small, this.neighbor);
    };
    fillUp(this.control);
    const without = this.rows();
    fillUp(this.dead);
    state.identity.projects.delete(this.dead);
    return without;
  }

  /** A network with a subnet. */
  wire(owner: string, name: string, cidr = '10.7.0.0/24'): { net: NetworkRow; sub: NetworkRow } {
    const net = addNetwork(this.cloud.state, owner, { name });
    return { net, sub: addSubnet(this.cloud.state, owner, { name, network_id: net.id, cidr }) };
  }

  /** Every row of Neutron as text. */
  rows(): string[] {
    return Object.entries(this.network).flatMap(([resourceType, table]) =>
      table.all().map((row) => `${resourceType} ${JSON.stringify(row)}`),
    );
  }

  /** Rows that name the dead project in any field. */
  ofDead(): string[] {
    return this.rows().filter((row) => row.includes(this.dead));
  }
}

/** The resources that a report has as left, by type. */
export const left = (report: {
  readonly counts: Readonly<Record<string, { readonly left: number }>>;
}): Record<string, number> =>
  Object.fromEntries(
    Object.entries(report.counts).flatMap(([resourceType, { left: n }]) =>
      n > 0 ? [[resourceType, n]] : [],
    ),
  );
