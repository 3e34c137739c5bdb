import * as z from 'zod';
import { type Blocker, defineType, type ProjectContext } from '../../task/service.ts';
import { temporaryBlocker } from '../kit/blockers.ts';
import { isNovaUnfinished } from '../kit/nova-deletion.ts';
import { findBlocker, foreignBlocker, portsWhere } from './blocking-resources.ts';
import {
  definePlainType,
  deleteResource,
  INDEPENDENT_OF_NOVA,
  labelOf,
  OwnedRow,
  ownerOf,
  requireExtension,
  rowsOf,
  rowsWhere,
} from './collection.ts';
import { networkIdsWithDevices } from './ports.ts';

const Network = OwnedRow.extend({
  'router:external': z.boolean().nullish(),
  subnets: z.array(z.string()).nullish(),
});
const Subnet = OwnedRow.extend({ network_id: z.string().nullish() });
const subnetCollection = { path: '/v2.0/subnets', collection: 'subnets', row: Subnet };

/** Lists the networks of the project once for the types `network` and `subnet`. */
const networksOf = (context: ProjectContext) =>
  context.memoize('neutron.networks', () =>
    rowsOf(context.api, { path: '/v2.0/networks', collection: 'networks', row: Network }, [
      ['project_id', context.project],
    ]),
  );

/** Returns the owners of other projects' subnets on these networks, by network id. */
async function listForeignSubnetOwners(
  context: ProjectContext,
  networkIds: readonly string[],
): Promise<Map<string, (string | undefined)[]>> {
  const ownersByNetworkId = new Map<string, (string | undefined)[]>();
  for (const subnet of await rowsWhere(context.api, subnetCollection, 'network_id', networkIds)) {
    if (ownerOf(subnet) === context.project || !subnet.network_id) continue;
    ownersByNetworkId.set(subnet.network_id, [
      ...(ownersByNetworkId.get(subnet.network_id) ?? []),
      ownerOf(subnet),
    ]);
  }
  return ownersByNetworkId;
}

/**
 * Networks with their subnets, DHCP ports, segments and RBAC policies. When an administrator
 * deletes a network, Neutron deletes *every* subnet on the network, even subnets of other projects.
 * The cleanup therefore does not delete a network with a subnet of another project (safety rule:
 * check the owner of every row).
 */
const network = defineType({
  name: 'network',
  independentOf: INDEPENDENT_OF_NOVA,
  dependsOn: [
    {
      types: ['port', 'router', 'router-interface', 'bgp-speaker', 'bgpvpn'],
      strength: 'preferred',
      until: 'done',
    },
    // Neutron deletes the connection with the network, and does not inform the gateway.
    { types: ['l2-gateway-connection'], strength: 'required', until: 'empty' },
  ],
  async list(context) {
    const networks = await networksOf(context);
    const usedIds = isNovaUnfinished(context)
      ? await networkIdsWithDevices(context)
      : new Set<string>();
    const networkIdsWithSubnets = networks
      .filter(({ id, subnets }) => (subnets ?? []).length > 0 && !usedIds.has(id))
      .map(({ id }) => id);
    const foreignOwnersByNetworkId = await listForeignSubnetOwners(context, networkIdsWithSubnets);
    return networks.map((row) => ({
      ...row,
      foreignSubnetOwners: foreignOwnersByNetworkId.get(row.id) ?? [],
      awaitsNova: usedIds.has(row.id),
    }));
  },
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => labelOf(row),
  idsDeletedTogether: (row) => row.subnets ?? [],
  blocked(row): Blocker | undefined {
    if (row['router:external'])
      return {
        message: 'the network is external: the cloud may need it to reach other networks',
        actor: 'operator',
        advice:
          'If the network is not needed, delete it: openstack network delete NETWORK. ' +
          'Otherwise first create an external network in another project, and move the ' +
          'routers and floating IPs to that network.',
      };
    if (row.awaitsNova)
      return temporaryBlocker(
        'a port of the network has a device, and waits until Nova has deleted the servers',
      );
    return row.foreignSubnetOwners.length > 0
      ? foreignBlocker(row.foreignSubnetOwners, ['subnet', 'subnets'])
      : undefined;
  },
  remove: (row, context) =>
    deleteResource(context.api, '/v2.0/networks', row, () =>
      findBlocker(context, [portsWhere('network_id', row.id)]),
    ),
});

/**
 * Subnets on networks of other projects. Subnets on the project's own networks are removed with the
 * network.
 */
const subnet = defineType({
  name: 'subnet',
  dependsOn: [
    { types: ['network', 'port', 'router-interface'], strength: 'preferred', until: 'done' },
  ],
  async list(context) {
    const [rows, networks] = await Promise.all([
      rowsOf(context.api, subnetCollection, [['project_id', context.project]]),
      networksOf(context),
    ]);
    return rows.map((row) => ({
      ...row,
      isOnOwnNetwork: networks.some(({ id }) => id === row.network_id),
    }));
  },
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => labelOf(row),
  blocked: (row) =>
    row.isOnOwnNetwork
      ? { message: 'Neutron deletes the subnet with its network', actor: 'none' }
      : undefined,
  remove: (row, context) =>
    deleteResource(context.api, '/v2.0/subnets', row, () =>
      findBlocker(context, [portsWhere('fixed_ips', `subnet_id=${row.id}`)]),
    ),
});

const SubnetPool = OwnedRow.extend({ is_default: z.boolean().nullish() });

const subnetPool = defineType({
  name: 'subnet-pool',
  dependsOn: [{ types: ['subnet', 'network'], strength: 'preferred', until: 'done' }],
  async list(context) {
    await requireExtension(context, 'subnet_allocation');
    return rowsOf(
      context.api,
      { path: '/v2.0/subnetpools', collection: 'subnetpools', row: SubnetPool },
      [['project_id', context.project]],
    );
  },
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => labelOf(row),
  /**
   * Blocks the cloud's default pool of an IP version, because `--use-default-subnet-pool` and
   * auto-allocated topologies use it.
   */
  blocked: (row) =>
    row.is_default
      ? {
          message: 'the subnet pool is the default pool of the cloud',
          actor: 'operator',
          advice:
            'Clear the default: openstack subnet pool set --no-default POOL. The propagator ' +
            'then deletes this pool. Make another pool the default: openstack subnet pool ' +
            'set --default OTHER_POOL',
        }
      : undefined,
  remove: (row, context) =>
    deleteResource(context.api, '/v2.0/subnetpools', row, () =>
      findBlocker(context, [
        { ...subnetCollection, filters: [['subnetpool_id', row.id]], noun: ['subnet', 'subnets'] },
      ]),
    ),
});

const addressScope = definePlainType({
  name: 'address-scope',
  path: '/v2.0/address-scopes',
  collection: 'address_scopes',
  extension: 'address-scope',
  dependsOn: [{ types: ['subnet-pool'], strength: 'preferred', until: 'done' }],
  explainRefusal: (row, context) =>
    findBlocker(context, [
      {
        path: '/v2.0/subnetpools',
        collection: 'subnetpools',
        filters: [['address_scope_id', row.id]],
        noun: ['subnet pool', 'subnet pools'],
      },
    ]),
});

/** The ranges of VLAN ids or tunnel ids that the operator reserved for the project. */
const networkSegmentRange = definePlainType({
  name: 'network-segment-range',
  path: '/v2.0/network_segment_ranges',
  collection: 'network_segment_ranges',
  extension: 'network-segment-range',
  dependsOn: [{ types: ['network'], strength: 'required', until: 'empty' }],
});

export const NETWORK_TYPES = [network, subnet, subnetPool, addressScope, networkSegmentRange];
