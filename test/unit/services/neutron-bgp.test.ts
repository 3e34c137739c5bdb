import { neutron } from '../../../lib/services/neutron.ts';
import type { ProjectContext, ServiceApi } from '../../../lib/task/service.ts';
import { projectContext } from './project-context.ts';

const PROJECT = 'p-1';

/** A Neutron with a BGP speaker and a BGP peer of the project, and these further rows. */
function neutronWith(
  otherRows: Readonly<Record<string, readonly { id: string; project_id: string }[]>>,
) {
  const deletions: string[] = [];
  const networks = otherRows.networks ?? [];
  const ownerFields = { name: '', project_id: PROJECT };
  const tables: Readonly<Record<string, readonly object[]>> = {
    extensions: [{ alias: 'bgp' }],
    networks,
    bgp_peers: [{ id: 'peer', ...ownerFields }],
    bgp_speakers: [
      { id: 'speaker', ...ownerFields, peers: ['peer'], networks: networks.map(({ id }) => id) },
      ...(otherRows.bgp_speakers ?? []),
    ],
  };
  const api = {
    ownProject: 'cleaner',
    async list(path: string, { collection }: { readonly collection: string }) {
      const projectFilter = new URLSearchParams(path.split('?')[1]).get('project_id');
      const rows = (tables[collection] ?? []) as readonly { project_id?: string }[];
      return {
        rows: rows.filter((row) => projectFilter === null || row.project_id === projectFilter),
      };
    },
    async request(_method: string, path: string) {
      deletions.push(path);
      return { status: 204, json: undefined };
    },
  } as unknown as ServiceApi;
  return { context: projectContext(api, PROJECT), deletions };
}

const removeOnlyResource = async (name: string, context: ProjectContext) => {
  const type = neutron.resourceTypes.find((one) => one.name === `neutron.${name}`);
  const [row, ...others] = (await type?.list(context))?.resources ?? [];
  if (!row || others.length > 0) throw new TypeError(`not exactly one ${name}`);
  return row.remove();
};

describe('the removal of BGP speakers and peers', () => {
  it('deletes a speaker that advertises only networks of the project, and its peer', async () => {
    const { context, deletions } = neutronWith({ networks: [{ id: 'n', project_id: PROJECT }] });
    expect(await removeOnlyResource('bgp-speaker', context)).toEqual({ kind: 'gone' });
    expect(await removeOnlyResource('bgp-peer', context)).toEqual({ kind: 'gone' });
    expect(deletions).toEqual(['/v2.0/bgp-speakers/speaker', '/v2.0/bgp-peers/peer']);
  });

  it('keeps a speaker that advertises a network of another project', async () => {
    const { context, deletions } = neutronWith({ networks: [{ id: 'n', project_id: 'p-2' }] });
    expect(await removeOnlyResource('bgp-speaker', context)).toMatchObject({
      kind: 'blocked',
      actor: 'other-project',
      message: '1 network of project p-2 prevents the deletion',
    });
    expect(deletions).toEqual([]);
  });

  it('keeps a peer that a speaker of another project uses', async () => {
    const foreignSpeaker = { id: 'foreign', project_id: 'p-2', peers: ['peer'], networks: [] };
    const { context, deletions } = neutronWith({ bgp_speakers: [foreignSpeaker] });
    expect(await removeOnlyResource('bgp-peer', context)).toMatchObject({
      kind: 'blocked',
      actor: 'other-project',
      message: '1 BGP speaker of project p-2 prevents the deletion',
    });
    expect(deletions).toEqual([]);
  });
});
