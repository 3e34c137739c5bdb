import * as z from 'zod';
import { type Blocker, defineType } from '../../task/service.ts';
import {
  deleteResource,
  labelOf,
  Owned,
  ownerOf,
  plainType,
  projectFilterWithoutSideEffect,
  requireExtension,
  rowsOf,
  rowsWhere,
} from './collection.ts';
import { findBlocker, portsWhere } from './port-owners.ts';

const Rule = z.object({
  id: z.string(),
  security_group_id: z.string(),
  remote_group_id: z.string().nullish(),
});
const path = '/v2.0/security-groups';

/**
 * Security groups with their rules, including `default`, which only an administrator may delete.
 * With a group Neutron removes all rules that refer to it. If the group was shared by RBAC, such
 * rules may be in groups of *other* projects; the group then stays (safety rule: check the owner of
 * every row). Security groups are removed after ports and networks, because creating or updating
 * those creates `default` again.
 */
const securityGroup = defineType({
  name: 'security-group',
  dependsOn: [
    {
      types: ['port', 'trunk', 'router', 'router-interface', 'network', 'local-ip', 'log'],
      strength: 'preferred',
      until: 'done',
    },
  ],
  async list(context) {
    await requireExtension(context, 'security-group');
    const listed = await rowsOf(
      context.api,
      { path, collection: 'security_groups', row: Owned },
      projectFilterWithoutSideEffect(context),
    );
    const groups = listed.filter((row) => ownerOf(row) !== context.api.ownProject);
    const own = new Set(
      groups.filter((row) => ownerOf(row) === context.project).map(({ id }) => id),
    );
    // No filter by project: that filter creates the project's default group, too.
    const from = {
      path: '/v2.0/security-group-rules',
      collection: 'security_group_rules',
      row: Rule,
    };
    const rules = await rowsWhere(context.api, from, 'remote_group_id', [...own]);
    const foreign = rules
      .filter((rule) => !own.has(rule.security_group_id))
      .map((rule) => rule.remote_group_id);
    return groups.map((row) => ({ ...row, namedBy: foreign.filter((id) => id === row.id).length }));
  },
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => labelOf(row),
  blocked: ({ namedBy }): Blocker | undefined =>
    namedBy > 0
      ? {
          message:
            `${namedBy === 1 ? '1 rule' : `${namedBy} rules`} in security groups of other ` +
            `projects ${namedBy === 1 ? 'refers' : 'refer'} to this group and would be deleted ` +
            `with it`,
          actor: 'other-project',
          advice:
            'Ask the owners of those groups to remove the rules that refer to this group. ' +
            'To list them: openstack security group rule list --long',
        }
      : undefined,
  remove: (row, context) =>
    deleteResource(context.api, path, row, () =>
      findBlocker(context, [portsWhere('security_groups', row.id)]),
    ),
});

const addressGroup = plainType({
  name: 'address-group',
  path: '/v2.0/address-groups',
  collection: 'address_groups',
  extension: 'address-group',
  dependsOn: [{ types: ['security-group', 'firewall-rule'], strength: 'preferred', until: 'done' }],
  explain: (row, context) =>
    findBlocker(context, [
      {
        path: '/v2.0/security-group-rules',
        collection: 'security_group_rules',
        filters: [['remote_address_group_id', row.id]],
        noun: ['security group rule', 'security group rules'],
      },
    ]),
});

const qosPolicy = plainType({
  name: 'qos-policy',
  path: '/v2.0/qos/policies',
  collection: 'policies',
  extension: 'qos',
  dependsOn: [
    { types: ['port', 'network', 'router', 'floating-ip'], strength: 'required', until: 'empty' },
  ],
  /**
   * All resources of the project that used the policy are already deleted, so another project uses
   * it. Not every release can list resources by policy.
   */
  explain: async () => ({
    message: 'a port, network, floating IP or router of another project uses the policy',
    actor: 'other-project',
    advice:
      'The policy was shared by RBAC. Ask its users to choose another policy. The ' +
      'answer of Neutron to "openstack network qos policy delete POLICY" names the ' +
      'first user.',
  }),
});

/**
 * The setting whether new security groups of the project are stateful (Neutron 29). It is removed
 * after the groups, so that a group that is created in the meantime still gets the project's
 * setting.
 */
const defaultStatefulness = plainType({
  name: 'default-statefulness',
  path: '/v2.0/security-groups-default-statefulness',
  collection: 'security_groups_default_statefulness',
  extension: 'security-groups-default-statefulness',
  dependsOn: [{ types: ['security-group'], strength: 'preferred', until: 'done' }],
});

export const SECURITY = [securityGroup, addressGroup, qosPolicy, defaultStatefulness];
