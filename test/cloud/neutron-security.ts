import { type Call, Refusal, type Routes } from './http.ts';
import { blank, conflict, type Resource, texts, withoutTimes } from './neutron-shape.ts';
import { uuid } from './resource-store.ts';
import type { NetworkRow } from './rows.ts';
import type { CloudState } from './state.ts';
import { isAdmin } from './tokens.ts';

/**
 * Returns the `default` group of the project, and creates it if there is none. Neutron does that
 * whenever it lists the groups or rules of a project, even of a deleted one. Over the quota of
 * rules, the listing itself fails with 409.
 */
export function ensureDefaultGroup(state: CloudState, project: string): NetworkRow {
  const { securityGroups, quotas } = state.network;
  const [existing] = securityGroups.where(
    (row) => row.project_id === project && row.name === 'default',
  );
  if (existing) return existing;
  for (const name of ['security_group', 'security_group_rule'])
    if (quotas.get(project)?.values[name] === 0)
      throw conflict('OverQuota', `Quota exceeded for resources: ['${name}'].`);
  const group = addGroup(state, project, {
    name: 'default',
    description: 'Default security group',
  });
  for (const ethertype of ['IPv4', 'IPv6'])
    addRule(state, group, { direction: 'ingress', ethertype, remote_group_id: group.id });
  return group;
}

/** A group with the two rules that allow all outgoing traffic. */
export function addGroup(
  state: CloudState,
  project: string,
  input: Record<string, unknown>,
): NetworkRow {
  const group = state.network.securityGroups.add(
    blank(state, project, { name: '', stateful: true, shared: false, ...input }),
  );
  for (const ethertype of ['IPv4', 'IPv6'])
    addRule(state, group, { direction: 'egress', ethertype });
  return group;
}

export function addRule(
  state: CloudState,
  group: NetworkRow,
  input: Record<string, unknown>,
): NetworkRow {
  const fields = {
    protocol: null,
    port_range_min: null,
    port_range_max: null,
    remote_ip_prefix: null,
    remote_address_group_id: null,
    normalized_cidr: null,
    remote_group_id: null,
  };
  const { tags: _, ...row } = blank(state, group.project_id, {
    ...fields,
    ...input,
    security_group_id: group.id,
  });
  return state.network.securityGroupRules.add({ ...row, id: uuid(), project_id: group.project_id });
}

export function securityGroups(state: CloudState): Resource {
  const { securityGroups: table, securityGroupRules, ports } = state.network;
  return {
    path: 'security-groups',
    badMarker: 'ignored',
    plural: 'security_groups',
    singular: 'security_group',
    table,
    extension: 'security-group',
    missing: ['SecurityGroupNotFound', (id) => `Security group ${id} does not exist`],
    filters: ['shared', 'stateful'],
    onList: (_, project) => void ensureDefaultGroup(state, project),
    show: (row) => ({
      security_group_rules: securityGroupRules
        .where((rule) => rule.security_group_id === row.id)
        .map((rule) => ({ ...rule, tags: [] })),
    }),
    create: (input, project) => {
      ensureDefaultGroup(state, project);
      return addGroup(state, project, input);
    },
    remove(row, call) {
      if (ports.some((port) => texts(port, 'security_groups').includes(row.id)))
        throw conflict('SecurityGroupInUse', `Security Group ${row.id} in use.`);
      if (row.name === 'default' && !isAdmin(call.token))
        throw conflict(
          'SecurityGroupCannotRemoveDefault',
          'Insufficient rights for removing default security group.',
        );
      // Its rules are removed too, and the rules of other groups that name it.
      for (const rule of securityGroupRules.where(
        (each) => each.security_group_id === row.id || each.remote_group_id === row.id,
      ))
        securityGroupRules.delete(rule.id);
      table.delete(row.id);
    },
  };
}

export function securityGroupRules(state: CloudState): Resource {
  const { securityGroupRules: table, securityGroups: groups } = state.network;
  return {
    path: 'security-group-rules',
    badMarker: 'ignored',
    plural: 'security_group_rules',
    singular: 'security_group_rule',
    table,
    extension: 'security-group',
    missing: ['SecurityGroupRuleNotFound', (id) => `Security group rule ${id} does not exist`],
    filters: [
      'security_group_id',
      'direction',
      'ethertype',
      'remote_group_id',
      'remote_address_group_id',
      'protocol',
    ],
    onList: (_, project) => void ensureDefaultGroup(state, project),
    create: (input) => {
      const group = groups.get(String(input.security_group_id));
      if (!group)
        throw new Refusal(404, `Security group ${input.security_group_id} does not exist`, {
          type: 'SecurityGroupNotFound',
        });
      return addRule(state, group, input);
    },
    remove: (row) => void table.delete(row.id),
  };
}

export function addressGroups(state: CloudState): Resource {
  const { addressGroups: table, securityGroupRules: rules } = state.network;
  return {
    path: 'address-groups',
    badMarker: 'ignored',
    plural: 'address_groups',
    singular: 'address_group',
    table,
    extension: 'address-group',
    missing: ['AddressGroupNotFound', (id) => `Address group ${id} could not be found.`],
    filters: ['shared'],
    create: (input, project) =>
      withoutTimes(blank(state, project, { name: '', addresses: [], ...input })),
    remove(row) {
      if (rules.some((rule) => rule.remote_address_group_id === row.id))
        throw conflict(
          'AddressGroupInUse',
          `Address group ${row.id} is in use on one or more security group rules.`,
        );
      table.delete(row.id);
    },
  };
}

/** Grants of access to resources of other projects. Their list has no paging. */
export function rbacPolicies(state: CloudState): Resource {
  const { rbacPolicies: table, ports } = state.network;
  return {
    path: 'rbac-policies',
    plural: 'rbac_policies',
    singular: 'rbac_policy',
    table,
    extension: 'rbac-policies',
    missing: ['RbacPolicyNotFound', (id) => `RBAC policy of type unknown with ID ${id} not found`],
    filters: ['object_type', 'object_id', 'action', 'target_tenant', 'target_project'],
    pages: false,
    create: (input, project) => ({
      object_type: 'network',
      action: 'access_as_shared',
      ...input,
      tenant_id: project,
      id: uuid(),
      project_id: project,
    }),
    remove(row) {
      const users = ports.where((port) => {
        if (
          port.network_id !== row.object_id ||
          port.project_id === '' ||
          port.project_id === row.project_id
        )
          return false;
        return row.target_tenant === '*' ? true : port.project_id === row.target_tenant;
      });
      const gateways =
        row.action === 'access_as_external' &&
        ports.some(
          (port) =>
            port.network_id === row.object_id &&
            ['network:router_gateway', 'network:floatingip'].includes(String(port.device_owner)),
        );
      if (users.length > 0 || gateways)
        throw conflict(
          'RbacPolicyInUse',
          `RBAC policy on object ${row.object_id} cannot be removed because other objects depend on it.\nDetails: Unable to reconfigure sharing settings for network ${row.object_id}. Multiple tenants are using it.`,
        );
      table.delete(row.id);
    },
  };
}

export type OnList = (call: Call, routes: Routes) => void;

/**
 * Since Neutron 29 (2026.2): one row per project. The row with `project_id` null is that of the
 * cloud. A row has neither a name nor times.
 */
export function defaultStatefulness(state: CloudState): Resource {
  const { defaultStatefulness: table } = state.network;
  return {
    path: 'security-groups-default-statefulness',
    badMarker: 'ignored',
    plural: 'security_groups_default_statefulness',
    singular: 'security_groups_default_statefulness',
    table,
    extension: 'security-groups-default-statefulness',
    missing: [
      'SecurityGroupDefaultStatefulnessNotFound',
      (id) => `Security group default statefulness ${id} could not be found.`,
    ],
    filters: ['stateful'],
    create: (input, project) => ({ id: uuid(), project_id: project, stateful: true, ...input }),
    remove: (row) => void table.delete(row.id),
  };
}
