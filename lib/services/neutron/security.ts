import * as z from 'zod';
import { type Blocker, defineType } from '../../task/service.ts';
import { findBlocker, portsWhere } from './blocking-resources.ts';
import {
  definePlainType,
  deleteResource,
  labelOf,
  OwnedRow,
  ownerOf,
  projectFilterWithoutSideEffect,
  requireExtension,
  rowsOf,
  rowsWhere,
} from './collection.ts';

const Rule = z.object({
  id: z.string(),
  security_group_id: z.string(),
  remote_group_id: z.string().nullish(),
});
const SECURITY_GROUPS_PATH = '/v2.0/security-groups';

/**
 * Security groups with their rules, including `default`, which only an administrator may delete.
 * Neutron removes a group with all rules that refer to it. Groups of *other* projects may have such
 * rules, if an RBAC policy shared the group. The cleanup then does not remove the group (safety
 * rule: check the owner of every row). Security groups are removed after ports and networks,
 * because Neutron creates `default` again when a port or network changes.
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
    const listedGroups = await rowsOf(
      context.api,
      { path: SECURITY_GROUPS_PATH, collection: 'security_groups', row: OwnedRow },
      projectFilterWithoutSideEffect(context),
    );
    const groups = listedGroups.filter((row) => ownerOf(row) !== context.api.ownProject);
    const projectGroupIds = new Set(
      groups.filter((row) => ownerOf(row) === context.project).map(({ id }) => id),
    );
    // The rules are listed without a filter by project, because Neutron creates the project's
    // default group for that filter.
    const ruleCollection = {
      path: '/v2.0/security-group-rules',
      collection: 'security_group_rules',
      row: Rule,
    };
    const referringRules = await rowsWhere(context.api, ruleCollection, 'remote_group_id', [
      ...projectGroupIds,
    ]);
    const foreignRules = referringRules.filter(
      (rule) => !projectGroupIds.has(rule.security_group_id),
    );
    return groups.map((row) => ({
      ...row,
      foreignRuleCount: foreignRules.filter((rule) => rule.remote_group_id === row.id).length,
    }));
  },
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => labelOf(row),
  blocked: ({ foreignRuleCount: count }): Blocker | undefined =>
    count > 0
      ? {
          message:
            `${count === 1 ? '1 rule' : `${count} rules`} in security groups of other projects ` +
            `${count === 1 ? 'refers' : 'refer'} to this group, and Neutron would delete ` +
            `${count === 1 ? 'it' : 'them'} with the group`,
          actor: 'other-project',
          advice:
            'Ask the owners of those groups to remove the rules that refer to this group. ' +
            'To list them: openstack security group rule list --long',
        }
      : undefined,
  remove: (row, context) =>
    deleteResource(context.api, SECURITY_GROUPS_PATH, row, () =>
      findBlocker(context, [portsWhere('security_groups', row.id)]),
    ),
});

const addressGroup = definePlainType({
  name: 'address-group',
  path: '/v2.0/address-groups',
  collection: 'address_groups',
  extension: 'address-group',
  dependsOn: [{ types: ['security-group', 'firewall-rule'], strength: 'preferred', until: 'done' }],
  explainRefusal: (row, context) =>
    findBlocker(context, [
      {
        path: '/v2.0/security-group-rules',
        collection: 'security_group_rules',
        filters: [['remote_address_group_id', row.id]],
        noun: ['security group rule', 'security group rules'],
      },
    ]),
});

const qosPolicy = definePlainType({
  name: 'qos-policy',
  path: '/v2.0/qos/policies',
  collection: 'policies',
  extension: 'qos',
  dependsOn: [
    { types: ['port', 'network', 'router', 'floating-ip'], strength: 'required', until: 'empty' },
  ],
  /**
   * Does not list the resources that use the policy, because some releases cannot list resources by
   * policy. These resources belong to other projects, because the cleanup has already removed the
   * resources of this project that could use the policy.
   */
  explainRefusal: async () => ({
    message: 'a port, network, floating IP or router of another project uses the policy',
    actor: 'other-project',
    advice:
      'The policy was shared by RBAC. Ask the projects that use it to choose another policy. ' +
      'The answer of Neutron to "openstack network qos policy delete POLICY" names the first ' +
      'resource that uses the policy.',
  }),
});

/**
 * The project's setting that decides whether its new security groups are stateful (Neutron 29). The
 * setting is removed after the groups, because it applies to groups that are created during the
 * cleanup.
 */
const defaultStatefulness = definePlainType({
  name: 'default-statefulness',
  path: '/v2.0/security-groups-default-statefulness',
  collection: 'security_groups_default_statefulness',
  extension: 'security-groups-default-statefulness',
  dependsOn: [{ types: ['security-group'], strength: 'preferred', until: 'done' }],
});

export const SECURITY_TYPES = [securityGroup, addressGroup, qosPolicy, defaultStatefulness];
