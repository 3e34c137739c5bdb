import * as z from 'zod';
import type { ComparePart, ProvisionContext, ProvisionItem } from '../../task/service.ts';
import { OwnedRow, ownerOf, projectFilterWithoutSideEffect, rowsOf } from './collection.ts';
import type { NeutronSection, ProfileRule } from './provision-schema.ts';

const Rule = z.object({
  id: z.string(),
  security_group_id: z.string(),
  direction: z.string(),
  ethertype: z.string().nullish(),
  protocol: z.string().nullish(),
  port_range_min: z.number().nullish(),
  port_range_max: z.number().nullish(),
  remote_ip_prefix: z.string().nullish(),
  remote_group_id: z.string().nullish(),
});
const GROUP_COLLECTION = {
  path: '/v2.0/security-groups',
  collection: 'security_groups',
  row: OwnedRow,
};
const RULE_COLLECTION = {
  path: '/v2.0/security-group-rules',
  collection: 'security_group_rules',
  row: Rule,
};

/**
 * Compares rules of the security group `default`. Neutron creates this group when the groups of
 * the project are listed with a plain filter. A run that must not create resources therefore lists
 * them with {@link projectFilterWithoutSideEffect}.
 */
export const compareSecurityGroupRules: ComparePart<NeutronSection> = async (
  { securityGroupRules: wantedRules = [] },
  context,
) => {
  if (wantedRules.length === 0) return [];
  const { api, mayCreate, project } = context;
  const filters = mayCreate
    ? ([['project_id', project]] as const)
    : projectFilterWithoutSideEffect(context);
  const groups = await rowsOf(api, GROUP_COLLECTION, [...filters, ['name', 'default']]);
  const group = groups.find((row) => ownerOf(row) === project && row.name === 'default');
  const rules = group ? await rowsOf(api, RULE_COLLECTION, [['security_group_id', group.id]]) : [];
  const presentKeys = new Set(
    rules
      .filter((row) => row.security_group_id === group?.id && !row.remote_group_id)
      .map((row) => equivalenceKey(row)),
  );
  return wantedRules.map((rule) => ruleItem(rule, group?.id, presentKeys, context));
};

/** Compares one rule. `presentKeys`: the {@link equivalenceKey} of each rule of the group. */
function ruleItem(
  rule: ProfileRule,
  groupId: string | undefined,
  presentKeys: ReadonlySet<string>,
  { api, project }: ProvisionContext,
): ProvisionItem {
  const [firstPort, lastPort] = typeof rule.port === 'object' ? rule.port : [rule.port, rule.port];
  const row = {
    direction: rule.direction,
    ethertype: rule.ethertype,
    protocol: rule.protocol ?? null,
    port_range_min: firstPort ?? null,
    port_range_max: lastPort ?? null,
    remote_ip_prefix: rule.remote ?? null,
  };
  const name = nameOf(rule);
  const item = { type: 'security-group-rule', name, wanted: 'allowed' };
  if (presentKeys.has(equivalenceKey(row)))
    return { ...item, state: 'as-wanted', found: 'allowed' };
  if (groupId === undefined) return { ...item, state: 'missing' };
  const json = { security_group_rule: { ...row, security_group_id: groupId, project_id: project } };
  return {
    ...item,
    state: 'missing',
    // A 409 means that an equivalent rule exists.
    make: async () =>
      void (await api.request('POST', RULE_COLLECTION.path, { json, accept: [409] })),
  };
}

const ANY_ADDRESS = ['0.0.0.0/0', '::/0'];

/**
 * Returns the same key for equivalent rules. Neutron stores "any address" as null, `0.0.0.0/0` or
 * `::/0`.
 */
const equivalenceKey = (row: Omit<z.infer<typeof Rule>, 'id' | 'security_group_id'>): string =>
  JSON.stringify([
    row.direction,
    row.ethertype ?? 'IPv4',
    row.protocol ?? null,
    row.port_range_min ?? null,
    row.port_range_max ?? null,
    ANY_ADDRESS.includes(row.remote_ip_prefix ?? '') ? null : (row.remote_ip_prefix ?? null),
  ]);

function nameOf({ direction, ethertype, protocol = 'any', port, remote }: ProfileRule): string {
  const ports = port === undefined ? '' : ` ${[port].flat().join('-')}`;
  return `${direction} ${ethertype} ${protocol}${ports} ${remote ?? 'any address'}`;
}
