import * as z from 'zod';
import { type Blocker, defineType, type ProjectContext } from '../../task/service.ts';
import {
  deleteResource,
  type Filters,
  Owned,
  ownerOf,
  requireExtension,
  rowsOf,
} from './collection.ts';

const Policy = Owned.omit({ name: true }).extend({
  target_tenant: z.string(),
  object_type: z.string(),
  object_id: z.string(),
});
type Policy = z.infer<typeof Policy>;

const path = '/v2.0/rbac-policies';

/** Lists RBAC policies in one answer, because Neutron ignores `limit` (seen on Neutron 21). */
const policies = async (context: ProjectContext, filters: Filters): Promise<Policy[]> => {
  await requireExtension(context, 'rbac-policies');
  return rowsOf(
    context.api,
    { path, collection: 'rbac_policies', row: Policy, paging: 'none' },
    filters,
  );
};

/** Returns the blocker for a policy while the receiving project uses the object. */
const inUseBlocker = (message: string, actor: Blocker['actor']) => async (): Promise<Blocker> => ({
  message,
  actor,
  advice:
    'The propagator removes the RBAC policy when the receiving project no longer ' +
    'uses the object.',
});

/**
 * Policies with which the project shares objects. Neutron removes the policies of a deleted object,
 * so policies are removed after the objects. An object in use is then reported only once.
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
  list: (context) => policies(context, [['project_id', context.project]]),
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => `${row.object_type} ${row.object_id}`,
  remove: (row, { api }) =>
    deleteResource(
      api,
      path,
      row,
      inUseBlocker(
        `project ${row.target_tenant} still uses the object that this policy shares`,
        'other-project',
      ),
    ),
});

/**
 * Policies with which another project grants access to exactly this project. The row's owner is the
 * granting project. Such a policy is like a role assignment, which Keystone removes with the
 * receiving project. For the owner check, the receiving project is therefore the owner, and a
 * policy for `*` (all projects) never belongs to a receiving project. The objects of the granting
 * project do not change.
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
    (await policies(context, [['target_tenant', context.project]])).filter(
      (row) => ownerOf(row) !== context.project,
    ),
  id: (row) => row.id,
  owner: (row) => row.target_tenant,
  label: (row) => `${row.object_type} ${row.object_id}`,
  remove: (row, { api }) =>
    deleteResource(
      api,
      path,
      row,
      inUseBlocker(
        `the project still uses the ${row.object_type} that another project shared with it`,
        'operator',
      ),
    ),
});

export const SHARING = [rbacPolicy, rbacGrant];
