import * as z from 'zod';
import { defineProvision } from '../../task/service.ts';
import { defineAccessProvision, typeNamesSchema } from '../kit/provision-access.ts';
import { defineQuotaSetProvision, limitsSchema } from '../kit/provision-quota.ts';
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
const quota = defineQuotaSetProvision<Section>(quotaSetAt({ path: '/os-quota-sets' }));

/** The listings of private flavors and of the projects that may use each flavor. */
export const PRIVATE_FLAVORS: PrivateTypeListings = {
  name: 'flavor-access',
  path: '/flavors',
  collection: 'flavors',
  paging: 'marker',
  accessListing: { path: 'os-flavor-access', collection: 'flavor_access', ownerField: 'tenant_id' },
};

const flavorAccess = defineAccessProvision<Section>({
  types: PRIVATE_FLAVORS,
  typeNamesIn: (section) => section.flavors,
  listPath: '/flavors/detail',
  allTypesQueryValue: 'None',
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
