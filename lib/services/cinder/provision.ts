import * as z from 'zod';
import { defineProvision } from '../../task/service.ts';
import { defineAccessProvision, typeNamesSchema } from '../kit/provision-access.ts';
import { defineQuotaSetProvision, limitsSchema } from '../kit/provision-quota.ts';
import { quotaSetAt } from '../kit/quota-set.ts';
import type { PrivateTypeListings } from '../kit/type-access.ts';

const schema = z.strictObject({
  quota: limitsSchema([
    'volumes',
    'gigabytes',
    'snapshots',
    'backups',
    'backup_gigabytes',
    'groups',
    'per_volume_gigabytes',
  ]).optional(),
  /** Names or ids of private volume types. */
  volumeTypes: typeNamesSchema.optional(),
});
type Section = z.infer<typeof schema>;

const quota = defineQuotaSetProvision<Section>(quotaSetAt({ path: '/os-quota-sets' }));

/** The listings of private volume types and of the projects that may use each type. */
export const PRIVATE_VOLUME_TYPES: PrivateTypeListings = {
  name: 'type-access',
  path: '/types',
  collection: 'volume_types',
  paging: 'marker',
  accessListing: {
    path: 'os-volume-type-access',
    collection: 'volume_type_access',
    ownerField: 'project_id',
  },
};

const typeAccess = defineAccessProvision<Section>({
  types: PRIVATE_VOLUME_TYPES,
  typeNamesIn: (section) => section.volumeTypes,
  allTypesQueryValue: 'None',
  publicField: 'is_public',
  grantBody: (project) => ({ addProjectAccess: { project } }),
});

/** The section of Cinder in a profile, and how a project is compared with it. */
export const provision = defineProvision<Section>({
  schema,
  summary: ['Limits of the project (`quota`).', 'Access to private volume types (`volumeTypes`).'],
  parts: [quota, typeAccess],
});
