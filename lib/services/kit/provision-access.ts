import * as z from 'zod';
import type { ComparePart, ProvisionContext, ProvisionItem } from '../../task/service.ts';
import { type PrivateTypes, pathOfType, projectsWithAccess } from './type-access.ts';

/** The names or ids of types in a profile. */
export const typeNamesSchema = z
  .array(z.string().min(1))
  .min(1, 'name at least one type, or omit the list');

/** The calls with which a provisioning gives a project access to private types. */
export interface AccessProvision<Section> {
  readonly types: PrivateTypes;
  namesIn(section: Section): readonly string[] | undefined;
  /** Path of the listing. The default is the path of the types. */
  readonly listPath?: string;
  /** The value of `is_public` that lists all types. */
  readonly isPublicValue: string;
  /** The field of a type that is true if the type is public. */
  readonly publicField: string;
  /** Body of the action that gives a project access. */
  grantBody(project: string): object;
}

const typeRow = z.looseObject({ id: z.string(), name: z.string().nullish() });

/** Provisions the access of a project to private types. A public type needs no access entry. */
export const provisionAccess =
  <Section>(definition: AccessProvision<Section>): ComparePart<Section> =>
  async (section, context) => {
    const typeNames = definition.namesIn(section) ?? [];
    if (typeNames.length === 0) return [];
    const { types, listPath = types.path, isPublicValue } = definition;
    const { collection, name: type, paging } = types;
    const query = { is_public: isPublicValue };
    const { rows } = await context.api.list(listPath, { collection, row: typeRow, paging, query });
    return Promise.all(
      typeNames.map(async (name): Promise<ProvisionItem> => {
        const found = rows.filter((row) => row.id === name || row.name === name);
        const item = { type, name, wanted: 'access' };
        const [only] = found;
        if (!only || found.length > 1)
          return {
            ...item,
            state: 'blocked',
            message:
              (found.length === 0 ? 'there is no ' : `there are ${found.length} `) +
              `${type.replace('-access', '')} "${name}"`,
            advice: 'Create it, or correct the name in the profile.',
          };
        if (only[definition.publicField] === true)
          return { ...item, state: 'as-wanted', found: 'it is public' };
        const projects = await projectsWithAccess(only.id, types, context.api);
        if (projects.includes(context.project))
          return { ...item, state: 'as-wanted', found: 'access' };
        return { ...item, state: 'missing', make: () => addAccess(only.id, definition, context) };
      }),
    );
  };

/** Adds the access. A 409 means that the project already has it. */
async function addAccess<Section>(
  id: string,
  { types, grantBody }: AccessProvision<Section>,
  { api, project }: ProvisionContext,
): Promise<void> {
  const path = `${pathOfType(id, types)}/action`;
  await api.request('POST', path, { json: grantBody(project), accept: [409] });
}
