import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import { type DefinedType, defineType, type Paging } from '../../task/service.ts';

/** Where a service lists its private types, and the projects that may use each of them. */
export interface TypeAccessDefinition {
  /** Name of the resource type: `flavor-access`. */
  readonly name: string;
  /** Path of the types: `/flavors`. */
  readonly path: string;
  /** Key of the types in the answer: `flavors`. */
  readonly collection: string;
  readonly paging: Paging;
  readonly access: {
    /** Path below one type: `os-flavor-access`. */
    readonly path: string;
    /** Key of the rows in the answer: `flavor_access`. */
    readonly collection: string;
    /** Field of a row with the project that has access. */
    readonly owner: 'project_id' | 'tenant_id';
  };
  /** Body of the action that removes the access of a project. */
  removal(project: string): object;
}

const typeRow = z.object({ id: z.string(), name: z.string().nullish() });
const accessRow = z.object({ project_id: z.string().nullish(), tenant_id: z.string().nullish() });

/**
 * Defines the access of a project to private types: flavors, volume types, share types. The APIs
 * list access by type only, so a listing needs one call for each private type of the cloud. A row
 * without a project is kept, so that the owner check reports it.
 *
 * @example
 * const flavorAccess = defineTypeAccess({
 *   name: 'flavor-access',
 *   path: '/flavors',
 *   collection: 'flavors',
 *   paging: 'marker',
 *   access: { path: 'os-flavor-access', collection: 'flavor_access', owner: 'tenant_id' },
 *   removal: (tenant) => ({ removeTenantAccess: { tenant } }),
 * });
 */
export const defineTypeAccess = ({
  name,
  path,
  collection,
  paging,
  access,
  removal,
}: TypeAccessDefinition): DefinedType => {
  const pathOf = (id: string): string => `${path}/${encodeURIComponent(id)}`;
  return defineType({
    name,
    async list({ api, project }) {
      const query = { is_public: false };
      const types = await api.list(path, { collection, row: typeRow, paging, query });
      const listings = types.rows.map(async (type) => {
        const rows = await accessTo(type.id);
        return rows
          .map((row) => ({ ...type, owner: row[access.owner] ?? undefined }))
          .filter(({ owner }) => owner === undefined || owner === project);
      });
      return (await Promise.all(listings)).flat();

      async function accessTo(id: string): Promise<z.infer<typeof accessRow>[]> {
        try {
          const { rows } = await api.list(`${pathOf(id)}/${access.path}`, {
            collection: access.collection,
            row: accessRow,
            paging: 'none',
          });
          return rows;
        } catch (error) {
          // An administrator deleted the type, or made it public, after it was listed.
          if (error instanceof PropagatorError && error.class === 'Gone') return [];
          throw error;
        }
      }
    },
    id: (row) => row.id,
    owner: (row) => row.owner,
    label: (row) => row.name ?? undefined,
    async remove(row, { api, project }) {
      await api.request('POST', `${pathOf(row.id)}/action`, { json: removal(project) });
      return { kind: 'gone' };
    },
  });
};
