import * as z from 'zod';
import { defineProvision } from '../../task/service.ts';
import { accessWish, provisionAccess } from '../kit/provision-access.ts';
import { provisionQuota, quotaWish } from '../kit/provision-quota.ts';

const wish = z.strictObject({
  quota: quotaWish([
    'cores',
    'instances',
    'ram',
    'key_pairs',
    'metadata_items',
    'server_groups',
    'server_group_members',
  ]).optional(),
  /** Names or ids of private flavors. */
  flavors: accessWish.optional(),
});
type Wish = z.infer<typeof wish>;

const quotaSet = z.object({ quota_set: z.record(z.string(), z.unknown()) });

/** Nova asks Keystone whether the project exists before it stores a limit. */
const quota = provisionQuota<Wish>({
  wish: (section) => section.quota,
  async read({ api, project }) {
    const path = `/os-quota-sets/${encodeURIComponent(project)}`;
    const [own, defaults] = await Promise.all([
      api.request('GET', path),
      api.request('GET', `${path}/defaults`),
    ]);
    return {
      limits: quotaSet.parse(own.json).quota_set,
      defaults: quotaSet.parse(defaults.json).quota_set,
    };
  },
  async write(limits, { api, project }) {
    const json = { quota_set: limits };
    await api.request('PUT', `/os-quota-sets/${encodeURIComponent(project)}`, { json });
  },
});

const flavorAccess = provisionAccess<Wish>({
  type: 'flavor-access',
  wish: (section) => section.flavors,
  path: '/flavors',
  listPath: '/flavors/detail',
  collection: 'flavors',
  paging: 'marker',
  all: 'None',
  publicField: 'os-flavor-access:is_public',
  access: { path: 'os-flavor-access', collection: 'flavor_access', owner: 'tenant_id' },
  addition: (tenant) => ({ addTenantAccess: { tenant } }),
});

/** What a profile may ask of Nova. */
export const provision = defineProvision<Wish>({
  wish,
  summary: [
    'Limits of the project (`quota`). With unified limits they are in Keystone, and Nova ' +
      'ignores them.',
    'Access to private flavors (`flavors`).',
  ],
  parts: [quota, flavorAccess],
});
