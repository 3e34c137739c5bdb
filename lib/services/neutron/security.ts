import * as z from 'zod';
import { type Blocker, defineType } from '../../task/service.ts';
import {
  destroy,
  labelOf,
  Owned,
  ownerOf,
  plainType,
  requireExtension,
  rowsOf,
  rowsWhere,
  withoutCreating,
} from './collection.ts';
import { heldBy, portsOn } from './port-owners.ts';

const Rule = z.object({
  id: z.string(),
  security_group_id: z.string(),
  remote_group_id: z.string().nullish(),
});
const path = '/v2.0/security-groups';

/**
 * Security groups with their rules, `default` among them (only an administrator may delete that
 * one). Rules that name each other's group are no obstacle: Neutron drops them with the group. It
 * drops rules in groups of *others* as well, silently, where a group was lent by RBAC; such a group
 * is left (safety rule: check the owner of every row). Last of all that could make `default` again:
 * creating or updating a port or a network of the project does.
 */
const securityGroup = defineType({
  name: 'security-group',
  follows: ['port', 'trunk', 'router', 'router-interface', 'network', 'local-ip', 'log'],
  async list(context) {
    await requireExtension(context, 'security-group');
    const listed = await rowsOf(
      context.api,
      { path, collection: 'security_groups', row: Owned },
      withoutCreating(context),
    );
    const groups = listed.filter((row) => ownerOf(row) !== context.api.ownProject);
    const own = new Set(
      groups.filter((row) => ownerOf(row) === context.project).map(({ id }) => id),
    );
    // Without a filter by project, for that one makes the project's default group, too.
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
          message: `${namedBy === 1 ? 'a rule' : `${namedBy} rules`} in security groups of other projects would vanish with it`,
          actor: 'other-project',
          advice:
            'Let the owners of those groups remove the rules that name it (openstack security group rule list --long).',
        }
      : undefined,
  remove: (row, context) =>
    destroy(context.api, path, row, () => heldBy(context, [portsOn('security_groups', row.id)])),
});

const addressGroup = plainType({
  name: 'address-group',
  path: '/v2.0/address-groups',
  collection: 'address_groups',
  extension: 'address-group',
  follows: ['security-group', 'firewall-rule'],
  explain: (row, context) =>
    heldBy(context, [
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
  after: ['port', 'network', 'router', 'floating-ip'],
  /**
   * Not every release filters by policy. All that the project had under it is gone by now, so that
   * it is somebody else's.
   */
  explain: async () => ({
    message: 'a port, network, floating IP or router of another project uses it',
    actor: 'other-project',
    advice:
      'It was lent by RBAC: let its users choose another policy (neutron names the first one in its answer to a DELETE).',
  }),
});

/**
 * Whether new security groups of the project are stateful (Neutron 29): one row per project. After
 * the groups, so that no group that is made meanwhile differs from what the project had set.
 */
const defaultStatefulness = plainType({
  name: 'default-statefulness',
  path: '/v2.0/security-groups-default-statefulness',
  collection: 'security_groups_default_statefulness',
  extension: 'security-groups-default-statefulness',
  follows: ['security-group'],
});

export const SECURITY = [securityGroup, addressGroup, qosPolicy, defaultStatefulness];
