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
 * Resources of the operator that all projects of a test use. They belong to a project that is not
 * deleted.
 */
export interface OperatorResources {
  readonly projectId: string;
  readonly flavorId: string;
  readonly volumeTypeId: string;
  readonly groupTypeId: string | undefined;
  /** Private types of Manila, if the cloud has it. */
  readonly shareTypes: { readonly type: string; readonly groupType: string } | undefined;
  readonly externalNetworkId: string;
  readonly commonNetworkId: string;
}

/** A project that is being filled, with the sessions that fill it. */
export interface SeedProject {
  readonly prefix: string;
  readonly admin: Session;
  /** A plain member of the project. */
  readonly member: Session;
  readonly memberUser: { readonly id: string; readonly password: string };
  readonly project: { readonly id: string; readonly name: string };
  /** The project that resources are shared with. */
  readonly neighbor: { readonly id: string; readonly session: Session };
  readonly operatorResources: OperatorResources;
  readonly extensions: ReadonlySet<string>;
  /** Resource types that the cloud could not create, each once, with the reason. */
  readonly lacking: Map<string, string>;
}

/**
 * Returns the name of a resource. The names are the same in every project, so that a control
 * project has a resource with the name of each deleted resource.
 */
export const prefixedName = (seedProject: { readonly prefix: string }, name: string): string =>
  `${seedProject.prefix}-${name}`;

/** Creates one resource; `key` wraps the body and the resource in the answer. */
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

/**
 * Creates several resources of one type in one call of Neutron, which answers in the same order.
 */
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

/** The error of a request that the cloud accepted but did not carry out. */
export class Refused extends Error {}

/**
 * Creates a resource that not every cloud supports. A refusal is recorded, and the rest continues.
 */
export async function createIfSupported<T>(
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

/** Like {@link createIfSupported}, for a resource that needs this extension of Neutron. */
export async function withExtension<T>(
  seedProject: SeedProject,
  alias: string,
  resourceType: string,
  build: () => Promise<T>,
): Promise<T | undefined> {
  if (seedProject.extensions.has(alias)) return createIfSupported(seedProject, resourceType, build);
  seedProject.lacking.set(resourceType, `no extension ${alias}`);
  return undefined;
}
