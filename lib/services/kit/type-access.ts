import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import {
  defineType,
  type Paging,
  type ResourceTypeFactory,
  type ServiceApi,
} from '../../task/service.ts';

/** The listings of a service's private types and of the projects that may use each type. */
export interface PrivateTypeListings {
  /** Name of the resource type: `flavor-access`. */
  readonly name: string;
  /** Path of the types: `/flavors`. */
  readonly path: string;
  /** Key of the types in the answer: `flavors`. */
  readonly collection: string;
  readonly paging: Paging;
  /** The listing of the projects with access to one type. */
  readonly accessListing: {
    /** Path below one type: `os-flavor-access`. */
    readonly path: string;
    /** Key of the rows in the answer: `flavor_access`. */
    readonly collection: string;
    /** The field of a row that holds the id of the project with access. */
    readonly ownerField: 'project_id' | 'tenant_id';
  };
}

/** The private types of a service, and the call that removes a project's access to one of them. */
export interface TypeAccessDefinition extends PrivateTypeListings {
  /** Body of the action that removes the access of a project. */
  revokeBody(project: string): object;
}

const typeRow = z.object({ id: z.string(), name: z.string().nullish() });
const accessRow = z.object({ project_id: z.string().nullish(), tenant_id: z.string().nullish() });

export const pathOfType = (id: string, { path }: Pick<PrivateTypeListings, 'path'>): string =>
  `${path}/${encodeURIComponent(id)}`;

/**
 * Returns the projects that may use one private type, and `undefined` for a row without a project.
 */
export async function projectsWithAccess(
  id: string,
  types: PrivateTypeListings,
  api: ServiceApi,
): Promise<(string | undefined)[]> {
  const { path, collection, ownerField } = types.accessListing;
  const { rows } = await api.list(`${pathOfType(id, types)}/${path}`, {
    collection,
    row: accessRow,
    paging: 'none',
  });
  return rows.map((row) => row[ownerField] ?? undefined);
}

/**
 * Defines the access of a project to private types: flavors, volume types, share types. The APIs
 * list access only by type, so a listing needs one call for each private type of the cloud. The
 * listing keeps rows without a project, so that the owner check reports them.
 *
 * @example
 * const flavorAccess = defineTypeAccess({
 *   name: 'flavor-access',
 *   path: '/flavors',
 *   collection: 'flavors',
 *   paging: 'marker',
 *   accessListing: {
 *     path: 'os-flavor-access',
 *     collection: 'flavor_access',
 *     ownerField: 'tenant_id',
 *   },
 *   revokeBody: (tenant) => ({ removeTenantAccess: { tenant } }),
 * });
 */
export const defineTypeAccess = ({
  revokeBody,
  ...types
}: TypeAccessDefinition): ResourceTypeFactory => {
  const { name, path, collection, paging } = types;
  return defineType({
    name,
    async list({ api, project }) {
      const query = { is_public: false };
      const { rows } = await api.list(path, { collection, row: typeRow, paging, query });
      const listings = rows.map(async (type) => {
        const owners = await emptyIfGone(projectsWithAccess(type.id, types, api));
        return owners
          .filter((owner) => owner === undefined || owner === project)
          .map((owner) => ({ ...type, owner }));
      });
      return (await Promise.all(listings)).flat();
    },
    id: (row) => row.id,
    owner: (row) => row.owner,
    label: (row) => row.name ?? undefined,
    async remove(row, { api, project }) {
      await api.request('POST', `${pathOfType(row.id, types)}/action`, {
        json: revokeBody(project),
      });
      return { kind: 'gone' };
    },
  });
};

/**
 * Returns an empty list for a 404, which means that the type was deleted or made public after the
 * listing.
 */
async function emptyIfGone<One>(listing: Promise<One[]>): Promise<One[]> {
  try {
    return await listing;
  } catch (error) {
    if (error instanceof PropagatorError && error.class === 'Gone') return [];
    throw error;
  }
}
