import {
  HttpError,
  type Row,
  Row as RowSchema,
  rowsOf,
  type ServiceKey,
  type Session,
  text,
} from '../cloud.ts';

/**
 * What the operator of the cloud lends to all projects of a test: owned by a project that nobody
 * deletes.
 */
export interface Lent {
  readonly projectId: string;
  readonly flavorId: string;
  readonly volumeTypeId: string;
  readonly groupTypeId: string | undefined;
  /** Private types of Manila, where the cloud has it. */
  readonly shareTypes: { readonly type: string; readonly groupType: string } | undefined;
  readonly externalNetworkId: string;
  readonly commonNetworkId: string;
}

/** One project that is being filled, and who fills it. */
export interface SeedProject {
  readonly prefix: string;
  readonly admin: Session;
  /** A plain member of the project. */
  readonly member: Session;
  readonly memberUser: { readonly id: string; readonly password: string };
  readonly project: { readonly id: string; readonly name: string };
  /** The project that resources are shared with. */
  readonly neighbor: { readonly id: string; readonly session: Session };
  readonly lent: Lent;
  readonly extensions: ReadonlySet<string>;
  /** What the cloud could not make, each once, with its reason. */
  readonly lacking: Map<string, string>;
}

/**
 * The same names in every project: a control project has a namesake of everything that is deleted.
 */
export const named = (seedProject: { readonly prefix: string }, name: string): string =>
  `${seedProject.prefix}-${name}`;

/** Makes one thing; `key` wraps the body and is where the answer has the thing. */
export async function make(
  session: Session,
  service: ServiceKey,
  path: string,
  key: string,
  body: object,
): Promise<Row & { id: string }> {
  const { json } = await session.call(service, 'POST', path, { json: { [key]: body } });
  const row = RowSchema.parse(RowSchema.parse(json)[key]);
  return { ...row, id: String(row.id) };
}

/** Makes several of one resource type in one call of Neutron, which answers in the same order. */
export async function makeAll(
  session: Session,
  collection: string,
  bodies: readonly object[],
): Promise<readonly string[]> {
  const key = collection.replaceAll('-', '_');
  const { json } = await session.call('network', 'POST', `/${collection}`, {
    json: { [key]: bodies },
  });
  return rowsOf(json, key).map((row) => text(row, 'id'));
}

/** The cloud took the order, and then did not carry it out. */
export class Refused extends Error {}

/** Something that not every cloud can do: where it refuses, that is noted, and the rest goes on. */
export async function attempt<T>(
  seedProject: Pick<SeedProject, 'lacking'>,
  resourceType: string,
  build: () => Promise<T>,
): Promise<T | undefined> {
  try {
    return await build();
  } catch (error) {
    if (!(error instanceof HttpError || error instanceof Refused)) throw error;
    seedProject.lacking.set(resourceType, error.message.slice(0, 200));
    return undefined;
  }
}

/** The same, where an extension says beforehand whether the cloud can do it. */
export async function withExtension<T>(
  seedProject: SeedProject,
  alias: string,
  resourceType: string,
  build: () => Promise<T>,
): Promise<T | undefined> {
  if (seedProject.extensions.has(alias)) return attempt(seedProject, resourceType, build);
  seedProject.lacking.set(resourceType, `no extension ${alias}`);
  return undefined;
}
