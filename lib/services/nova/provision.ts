import * as z from 'zod';
import { defineProvision } from '../../task/service.ts';
import { provisionAccess, typeNamesSchema } from '../kit/provision-access.ts';
import { limitsSchema, provisionQuotaSet } from '../kit/provision-quota.ts';
import { quotaSetAt } from '../kit/quota-set.ts';
import type { PrivateTypeListings } from '../kit/type-access.ts';

const schema = z.strictObject({
  quota: limitsSchema([
    'cores',
    'instances',
    'ram',
    'key_pairs',
    'metadata_items',
    'server_groups',
    'server_group_members',
  ]).optional(),
  /** Names or ids of private flavors. */
  flavors: typeNamesSchema.optional(),
});
type Section = z.infer<typeof schema>;

/** Limits. Before Nova stores a limit, Nova checks in Keystone that the project exists. */
const quota = provisionQuotaSet<Section>(quotaSetAt({ path: '/os-quota-sets' }));

/** The listings of private flavors and of the projects that may use each flavor. */
export const PRIVATE_FLAVORS: PrivateTypeListings = {
  name: 'flavor-access',
  path: '/flavors',
  collection: 'flavors',
  paging: 'marker',
  access: { path: 'os-flavor-access', collection: 'flavor_access', owner: 'tenant_id' },
};

const flavorAccess = provisionAccess<Section>({
  types: PRIVATE_FLAVORS,
  typeNamesIn: (section) => section.flavors,
  listPath: '/flavors/detail',
  isPublicValue: 'None',
  publicField: 'os-flavor-access:is_public',
  grantBody: (tenant) => ({ addTenantAccess: { tenant } }),
});

/** The section of Nova in a profile, and how a project is compared with it. */
export const provision = defineProvision<Section>({
  schema,
  summary: [
    'Limits of the project (`quota`). With unified limits, the limits are in Keystone, and Nova ' +
      'ignores its own limits.',
    'Access to private flavors (`flavors`).',
  ],
  parts: [quota, flavorAccess],
});
