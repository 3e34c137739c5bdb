import * as z from 'zod';
import { PropagatorError } from '../../shared/errors.ts';
import {
  type Blocker,
  defineType,
  type ProjectContext,
  type Removal,
  type ResourceTypeFactory,
  type ServiceApi,
  type TypeDependencies,
} from '../../task/service.ts';

/**
 * The common fields of rows in Neutron's API v2.0. Some plug-ins have only `tenant_id`, the former
 * name of `project_id`.
 */
export const OwnedRow = z.object({
  id: z.string(),
  name: z.string().nullish(),
  project_id: z.string().nullish(),
  tenant_id: z.string().nullish(),
});
export type OwnedRow = z.infer<typeof OwnedRow>;

export const ownerOf = (row: Pick<OwnedRow, 'project_id' | 'tenant_id'>): string | undefined =>
  row.project_id ?? row.tenant_id ?? undefined;
export const labelOf = (row: Pick<OwnedRow, 'name'>): string | undefined => row.name || undefined;
export const urlEncode = encodeURIComponent;

/**
 * The value of `independentOf` for types whose removal does not wait for Nova. Neutron removes
 * routers and floating IPs even while servers and their ports exist. The types `port` and `network`
 * block each of their resources that a server may use.
 */
export const INDEPENDENT_OF_NOVA: readonly string[] = ['nova'];

/** Filters of a listing. A repeated filter matches any of its values. */
export type Filters = readonly (readonly [name: string, value: string])[];

/** One collection of Neutron's API, and the fields of its rows that a listing reads. */
export interface Collection<S extends z.ZodObject> {
  /** `/v2.0/networks`. */
  readonly path: string;
  /** The key that holds the rows: `networks`. */
  readonly collection: string;
  /** Only the fields of this schema are requested, because a port has thirty fields. */
  readonly row: S;
  /** Default `marker`. `none`: Neutron returns the whole collection in one answer. */
  readonly paging?: 'marker' | 'none';
}

/** Returns all rows that match the filters. Throws if the list is not complete. */
export async function rowsOf<S extends z.ZodObject>(
  api: ServiceApi,
  source: Collection<S>,
  filters: Filters,
): Promise<z.infer<S>[]> {
  const parameters = [
    ...Object.keys(source.row.shape).map((field) => ['fields', field] as const),
    ...filters,
  ];
  const query = parameters
    .map(([name, value]) => `${urlEncode(name)}=${urlEncode(value)}`)
    .join('&');
  const { rows } = await api.list(`${source.path}?${query}`, {
    collection: source.collection,
    row: source.row,
    paging: source.paging ?? 'marker',
  });
  return rows;
}

/** The maximum number of ids in one URL, because proxies refuse lines of more than 8 kB. */
const IDS_PER_CALL = 100;

/** Returns the rows in which `field` has one of the `values`. */
export async function rowsWhere<S extends z.ZodObject>(
  api: ServiceApi,
  source: Collection<S>,
  field: string,
  values: readonly string[],
  otherFilters: Filters = [],
): Promise<z.infer<S>[]> {
  const chunks: (readonly string[])[] = [];
  for (let start = 0; start < values.length; start += IDS_PER_CALL)
    chunks.push(values.slice(start, start + IDS_PER_CALL));
  const rowsOfChunks = chunks.map((chunk) =>
    rowsOf(api, source, [...chunk.map((value) => [field, value] as const), ...otherFilters]),
  );
  return (await Promise.all(rowsOfChunks)).flat();
}

const aliasRow = z.object({ alias: z.string() });

/**
 * Returns the aliases of the extensions of this Neutron. A run requests them once. An empty answer
 * is an error: with an empty list, every extension would appear absent.
 */
export function extensionsOf({
  api,
  memoize,
  region,
}: ProjectContext): Promise<ReadonlySet<string>> {
  return memoize('neutron.extensions', async () => {
    const rows = await rowsOf(
      api,
      { path: '/v2.0/extensions', collection: 'extensions', row: aliasRow, paging: 'none' },
      [],
    );
    if (rows.length > 0) return new Set(rows.map((row) => row.alias));
    throw new PropagatorError({
      code: 'neutron.extensions.empty',
      class: 'Unexpected',
      message: 'neutron: the list of extensions is empty, but every Neutron has some',
      advice:
        'Check that the network endpoint in the catalog is the URL of Neutron: ' +
        'openstack catalog show network',
      service: 'neutron',
      region,
    });
  });
}

/**
 * Throws class `Unsupported` if this Neutron lacks the extension. No resource of the extension's
 * types can then exist.
 */
export async function requireExtension(context: ProjectContext, extension: string): Promise<void> {
  if ((await extensionsOf(context)).has(extension)) return;
  throw new PropagatorError({
    code: 'neutron.extension.absent',
    class: 'Unsupported',
    message: `this Neutron does not have the extension ${extension}`,
    advice: 'No action is necessary: without the extension there are no resources of this type.',
    service: 'neutron',
    region: context.region,
  });
}

/**
 * Returns filters with which a listing creates no default resource in the project. With a plain
 * filter by project, a listing of security groups or of FWaaS v2 would *create* a default resource
 * there (safety rule: listing must not create). Neutron creates the resource only for the first
 * project in the filter (neutron `get_security_groups`, neutron-fwaas `get_firewall_groups`:
 * `project_id[0]`, seen on Neutron 21). The first filter therefore names the propagator's own
 * project, and the listing also returns rows of that project.
 */
export const projectFilterWithoutSideEffect = ({ api, project }: ProjectContext): Filters => [
  ['project_id', api.ownProject],
  ['project_id', project],
];

const neutronErrorBody = z.object({
  NeutronError: z.object({ type: z.string(), message: z.string() }),
});

/**
 * Deletes one resource. Converts a 409 to a blocker, because a 409 of Neutron means that another
 * resource depends on this resource. For subnet pools and VPN endpoint groups, a 400 has the same
 * meaning (SubnetPoolDeleteError, EndpointGroupInUse; seen on Neutron 21). `explainRefusal`
 * receives the blocker with Neutron's message. It returns a blocker that names the resource that
 * prevents the deletion, or `undefined` if it finds no such resource.
 */
export async function deleteResource(
  api: ServiceApi,
  path: string,
  row: Pick<OwnedRow, 'id'>,
  explainRefusal?: (reportedBlocker: Blocker) => Promise<Blocker | undefined>,
): Promise<Removal> {
  const answer = await api.request('DELETE', `${path}/${urlEncode(row.id)}`, {
    accept: [400, 404, 409],
  });
  if (answer.status !== 400 && answer.status !== 409) return { kind: 'gone' };
  const reportedBlocker = refusalBlocker(answer.json, row.id);
  return { kind: 'blocked', ...((await explainRefusal?.(reportedBlocker)) ?? reportedBlocker) };
}

/**
 * Returns a blocker with the message of Neutron's refusal. The message contains `{id}` in place of
 * the resource's id, so that the report counts refusals with the same message together.
 */
export function refusalBlocker(body: unknown, id: string): Blocker {
  const parsed = neutronErrorBody.safeParse(body);
  const message = parsed.success
    ? parsed.data.NeutronError.message.replaceAll(id, '{id}').trim()
    : 'neutron refused the deletion and gave no reason';
  return {
    message,
    actor: 'operator',
    advice: 'Remove the resource that the message names. The propagator then continues.',
  };
}

/** The input of {@link definePlainType}. */
export interface PlainTypeDefinition {
  readonly name: string;
  readonly path: string;
  readonly collection: string;
  readonly extension: string;
  readonly dependsOn?: readonly TypeDependencies[];
  readonly independentOf?: readonly string[];
  /** See {@link deleteResource}. */
  readonly explainRefusal?: (
    row: OwnedRow,
    context: ProjectContext,
  ) => Promise<Blocker | undefined>;
}

/** Defines a resource type that needs only a listing by project and one call to delete a row. */
export function definePlainType({
  name,
  path,
  collection,
  extension,
  dependsOn = [],
  independentOf = [],
  explainRefusal,
}: PlainTypeDefinition): ResourceTypeFactory {
  return defineType({
    name,
    dependsOn,
    independentOf,
    async list(context) {
      await requireExtension(context, extension);
      return rowsOf(context.api, { path, collection, row: OwnedRow }, [
        ['project_id', context.project],
      ]);
    },
    id: (row) => row.id,
    owner: (row) => ownerOf(row),
    label: (row) => labelOf(row),
    remove: (row, context) =>
      deleteResource(
        context.api,
        path,
        row,
        explainRefusal && (() => explainRefusal(row, context)),
      ),
  });
}
