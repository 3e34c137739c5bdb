import * as z from 'zod';
import type { ComparePart, Paging, ProvisionContext, ProvisionItem } from '../../task/service.ts';

/** Names or ids of types in a profile. */
export const accessWish = z.array(z.string().min(1)).min(1, 'name at least one, or leave it out');

/** Where a service lists its types, and the projects that may use each of them. */
export interface AccessProvision<Wish> {
  /** The name of the resource type: `flavor-access`. */
  readonly type: string;
  wish(section: Wish): readonly string[] | undefined;
  /** Path of one type without its id: `/flavors`. */
  readonly path: string;
  /** Path of the listing; default: `path`. */
  readonly listPath?: string;
  /** Key of the types in the answer: `flavors`. */
  readonly collection: string;
  readonly paging: Paging;
  /** The value of `is_public` that lists all types. */
  readonly all: string;
  /** The field of a type that tells whether it is public. */
  readonly publicField: string;
  readonly access: {
    /** Path below one type: `os-flavor-access`. */
    readonly path: string;
    /** Key of the rows in the answer: `flavor_access`. */
    readonly collection: string;
    /** Field of a row with the project that has access. */
    readonly owner: 'project_id' | 'tenant_id';
  };
  /** Body of the action that gives a project access. */
  addition(project: string): object;
}

const typeRow = z.looseObject({ id: z.string(), name: z.string().nullish() });
const accessRow = z.object({ project_id: z.string().nullish(), tenant_id: z.string().nullish() });

/** Provisions the access of a project to private types. A public type needs none. */
export const provisionAccess =
  <Wish>(definition: AccessProvision<Wish>): ComparePart<Wish> =>
  async (section, context) => {
    const wanted = definition.wish(section) ?? [];
    if (wanted.length === 0) return [];
    const { path, listPath = path, collection, paging, all } = definition;
    const query = { is_public: all };
    const { rows } = await context.api.list(listPath, { collection, row: typeRow, paging, query });
    return Promise.all(
      wanted.map(async (name): Promise<ProvisionItem> => {
        const found = rows.filter((row) => row.id === name || row.name === name);
        const item = { type: definition.type, name, wanted: 'access' };
        const [only] = found;
        if (!only || found.length > 1)
          return {
            ...item,
            state: 'blocked',
            message:
              (found.length === 0 ? 'there is no ' : `there are ${found.length} `) +
              `${definition.type.replace('-access', '')} "${name}"`,
            advice: 'Create it, or correct the name in the profile.',
          };
        if (only[definition.publicField] === true)
          return { ...item, state: 'as-wanted', found: 'it is public' };
        if (await hasAccess(only.id, definition, context))
          return { ...item, state: 'as-wanted', found: 'access' };
        return { ...item, state: 'missing', make: () => add(only.id, definition, context) };
      }),
    );
  };

const pathOf = (id: string, { path }: { readonly path: string }): string =>
  `${path}/${encodeURIComponent(id)}`;

async function hasAccess<Wish>(
  id: string,
  definition: AccessProvision<Wish>,
  { api, project }: ProvisionContext,
): Promise<boolean> {
  const { access } = definition;
  const { rows } = await api.list(`${pathOf(id, definition)}/${access.path}`, {
    collection: access.collection,
    row: accessRow,
    paging: 'none',
  });
  return rows.some((row) => row[access.owner] === project);
}

/** 409: the project already has access. */
async function add<Wish>(
  id: string,
  definition: AccessProvision<Wish>,
  { api, project }: ProvisionContext,
): Promise<void> {
  const json = definition.addition(project);
  await api.request('POST', `${pathOf(id, definition)}/action`, { json, accept: [409] });
}
