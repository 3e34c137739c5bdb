import * as z from 'zod';
import type { ComparePart, ProvisionContext, ProvisionItem } from '../../task/service.ts';
import { rowsOf } from './collection.ts';
import { findNetwork } from './find-network.ts';
import type { NeutronSection } from './provision-schema.ts';

const Policy = z.object({
  id: z.string(),
  target_tenant: z.string(),
  object_id: z.string(),
  action: z.string(),
});
const RBAC = { path: '/v2.0/rbac-policies', collection: 'rbac_policies', row: Policy };
const ACTION = 'access_as_shared';

/**
 * Provisions access to networks of other projects. A network that is shared with all projects needs
 * no policy.
 */
export const sharedNetworks: ComparePart<NeutronSection> = async (
  { sharedNetworks: names },
  context,
) => Promise.all((names ?? []).map((name) => sharedItem(name, context)));

async function sharedItem(name: string, context: ProvisionContext): Promise<ProvisionItem> {
  const { api, project } = context;
  const item = { type: 'rbac-policy', name, wanted: 'access' };
  const found = await findNetwork(name, [], context);
  if (found.kind === 'none')
    return {
      ...item,
      state: 'blocked',
      message: found.message,
      advice: 'Create it, or correct the name in the profile.',
    };
  const { id, shared } = found.network;
  if (shared === true) return { ...item, state: 'as-wanted', found: 'shared with all' };
  const policies = await rowsOf(api, { ...RBAC, paging: 'none' }, [['object_id', id]]);
  const exists = policies.some(
    (row) => row.object_id === id && row.target_tenant === project && row.action === ACTION,
  );
  if (exists) return { ...item, state: 'as-wanted', found: 'access' };
  const json = {
    rbac_policy: { object_type: 'network', object_id: id, action: ACTION, target_tenant: project },
  };
  return {
    ...item,
    state: 'missing',
    // A 409 means that the policy already exists.
    make: async () => void (await api.request('POST', RBAC.path, { json, accept: [409] })),
  };
}
