import * as z from 'zod';
import type { ComparePart, ProvisionContext, ProvisionItem } from '../../task/service.ts';
import { rowsOf } from './collection.ts';
import { findNetwork } from './find-network.ts';
import type { NeutronSection } from './provision-schema.ts';

const RbacPolicy = z.object({
  id: z.string(),
  target_tenant: z.string(),
  object_id: z.string(),
  action: z.string(),
});
const POLICY_COLLECTION = {
  path: '/v2.0/rbac-policies',
  collection: 'rbac_policies',
  row: RbacPolicy,
};
const POLICY_ACTION = 'access_as_shared';

/**
 * Compares the access to networks of other projects. A network that is shared with all projects
 * needs no policy.
 */
export const compareSharedNetworks: ComparePart<NeutronSection> = async (
  { sharedNetworks: namesOrIds = [] },
  context,
) => Promise.all(namesOrIds.map((one) => accessItem(one, context)));

/** Compares the access to one network. `name`: its name or id. */
async function accessItem(name: string, context: ProvisionContext): Promise<ProvisionItem> {
  const { api, project } = context;
  const item = { type: 'rbac-policy', name, wanted: 'access' };
  const match = await findNetwork(name, { onlyExternal: false }, context);
  if (match.kind === 'no-single-match')
    return { ...item, state: 'blocked', message: match.message, advice: match.advice };
  const { id, shared } = match.network;
  if (shared === true) return { ...item, state: 'as-wanted', found: 'shared with all' };
  const policies = await rowsOf(api, { ...POLICY_COLLECTION, paging: 'none' }, [['object_id', id]]);
  const isShared = policies.some(
    (row) => row.object_id === id && row.target_tenant === project && row.action === POLICY_ACTION,
  );
  if (isShared) return { ...item, state: 'as-wanted', found: 'access' };
  const json = {
    rbac_policy: {
      object_type: 'network',
      object_id: id,
      action: POLICY_ACTION,
      target_tenant: project,
    },
  };
  return {
    ...item,
    state: 'missing',
    // A 409 means that the policy already exists.
    make: async () =>
      void (await api.request('POST', POLICY_COLLECTION.path, { json, accept: [409] })),
  };
}
