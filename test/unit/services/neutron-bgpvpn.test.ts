import { neutron } from '../../../lib/services/neutron.ts';
import type { ProjectContext, ServiceApi } from '../../../lib/task/service.ts';
import { projectContext } from './project-context.ts';

const PROJECT = 'p-1';
interface Call {
  readonly method: string;
  readonly path: string;
}

/** A Neutron with one BGP VPN of the project, and these networks, routers and ports. */
function neutronWith(
  rows: Readonly<Record<string, readonly { id: string; project_id: string }[]>>,
) {
  const calls: Call[] = [];
  const connectedIds = Object.fromEntries(
    ['networks', 'routers', 'ports'].map((name) => [name, (rows[name] ?? []).map(({ id }) => id)]),
  );
  const tables: Readonly<Record<string, readonly object[]>> = {
    extensions: [{ alias: 'bgpvpn' }],
    bgpvpns: [{ id: 'vpn-1', name: 'vpn', project_id: PROJECT, ...connectedIds }],
    ...rows,
  };
  const api = {
    ownProject: 'cleaner',
    async list(path: string, { collection }: { readonly collection: string }) {
      calls.push({ method: 'GET', path });
      return { rows: tables[collection] ?? [] };
    },
    async request(method: string, path: string) {
      calls.push({ method, path });
      return { status: 204, json: undefined };
    },
  } as unknown as ServiceApi;
  return { context: projectContext(api, PROJECT), calls };
}

const removeBgpVpn = async (context: ProjectContext) => {
  const type = neutron.resourceTypes.find(({ name }) => name === 'neutron.bgpvpn');
  const [vpn] = (await type?.list(context))?.resources ?? [];
  if (!vpn) throw new TypeError('the BGP VPN is not listed');
  return vpn.remove();
};
const deletionsIn = (calls: readonly Call[]) => calls.filter(({ method }) => method === 'DELETE');

describe('the removal of a BGP VPN', () => {
  it('deletes a BGP VPN that connects only resources of the project', async () => {
    const { context, calls } = neutronWith({ networks: [{ id: 'n-1', project_id: PROJECT }] });
    expect(await removeBgpVpn(context)).toEqual({ kind: 'gone' });
    expect(deletionsIn(calls).map(({ path }) => path)).toEqual(['/v2.0/bgpvpn/bgpvpns/vpn-1']);
  });

  it.each(['networks', 'routers', 'ports'])(
    'sends no DELETE while the BGP VPN connects one of the %s of another project',
    async (collection) => {
      const { context, calls } = neutronWith({
        [collection]: [
          { id: 'own', project_id: PROJECT },
          { id: 'foreign', project_id: 'p-2' },
        ],
      });
      expect(await removeBgpVpn(context)).toMatchObject({
        kind: 'blocked',
        actor: 'other-project',
        message: expect.stringContaining('of project p-2'),
      });
      expect(deletionsIn(calls)).toEqual([]);
    },
  );
});
