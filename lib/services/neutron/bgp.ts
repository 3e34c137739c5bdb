import * as z from 'zod';
import { defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { foreignOwners } from './bgpvpn.ts';
import {
  deleteResource,
  type Filters,
  labelOf,
  Owned,
  ownerOf,
  requireExtension,
  rowsOf,
} from './collection.ts';
import { foreignBlocker } from './port-owners.ts';

const ids = z.array(z.string()).nullish();
const BgpSpeaker = Owned.extend({ networks: ids, peers: ids });
type BgpSpeaker = z.infer<typeof BgpSpeaker>;
const PEERS = '/v2.0/bgp-peers';
const SPEAKERS = '/v2.0/bgp-speakers';

async function speakers(context: ProjectContext, filters: Filters): Promise<BgpSpeaker[]> {
  await requireExtension(context, 'bgp');
  const from = { path: SPEAKERS, collection: 'bgp_speakers', row: BgpSpeaker };
  return rowsOf(context.api, from, filters);
}

/**
 * BGP speakers. The owner of a speaker is the project of its creator's token, which is usually the
 * operator's (neutron-dynamic-routing 21 ignores `project_id`). Neutron deletes a speaker with its
 * associations, and does not check the owners of the networks. The routes to the floating IPs on
 * these networks then end. A speaker that advertises a network of another project therefore stays.
 */
export const bgpSpeaker = defineType<BgpSpeaker>({
  name: 'bgp-speaker',
  blockers: ['The BGP speaker advertises a network of another project.'],
  list: (context) => speakers(context, [['project_id', context.project]]),
  id: (row) => row.id,
  owner: ownerOf,
  label: labelOf,
  async remove(row, context): Promise<Removal> {
    const foreign = await foreignOwners('networks', row.networks ?? [], context);
    if (foreign.length > 0)
      return { kind: 'blocked', ...foreignBlocker(foreign, ['network', 'networks']) };
    return deleteResource(context.api, SPEAKERS, row);
  },
});

/**
 * BGP peers. Neutron also removes a deleted peer from the speakers of other projects
 * (`ON DELETE CASCADE`). A peer that such a speaker uses therefore stays.
 */
export const bgpPeer = defineType<Owned>({
  name: 'bgp-peer',
  dependsOn: [{ types: ['bgp-speaker'], strength: 'required', until: 'empty' }],
  blockers: ['A BGP speaker of another project uses the peer.'],
  async list(context) {
    await requireExtension(context, 'bgp');
    const from = { path: PEERS, collection: 'bgp_peers', row: Owned };
    return rowsOf(context.api, from, [['project_id', context.project]]);
  },
  id: (row) => row.id,
  owner: ownerOf,
  label: labelOf,
  async remove(row, context): Promise<Removal> {
    const users = (await speakers(context, [])).filter(({ peers }) => peers?.includes(row.id));
    const foreign = users.map(ownerOf).filter((owner) => owner !== context.project);
    if (foreign.length > 0)
      return { kind: 'blocked', ...foreignBlocker(foreign, ['BGP speaker', 'BGP speakers']) };
    return deleteResource(context.api, PEERS, row);
  },
});
