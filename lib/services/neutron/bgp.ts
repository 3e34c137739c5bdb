import * as z from 'zod';
import { defineType, type ProjectContext, type Removal } from '../../task/service.ts';
import { listForeignOwners } from './bgpvpn.ts';
import { foreignBlocker } from './blocking-resources.ts';
import {
  deleteResource,
  type Filters,
  INDEPENDENT_OF_NOVA,
  labelOf,
  OwnedRow,
  ownerOf,
  requireExtension,
  rowsOf,
} from './collection.ts';

const optionalIds = z.array(z.string()).nullish();
const BgpSpeaker = OwnedRow.extend({ networks: optionalIds, peers: optionalIds });
type BgpSpeaker = z.infer<typeof BgpSpeaker>;
const PEERS_PATH = '/v2.0/bgp-peers';
const SPEAKERS_PATH = '/v2.0/bgp-speakers';

async function listSpeakers(context: ProjectContext, filters: Filters): Promise<BgpSpeaker[]> {
  await requireExtension(context, 'bgp');
  const speakerCollection = { path: SPEAKERS_PATH, collection: 'bgp_speakers', row: BgpSpeaker };
  return rowsOf(context.api, speakerCollection, filters);
}

/**
 * BGP speakers. The owner of a speaker is the project of the token that created it, usually the
 * operator's project (neutron-dynamic-routing 21 ignores `project_id`). Neutron deletes a speaker
 * with its associations, and does not check the owners of the associated networks. Routers outside
 * the cloud then lose the routes to the floating IPs on these networks. The cleanup therefore does
 * not delete a speaker that advertises a network of another project.
 */
export const bgpSpeaker = defineType<BgpSpeaker>({
  name: 'bgp-speaker',
  independentOf: INDEPENDENT_OF_NOVA,
  blockers: [
    'The propagator keeps a BGP speaker that advertises a network of another project. Without ' +
      'the speaker, routers outside the cloud would lose the routes to the floating IPs on that ' +
      'network.',
  ],
  list: (context) => listSpeakers(context, [['project_id', context.project]]),
  id: (row) => row.id,
  owner: ownerOf,
  label: labelOf,
  async remove(row, context): Promise<Removal> {
    const networkOwners = await listForeignOwners('networks', row.networks ?? [], context);
    if (networkOwners.length > 0)
      return { kind: 'blocked', ...foreignBlocker(networkOwners, ['network', 'networks']) };
    return deleteResource(context.api, SPEAKERS_PATH, row);
  },
});

/**
 * BGP peers. When Neutron deletes a peer, it also removes the peer from the speakers of other
 * projects (`ON DELETE CASCADE`). The cleanup therefore does not delete a peer that such a speaker
 * uses.
 */
export const bgpPeer = defineType<OwnedRow>({
  name: 'bgp-peer',
  dependsOn: [{ types: ['bgp-speaker'], strength: 'required', until: 'empty' }],
  blockers: ['The propagator keeps a BGP peer that a BGP speaker of another project uses.'],
  async list(context) {
    await requireExtension(context, 'bgp');
    const peerCollection = { path: PEERS_PATH, collection: 'bgp_peers', row: OwnedRow };
    return rowsOf(context.api, peerCollection, [['project_id', context.project]]);
  },
  id: (row) => row.id,
  owner: ownerOf,
  label: labelOf,
  async remove(row, context): Promise<Removal> {
    const speakers = await listSpeakers(context, []);
    const foreignSpeakerOwners = speakers
      .filter(({ peers }) => peers?.includes(row.id))
      .map(ownerOf)
      .filter((owner) => owner !== context.project);
    if (foreignSpeakerOwners.length > 0)
      return {
        kind: 'blocked',
        ...foreignBlocker(foreignSpeakerOwners, ['BGP speaker', 'BGP speakers']),
      };
    return deleteResource(context.api, PEERS_PATH, row);
  },
});
