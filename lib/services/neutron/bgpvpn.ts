import * as z from 'zod';
import { defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { foreignBlocker } from './blocking-resources.ts';
import {
  deleteResource,
  INDEPENDENT_OF_NOVA,
  labelOf,
  OwnedRow,
  ownerOf,
  requireExtension,
  rowsOf,
  rowsWhere,
} from './collection.ts';

const optionalIds = z.array(z.string()).nullish();
const BgpVpn = OwnedRow.extend({ networks: optionalIds, routers: optionalIds, ports: optionalIds });
type BgpVpn = z.infer<typeof BgpVpn>;

/** The collections of resources that a BGP VPN connects, each with its singular and plural noun. */
const CONNECTED_COLLECTIONS = [
  ['networks', ['network', 'networks']],
  ['routers', ['router', 'routers']],
  ['ports', ['port', 'ports']],
] as const;

/**
 * BGP VPNs. Neutron deletes a BGP VPN with its associations, and does not check the owners of the
 * connected networks, routers and ports (networking-bgpvpn 25, `ON DELETE CASCADE`). The cleanup
 * therefore does not delete a BGP VPN that an administrator has connected to another project.
 */
export const bgpVpn = defineType<BgpVpn>({
  name: 'bgpvpn',
  independentOf: INDEPENDENT_OF_NOVA,
  blockers: [
    'The propagator keeps a BGP VPN that connects a network, router or port of another project.',
  ],
  async list(context) {
    await requireExtension(context, 'bgpvpn');
    return rowsOf(
      context.api,
      { path: '/v2.0/bgpvpn/bgpvpns', collection: 'bgpvpns', row: BgpVpn },
      [['project_id', context.project]],
    );
  },
  id: (row) => row.id,
  owner: ownerOf,
  label: labelOf,
  async remove(row, context): Promise<Removal> {
    for (const [collection, noun] of CONNECTED_COLLECTIONS) {
      const owners = await listForeignOwners(collection, row[collection] ?? [], context);
      if (owners.length > 0) return { kind: 'blocked', ...foreignBlocker(owners, noun) };
    }
    return deleteResource(context.api, '/v2.0/bgpvpn/bgpvpns', row);
  },
});

/** Returns the owner of each connected resource that does not belong to the project. */
export async function listForeignOwners(
  collection: string,
  connectedIds: readonly string[],
  { api, project }: ProjectContext,
): Promise<(string | undefined)[]> {
  const connectedCollection = { path: `/v2.0/${collection}`, collection, row: OwnedRow };
  const rows = await rowsWhere(api, connectedCollection, 'id', connectedIds);
  return rows.map(ownerOf).filter((owner) => owner !== project);
}
