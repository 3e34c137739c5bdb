import { defineTypeAccess, type PrivateTypeListings } from '../kit/type-access.ts';

const revokeBody = (project: string): object => ({ removeProjectAccess: { project } });

/** The listings of private share types and of the projects that may use each type. */
export const PRIVATE_SHARE_TYPES: PrivateTypeListings = {
  name: 'type-access',
  path: '/types',
  collection: 'share_types',
  paging: 'none',
  accessListing: {
    path: 'share_type_access',
    collection: 'share_type_access',
    ownerField: 'project_id',
  },
};

export const typeAccess = defineTypeAccess({ ...PRIVATE_SHARE_TYPES, revokeBody });

export const groupTypeAccess = defineTypeAccess({
  name: 'group-type-access',
  path: '/share-group-types',
  collection: 'share_group_types',
  paging: 'none',
  accessListing: {
    path: 'access',
    collection: 'share_group_type_access',
    ownerField: 'project_id',
  },
  revokeBody,
});
