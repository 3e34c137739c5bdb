import * as z from 'zod';
import type { ComparePart, ProvisionContext, ProvisionItem } from '../../task/service.ts';
import { describeNoSingleMatch } from './single-match.ts';
import { type PrivateTypeListings, pathOfType, projectsWithAccess } from './type-access.ts';

/** The names or ids of types in a profile. */
export const typeNamesSchema = z
  .array(z.string().min(1))
  .min(1, 'name at least one type, or omit the list');

/** The input of {@link defineAccessProvision}. */
export interface AccessProvisionDefinition<Section> {
  readonly types: PrivateTypeListings;
  typeNamesIn(section: Section): readonly string[] | undefined;
  /** Path of the listing. The default is the path of the types. */
  readonly listPath?: string;
  /** The value of the query parameter `is_public` that lists public and private types. */
  readonly allTypesQueryValue: string;
  /** The field of a type that is true if the type is public. */
  readonly publicField: string;
  /** Body of the action that gives a project access. */
  grantBody(project: string): object;
}

const typeRow = z.looseObject({ id: z.string(), name: z.string().nullish() });
type TypeRow = z.infer<typeof typeRow>;

/**
 * Defines the part of a profile that gives a project access to private types. A public type needs
 * no access entry.
 */
export const defineAccessProvision =
  <Section>(definition: AccessProvisionDefinition<Section>): ComparePart<Section> =>
  async (section, context) => {
    const typeNames = definition.typeNamesIn(section) ?? [];
    if (typeNames.length === 0) return [];
    const { types, listPath = types.path, allTypesQueryValue } = definition;
    const { collection, paging } = types;
    const query = { is_public: allTypesQueryValue };
    const { rows } = await context.api.list(listPath, { collection, row: typeRow, paging, query });
    return Promise.all(
      typeNames.map((typeName) => {
        const matches = rows.filter((row) => row.id === typeName || row.name === typeName);
        return accessItem(typeName, matches, definition, context);
      }),
    );
  };

/** Compares the access to one type. `matches`: the types with this name or id. */
async function accessItem<Section>(
  typeName: string,
  matches: readonly TypeRow[],
  definition: AccessProvisionDefinition<Section>,
  context: ProvisionContext,
): Promise<ProvisionItem> {
  const { types, publicField } = definition;
  const item = { type: types.name, name: typeName, wanted: 'access' };
  const [match] = matches;
  if (!match || matches.length > 1)
    return {
      ...item,
      state: 'blocked',
      ...describeNoSingleMatch(types.name.replace('-access', ''), typeName, matches.length),
    };
  if (match[publicField] === true) return { ...item, state: 'as-wanted', found: 'it is public' };
  const projects = await projectsWithAccess(match.id, types, context.api);
  return projects.includes(context.project)
    ? { ...item, state: 'as-wanted', found: 'access' }
    : { ...item, state: 'missing', make: () => addAccess(match.id, definition, context) };
}

/** Gives the project access to a type. A 409 means that the project already has access. */
async function addAccess<Section>(
  id: string,
  { types, grantBody }: AccessProvisionDefinition<Section>,
  { api, project }: ProvisionContext,
): Promise<void> {
  const path = `${pathOfType(id, types)}/action`;
  await api.request('POST', path, { json: grantBody(project), accept: [409] });
}
