import * as z from 'zod';
import {
  type Blocker,
  defineType,
  type ProjectContext,
  type Removal,
  type ServiceApi,
} from '../../task/service.ts';
import {
  deleteResource,
  type Filters,
  OwnedRow,
  ownerOf,
  requireExtension,
  rowsOf,
} from './collection.ts';

const RbacPolicy = OwnedRow.omit({ name: true }).extend({
  target_tenant: z.string(),
  object_type: z.string(),
  object_id: z.string(),
});
type RbacPolicy = z.infer<typeof RbacPolicy>;

const RBAC_POLICIES_PATH = '/v2.0/rbac-policies';

/** Lists RBAC policies in one answer, because Neutron ignores `limit` (seen on Neutron 21). */
const listPolicies = async (context: ProjectContext, filters: Filters): Promise<RbacPolicy[]> => {
  await requireExtension(context, 'rbac-policies');
  return rowsOf(
    context.api,
    { path: RBAC_POLICIES_PATH, collection: 'rbac_policies', row: RbacPolicy, paging: 'none' },
    filters,
  );
};

/**
 * Deletes an RBAC policy. Neutron refuses the deletion while the receiving project (the project
 * with which the policy shares an object) uses the object.
 */
const deletePolicy = (
  api: ServiceApi,
  row: RbacPolicy,
  inUseBlocker: Pick<Blocker, 'message' | 'actor'>,
): Promise<Removal> =>
  deleteResource(api, RBAC_POLICIES_PATH, row, async () => ({
    ...inUseBlocker,
    advice:
      'The propagator removes the RBAC policy when the receiving project no longer ' +
      'uses the object.',
  }));

/**
 * RBAC policies of the project. Each shares one object, for example a network. Neutron removes the
 * policies of an object when it deletes the object. The cleanup therefore removes the objects
 * first. An object in use is then reported once, and its policies are not reported.
 */
const rbacPolicy = defineType({
  name: 'rbac-policy',
  dependsOn: [
    {
      types: [
        'network',
        'subnet-pool',
        'address-scope',
        'security-group',
        'address-group',
        'qos-policy',
        'bgpvpn',
      ],
      strength: 'required',
      until: 'empty',
    },
  ],
  list: (context) => listPolicies(context, [['project_id', context.project]]),
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => `${row.object_type} ${row.object_id}`,
  remove: (row, { api }) =>
    deletePolicy(api, row, {
      message: `project ${row.target_tenant} still uses the object that this policy shares`,
      actor: 'other-project',
    }),
});

/**
 * RBAC policies of other projects that name this project as the receiving project. Neutron shows
 * the sharing project as the owner of such a policy. The owner check compares the receiving project
 * instead, because the policy is useless after the deletion of that project. A policy for `*` (all
 * projects) stays. The removal of a policy does not change the shared object.
 */
const rbacGrant = defineType({
  name: 'rbac-grant',
  dependsOn: [
    {
      types: [
        'port',
        'router',
        'network',
        'subnet',
        'subnet-pool',
        'security-group',
        'floating-ip',
        'bgpvpn',
      ],
      strength: 'preferred',
      until: 'done',
    },
  ],
  list: async (context) =>
    (await listPolicies(context, [['target_tenant', context.project]])).filter(
      (row) => ownerOf(row) !== context.project,
    ),
  id: (row) => row.id,
  owner: (row) => row.target_tenant,
  label: (row) => `${row.object_type} ${row.object_id}`,
  remove: (row, { api }) =>
    deletePolicy(api, row, {
      message: `the project still uses the ${row.object_type} that another project shared with it`,
      actor: 'operator',
    }),
});

export const SHARING_TYPES = [rbacPolicy, rbacGrant];
