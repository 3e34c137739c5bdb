import * as z from 'zod';
import { defineProvision } from '../../task/service.ts';
import { accessWish, provisionAccess } from '../kit/provision-access.ts';
import { provisionQuota, quotaWish } from '../kit/provision-quota.ts';

const wish = z.strictObject({
  quota: quotaWish([
    'shares',
    'gigabytes',
    'snapshots',
    'snapshot_gigabytes',
    'share_networks',
    'share_groups',
    'share_group_snapshots',
    'share_replicas',
    'replica_gigabytes',
    'per_share_gigabytes',
    'backups',
    'backup_gigabytes',
  ]).optional(),
  /** Names or ids of private share types. */
  shareTypes: accessWish.optional(),
});
type Wish = z.infer<typeof wish>;

const quotaSet = z.object({ quota_set: z.record(z.string(), z.unknown()) });

const quota = provisionQuota<Wish>({
  wish: (section) => section.quota,
  async read({ api, project }) {
    const path = `/quota-sets/${encodeURIComponent(project)}`;
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
    const path = `/quota-sets/${encodeURIComponent(project)}`;
    await api.request('PUT', path, { json: { quota_set: limits } });
  },
});

const typeAccess = provisionAccess<Wish>({
  type: 'type-access',
  wish: (section) => section.shareTypes,
  path: '/types',
  collection: 'share_types',
  paging: 'none',
  all: 'all',
  publicField: 'share_type_access:is_public',
  access: { path: 'share_type_access', collection: 'share_type_access', owner: 'project_id' },
  addition: (project) => ({ addProjectAccess: { project } }),
});

/** What a profile may ask of Manila. */
export const provision = defineProvision<Wish>({
  wish,
  summary: ['Limits of the project (`quota`).', 'Access to private share types (`shareTypes`).'],
  parts: [quota, typeAccess],
});
