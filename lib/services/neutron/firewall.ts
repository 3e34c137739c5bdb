import * as z from 'zod';
import {
  defineType,
  type ProjectContext,
  type Removal,
  type ResourceTypeFactory,
  type TypeDependencies,
} from '../../task/service.ts';
import { foreignBlocker } from './blocking-resources.ts';
import {
  deleteResource,
  labelOf,
  OwnedRow,
  ownerOf,
  projectFilterWithoutSideEffect,
  requireExtension,
  rowsOf,
  urlEncode,
} from './collection.ts';

const GROUPS_PATH = '/v2.0/fwaas/firewall_groups';
const POLICIES_PATH = '/v2.0/fwaas/firewall_policies';
const optionalText = z.string().nullish();
const FirewallGroup = OwnedRow.extend({
  ports: z.array(z.string()).nullish(),
  ingress_firewall_policy_id: optionalText,
  egress_firewall_policy_id: optionalText,
});
type FirewallGroup = z.infer<typeof FirewallGroup>;

/**
 * Lists the rows of the project in FWaaS v2. A plain listing by project would create a default
 * group, two policies and four rules in that project (safety rule: listing must not create).
 */
async function listWithoutSideEffect<S extends typeof OwnedRow>(
  context: ProjectContext,
  path: string,
  collection: string,
  row: S,
): Promise<z.infer<S>[]> {
  await requireExtension(context, 'fwaas_v2');
  const filters = projectFilterWithoutSideEffect(context);
  const rows = await rowsOf(context.api, { path, collection, row }, filters);
  return rows.filter((one) => ownerOf(one) !== context.api.ownProject);
}

/** Returns the owner of each policy of the group that does not belong to the project. */
async function foreignPolicyOwners(
  group: FirewallGroup,
  { api, project }: ProjectContext,
): Promise<(string | undefined)[]> {
  const optionalPolicyIds = [group.ingress_firewall_policy_id, group.egress_firewall_policy_id];
  const policyIds = new Set(optionalPolicyIds.filter((id) => typeof id === 'string'));
  const policyOwners = [...policyIds].map(async (id) => {
    const { json, status } = await api.request('GET', `${POLICIES_PATH}/${urlEncode(id)}`, {
      accept: [404],
    });
    // A deleted policy counts as a policy of the project, so that it does not block the deletion.
    return status === 404
      ? project
      : ownerOf(z.object({ firewall_policy: OwnedRow }).parse(json).firewall_policy);
  });
  return (await Promise.all(policyOwners)).filter((owner) => owner !== project);
}

/**
 * Firewall groups. When Neutron deletes the default group of a project, it also deletes the
 * policies of this group, and does not check the owners of the policies. A default group with a
 * shared policy of another project therefore stays.
 */
const firewallGroup = defineType<FirewallGroup>({
  name: 'firewall-group',
  blockers: [
    'The propagator keeps a default firewall group that has a policy of another project, because ' +
      'Neutron would delete the policy with the group.',
  ],
  list: (context) => listWithoutSideEffect(context, GROUPS_PATH, 'firewall_groups', FirewallGroup),
  id: (row) => row.id,
  owner: ownerOf,
  label: labelOf,
  async remove(row, context): Promise<Removal> {
    const { api } = context;
    const foreignOwners = row.name === 'default' ? await foreignPolicyOwners(row, context) : [];
    if (foreignOwners.length > 0)
      return {
        kind: 'blocked',
        ...foreignBlocker(foreignOwners, ['firewall policy', 'firewall policies']),
        advice:
          'Neutron would delete this policy with the default group. Give the group a policy of ' +
          'its own project: openstack firewall group set --ingress-firewall-policy (or ' +
          '--egress-firewall-policy) POLICY GROUP. The propagator then deletes the group.',
      };
    const hasPorts = (row.ports ?? []).length > 0;
    if (hasPorts)
      await api.request('PUT', `${GROUPS_PATH}/${urlEncode(row.id)}`, {
        json: { firewall_group: { ports: [] } },
        accept: [404],
      });
    const removal = await deleteResource(api, GROUPS_PATH, row);
    // Neutron answers 409 (FirewallGroupInPendingState) until its agents have removed the rules
    // from the ports.
    return hasPorts && removal.kind === 'blocked' ? { kind: 'accepted' } : removal;
  },
});

const defineFirewallType = (
  name: string,
  collection: string,
  dependsOn: readonly TypeDependencies[],
): ResourceTypeFactory => {
  const path = `/v2.0/fwaas/${collection}`;
  return defineType<OwnedRow>({
    name,
    dependsOn,
    list: (context) => listWithoutSideEffect(context, path, collection, OwnedRow),
    id: (row) => row.id,
    owner: ownerOf,
    label: labelOf,
    remove: (row, { api }) => deleteResource(api, path, row),
  });
};

export const FIREWALL_TYPES = [
  firewallGroup,
  defineFirewallType('firewall-policy', 'firewall_policies', [
    { types: ['firewall-group'], strength: 'required', until: 'empty' },
  ]),
  defineFirewallType('firewall-rule', 'firewall_rules', [
    { types: ['firewall-policy', 'firewall-group'], strength: 'required', until: 'empty' },
  ]),
];
