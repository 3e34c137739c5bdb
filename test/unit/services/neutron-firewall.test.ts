import { neutron } from '../../../lib/services/neutron.ts';
import type { ProjectContext, RequestOptions, ServiceApi } from '../../../lib/task/service.ts';
import { projectContext } from './project-context.ts';

const PROJECT = 'p-1';

/** A Neutron with one firewall group of the project, and an ingress policy of this owner. */
function neutronWith(name: string, policyOwner: string) {
  const changes: string[] = [];
  const group = { id: 'group', name, project_id: PROJECT, ports: ['port'] };
  const tables: Readonly<Record<string, readonly object[]>> = {
    extensions: [{ alias: 'fwaas_v2' }],
    firewall_groups: [{ ...group, ingress_firewall_policy_id: 'in' }],
  };
  const api = {
    ownProject: 'cleaner',
    list: async (_path: string, { collection }: { readonly collection: string }) => ({
      rows: tables[collection] ?? [],
    }),
    async request(method: string, path: string, { json }: RequestOptions = {}) {
      if (method !== 'GET') changes.push(`${method} ${path} ${JSON.stringify(json)}`);
      return { status: 200, json: { firewall_policy: { id: 'in', project_id: policyOwner } } };
    },
  } as unknown as ServiceApi;
  return { context: projectContext(api, PROJECT), changes };
}

const removeFirewallGroup = async (context: ProjectContext) => {
  const type = neutron.resourceTypes.find((one) => one.name === 'neutron.firewall-group');
  const [group] = (await type?.list(context))?.resources ?? [];
  if (!group) throw new TypeError('the firewall group is not listed');
  return group.remove();
};

describe('the removal of a firewall group', () => {
  it.each([
    ['the default group with a policy of the project', 'default', PROJECT],
    ['any other group, also with a policy of another project', 'web', 'p-2'],
  ])('detaches the ports of %s, and deletes the group', async (_what, name, policyOwner) => {
    const { context, changes } = neutronWith(name, policyOwner);
    expect(await removeFirewallGroup(context)).toEqual({ kind: 'gone' });
    expect(changes).toEqual([
      'PUT /v2.0/fwaas/firewall_groups/group {"firewall_group":{"ports":[]}}',
      'DELETE /v2.0/fwaas/firewall_groups/group undefined',
    ]);
  });

  it('changes nothing if Neutron would also delete a policy of another project', async () => {
    const { context, changes } = neutronWith('default', 'p-2');
    expect(await removeFirewallGroup(context)).toMatchObject({
      kind: 'blocked',
      actor: 'other-project',
      message: '1 firewall policy of project p-2 prevents the deletion',
    });
    expect(changes).toEqual([]);
  });
});
