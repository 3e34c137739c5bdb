import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import { defineType, type ListOptions, type ProjectContext } from '../../task/service.ts';

const typeRow = z.object({ id: z.string(), name: z.string().nullish() });
const accessRow = z.object({ project_id: z.string().nullish() });

const isGone = (error: unknown): boolean =>
  error instanceof PropagatorError && error.class === 'Gone';

interface Types {
  readonly name: string;
  readonly path: string;
  readonly collection: string;
  readonly access: { readonly path: string; readonly collection: string };
}

/**
 * Access to a private type. Manila lists access by type only: one call for each private type of the
 * cloud.
 */
const accessTo = ({ name, path, collection, access }: Types) =>
  defineType({
    name,
    async list({ api, project }: ProjectContext) {
      const types: ListOptions<typeof typeRow> = {
        collection,
        row: typeRow,
        paging: 'none',
        query: { is_public: false },
      };
      const accesses = (await api.list(path, types)).rows.map(async (type) => {
        try {
          const of = `${path}/${encodeURIComponent(type.id)}/${access.path}`;
          const { rows } = await api.list(of, {
            collection: access.collection,
            row: accessRow,
            paging: 'none',
          });
          return rows
            .filter((row) => (row.project_id ?? project) === project)
            .map((row) => ({ ...type, owner: row.project_id }));
        } catch (error) {
          // An administrator removed the type, or made it public, after it was listed.
          if (isGone(error)) return [];
          throw error;
        }
      });
      return (await Promise.all(accesses)).flat();
    },
    id: (row) => row.id,
    owner: (row) => row.owner ?? undefined,
    label: (row) => row.name ?? undefined,
    async remove(row, { api, project }) {
      await api.request('POST', `${path}/${encodeURIComponent(row.id)}/action`, {
        json: { removeProjectAccess: { project } },
      });
      return { is: 'gone' };
    },
  });

export const typeAccess = accessTo({
  name: 'type-access',
  path: '/types',
  collection: 'share_types',
  access: { path: 'share_type_access', collection: 'share_type_access' },
});
export const groupTypeAccess = accessTo({
  name: 'group-type-access',
  path: '/share-group-types',
  collection: 'share_group_types',
  access: { path: 'access', collection: 'share_group_type_access' },
});
