import * as z from 'zod';
import { type Blocker, defineKind, type Reach } from '../../cleanup/service.ts';
import { destroy, labelOf, Owned, ownerOf, plainKind, requireExtension, rowsOf, rowsWhere } from './collection.ts';
import { heldBy, heldByOthers, portsOn } from './holders.ts';

const Network = Owned.extend({ 'router:external': z.boolean().nullish(), subnets: z.array(z.string()).nullish() });
const Subnet = Owned.extend({ network_id: z.string().nullish() });
const subnets = { path: '/v2.0/subnets', collection: 'subnets', row: Subnet };

/** Networks of the project, listed once for both kinds. */
const networksOf = (reach: Reach) =>
  reach.once('neutron.networks', () =>
    rowsOf(reach.api, { path: '/v2.0/networks', collection: 'networks', row: Network }, [['project_id', reach.project]]),
  );

/** Owners of the subnets on these networks that are not the project's, by network. */
async function foreignSubnets(reach: Reach, networkIds: readonly string[]): Promise<Map<string, (string | undefined)[]>> {
  const owners = new Map<string, (string | undefined)[]>();
  for (const subnet of await rowsWhere(reach.api, subnets, 'network_id', networkIds)) {
    if (ownerOf(subnet) === reach.project || !subnet.network_id) continue;
    owners.set(subnet.network_id, [...(owners.get(subnet.network_id) ?? []), ownerOf(subnet)]);
  }
  return owners;
}

/**
 * Networks, with their subnets, DHCP ports, segments and RBAC policies. Neutron takes *every* subnet along, an administrator's, too,
 * so that a network which carries a subnet of somebody else is left (law 2).
 */
const network = defineKind({
  name: 'network',
  follows: ['port', 'router', 'router-interface', 'bgp-speaker', 'bgpvpn', 'l2-gateway-connection'],
  async list(reach) {
    const networks = await networksOf(reach);
    const withSubnets = networks.filter((row) => (row.subnets ?? []).length > 0).map(({ id }) => id);
    const foreign = await foreignSubnets(reach, withSubnets);
    return networks.map((row) => ({ ...row, foreign: foreign.get(row.id) ?? [] }));
  },
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => labelOf(row),
  blocked(row): Blocker | undefined {
    if (row['router:external'])
      return {
        message: 'it is an external network: the cloud reaches the outside through it',
        actor: 'operator',
        advice: 'If nobody needs it, delete it by hand; else make another external network in a living project and move to it.',
      };
    return row.foreign.length > 0 ? heldByOthers(row.foreign, ['subnet', 'subnets']) : undefined;
  },
  remove: (row, reach) => destroy(reach.api, '/v2.0/networks', row, () => heldBy(reach, [portsOn('network_id', row.id)])),
});

/** Subnets on networks of others; those on the project's own networks go with the network, or stay as long as it stays. */
const subnet = defineKind({
  name: 'subnet',
  follows: ['network', 'port', 'router-interface'],
  async list(reach) {
    const [rows, networks] = await Promise.all([rowsOf(reach.api, subnets, [['project_id', reach.project]]), networksOf(reach)]);
    return rows.map((row) => ({ ...row, goesWithNetwork: networks.some(({ id }) => id === row.network_id) }));
  },
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => labelOf(row),
  blocked: (row) => (row.goesWithNetwork ? { message: 'waits for its network', actor: 'nobody' } : undefined),
  remove: (row, reach) => destroy(reach.api, '/v2.0/subnets', row, () => heldBy(reach, [portsOn('fixed_ips', `subnet_id=${row.id}`)])),
});

const SubnetPool = Owned.extend({ is_default: z.boolean().nullish() });

const subnetPool = defineKind({
  name: 'subnet-pool',
  follows: ['subnet', 'network'],
  async list(reach) {
    await requireExtension(reach, 'subnet_allocation');
    return rowsOf(reach.api, { path: '/v2.0/subnetpools', collection: 'subnetpools', row: SubnetPool }, [['project_id', reach.project]]);
  },
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => labelOf(row),
  /** One for the whole cloud and IP version: `--use-default-subnet-pool` and auto-allocated topologies take it. */
  blocked: (row) =>
    row.is_default
      ? {
          message: "it is the cloud's default subnet pool",
          actor: 'operator',
          advice: 'Make another pool the default one (openstack subnet pool set --no-default); then it goes.',
        }
      : undefined,
  remove: (row, reach) =>
    destroy(reach.api, '/v2.0/subnetpools', row, () =>
      heldBy(reach, [{ ...subnets, filters: [['subnetpool_id', row.id]], noun: ['subnet', 'subnets'] }]),
    ),
});

const addressScope = plainKind({
  name: 'address-scope',
  path: '/v2.0/address-scopes',
  collection: 'address_scopes',
  extension: 'address-scope',
  follows: ['subnet-pool'],
  explain: (row, reach) =>
    heldBy(reach, [
      {
        path: '/v2.0/subnetpools',
        collection: 'subnetpools',
        filters: [['address_scope_id', row.id]],
        noun: ['subnet pool', 'subnet pools'],
      },
    ]),
});

/** VLANs or tunnel ids that the operator set aside for the project; nobody else gets them while the row stands. */
const networkSegmentRange = plainKind({
  name: 'network-segment-range',
  path: '/v2.0/network_segment_ranges',
  collection: 'network_segment_ranges',
  extension: 'network-segment-range',
  after: ['network'],
});

export const NETWORKS = [network, subnet, subnetPool, addressScope, networkSegmentRange];
