import * as z from 'zod';
import { defineProvision } from '../../task/service.ts';
import { defineAccessProvision, typeNamesSchema } from '../kit/provision-access.ts';
import { defineQuotaSetProvision, limitsSchema } from '../kit/provision-quota.ts';
import { quotaSetAt } from '../kit/quota-set.ts';
import { PRIVATE_SHARE_TYPES } from './types.ts';

const schema = z.strictObject({
  quota: limitsSchema([
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
  shareTypes: typeNamesSchema.optional(),
});
type Section = z.infer<typeof schema>;

const quota = defineQuotaSetProvision<Section>(quotaSetAt({ path: '/quota-sets' }));

const typeAccess = defineAccessProvision<Section>({
  types: PRIVATE_SHARE_TYPES,
  typeNamesIn: (section) => section.shareTypes,
  allTypesQueryValue: 'all',
  publicField: 'share_type_access:is_public',
  grantBody: (project) => ({ addProjectAccess: { project } }),
});

/** The section of Manila in a profile, and how a project is compared with it. */
export const provision = defineProvision<Section>({
  schema,
  summary: ['Limits of the project (`quota`).', 'Access to private share types (`shareTypes`).'],
  parts: [quota, typeAccess],
});
