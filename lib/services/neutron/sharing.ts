import * as z from 'zod';
import { type Blocker, defineType, type ProjectContext } from '../../task/service.ts';
import { destroy, type Filters, Owned, ownerOf, requireExtension, rowsOf } from './collection.ts';

const Policy = Owned.omit({ name: true }).extend({
  target_tenant: z.string(),
  object_type: z.string(),
  object_id: z.string(),
});
type Policy = z.infer<typeof Policy>;

const path = '/v2.0/rbac-policies';

/**
 * RBAC policies know no pages: `limit` is ignored and everything comes at once (seen on Neutron
 * 21).
 */
const policies = async (context: ProjectContext, filters: Filters): Promise<Policy[]> => {
  await requireExtension(context, 'rbac-policies');
  return rowsOf(
    context.api,
    { path, collection: 'rbac_policies', row: Policy, paging: 'none' },
    filters,
  );
};

/** Whoever was let in still uses what he was let in to. */
const inUse = (message: string, actor: Blocker['actor']) => async (): Promise<Blocker> => ({
  message,
  actor,
  advice: 'It goes when nothing of the project that it lets in uses the object any more.',
});

/**
 * What the project lent to others. After the objects themselves, which take their policies along;
 * so one that is still needed is shown once, at the network, and not again here.
 */
const rbacPolicy = defineType({
  name: 'rbac-policy',
  after: [
    'network',
    'subnet-pool',
    'address-scope',
    'security-group',
    'address-group',
    'qos-policy',
    'bgpvpn',
  ],
  list: (context) => policies(context, [['project_id', context.project]]),
  id: (row) => row.id,
  owner: (row) => ownerOf(row),
  label: (row) => `${row.object_type} ${row.object_id}`,
  remove: (row, { api }) =>
    destroy(
      api,
      path,
      row,
      inUse(`what it lends to project ${row.target_tenant} is in use there`, 'other-project'),
    ),
});

/**
 * What others lent to this project alone. Such a policy has the lender as its owner, and is a
 * grant: it says something about exactly one project, as a role assignment does, and Keystone
 * removes those with the project whoever gave them. So here the owner, in the sense of safety rule
 * "check the owner of every row", is the one who was let in, to the letter; what is lent to all
 * (`*`) never is. Nothing of the lender's changes.
 */
const rbacGrant = defineType({
  name: 'rbac-grant',
  follows: [
    'port',
    'router',
    'network',
    'subnet',
    'subnet-pool',
    'security-group',
    'floating-ip',
    'bgpvpn',
  ],
  list: async (context) =>
    (await policies(context, [['target_tenant', context.project]])).filter(
      (row) => ownerOf(row) !== context.project,
    ),
  id: (row) => row.id,
  owner: (row) => row.target_tenant,
  label: (row) => `${row.object_type} ${row.object_id}`,
  remove: (row, { api }) =>
    destroy(
      api,
      path,
      row,
      inUse(`a ${row.object_type} that was lent to the project is still in use by it`, 'operator'),
    ),
});

export const SHARING = [rbacPolicy, rbacGrant];
