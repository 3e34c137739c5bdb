import { defineTypeAccess } from '../kit/type-access.ts';

const removal = (project: string): object => ({ removeProjectAccess: { project } });

export const typeAccess = defineTypeAccess({
  name: 'type-access',
  path: '/types',
  collection: 'share_types',
  paging: 'none',
  access: { path: 'share_type_access', collection: 'share_type_access', owner: 'project_id' },
  removal,
});

export const groupTypeAccess = defineTypeAccess({
  name: 'group-type-access',
  path: '/share-group-types',
  collection: 'share_group_types',
  paging: 'none',
  access: { path: 'access', collection: 'share_group_type_access', owner: 'project_id' },
  removal,
});
