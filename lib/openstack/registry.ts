import * as z from 'zod';
import {
  type Endpoint,
  placeOf,
  type Registration,
  type Registry,
  typeKey,
} from '../operation/registry.ts';
import { type ErrorReport, PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/service.ts';
import type { CatalogService } from './catalog.ts';
import type { Credentials } from './credentials.ts';

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
/** A service of Keystone may lack its type and its name. */
const serviceRow = z.object({
  id: z.string(),
  type: text,
  name: text,
  enabled: z.boolean().nullish(),
});
const endpointRow = z.object({
  id: z.string(),
  service_id: text,
  interface: text,
  region_id: z.string().nullish(),
  region: z.string().nullish(),
  url: text,
  enabled: z.boolean().nullish(),
});

/** Keystone's own tables, including disabled rows. */
export interface Lists {
  readonly services: readonly z.infer<typeof serviceRow>[];
  readonly endpoints: readonly z.infer<typeof endpointRow>[];
}

export type ReadLists = Lists | { readonly unlisted: ErrorReport };

/**
 * Reads `GET /v3/services` and `GET /v3/endpoints`, which show an administrator more than the
 * catalog. Returns the error if a list cannot be read or is cut at Keystone's `list_limit`.
 */
export async function readLists(identity: ServiceApi): Promise<ReadLists> {
  // No `limit` is sent, because Keystone before 2025.1 has no paging. Later releases link to the
  // next page.
  const options = { paging: 'next', query: { limit: undefined } } as const;
  try {
    const [services, endpoints] = await Promise.all([
      identity.list('/v3/services', { ...options, collection: 'services', row: serviceRow }),
      identity.list('/v3/endpoints', { ...options, collection: 'endpoints', row: endpointRow }),
    ]);
    return { services: services.rows, endpoints: endpoints.rows };
  } catch (error) {
    if (error instanceof PropagatorError) return { unlisted: error.report };
    throw error;
  }
}

/** The region of an endpoint, which may be null or empty in Keystone. */
export const regionOf = (endpoint: {
  region_id?: string | null | undefined;
  region?: string | null | undefined;
}): string | undefined => endpoint.region_id || endpoint.region || undefined;

/**
 * Returns the registrations in a catalog, by service and region. `projectId`: the id of the token's
 * project, which the URLs contain.
 */
export function catalogRegistrations(
  catalog: readonly CatalogService[],
  projectId: string,
): Registration[] {
  return catalog.flatMap((service, index) => {
    const common = {
      type: service.type,
      name: service.name,
      serviceId: service.id ?? `catalog-${index}`,
    };
    const byRegion = Map.groupBy(service.endpoints, regionOf);
    return [...byRegion].map(([region, endpoints]) => ({
      ...common,
      region,
      endpoints: endpoints.map((endpoint) => endpointOf(endpoint, projectId)),
      hidden: undefined,
    }));
  });
}

/**
 * Returns the endpoints of the settings (`compute_endpoint_override`), which replace those of the
 * catalog. The settings then allow only one region. `projectId`: the token's project.
 */
export function overrideRegistrations(
  {
    regions,
    endpointOverrides,
    interfaces,
  }: Pick<Credentials, 'regions' | 'interfaces' | 'endpointOverrides'>,
  projectId: string,
): Registration[] {
  return Object.entries(endpointOverrides).map(([type, url]) => ({
    type,
    name: type,
    serviceId: `override-${type}`,
    region: regions[0],
    endpoints: [endpointOf({ interface: interfaces[0] ?? 'public', url }, projectId)],
    hidden: undefined,
    isOverride: true,
  }));
}

const endpointOf = (endpoint: { interface: string; url: string }, projectId: string): Endpoint => ({
  interface: endpoint.interface,
  url: endpoint.url,
  place: placeOf(endpoint.url, projectId),
});

const DISABLED_SERVICE = 'the service is disabled in Keystone';
const DISABLED_ENDPOINT = 'its endpoint is disabled in Keystone';
const NO_ENDPOINT = 'it has no endpoint';
const NOT_IN_CATALOG =
  "the catalog of the propagator's project does not show its endpoint (an " +
  'endpoint filter, or a URL that Keystone cannot fill in)';

/**
 * Returns the registrations that cannot be called: endpoints that only the lists contain, and
 * services without an endpoint.
 */
function hiddenRegistrations(
  catalog: readonly CatalogService[],
  projectId: string,
  lists: Lists | undefined,
): Registration[] {
  const rows = new Map(lists?.services.map((row) => [row.id, row]));
  const shown = new Set(catalog.flatMap(({ endpoints }) => endpoints.map(({ id }) => id)));
  // In a catalog from a template file, ids are missing or different, so the other fields are
  // compared.
  const alike = new Set(
    catalog.flatMap(({ id = '', type, endpoints }) =>
      endpoints.map((one) => endpointKey(rows.has(id) ? id : '', type, one, projectId)),
    ),
  );
  const hidden = (lists?.endpoints ?? []).flatMap((endpoint): Registration[] => {
    const row = rows.get(endpoint.service_id);
    const isOff = row?.enabled === false || endpoint.enabled === false;
    const isAlike = (id: string): boolean =>
      row !== undefined && alike.has(endpointKey(id, row.type, endpoint, projectId));
    if (!isOff && (shown.has(endpoint.id) || isAlike(endpoint.service_id) || isAlike('')))
      return [];
    const common = { type: row?.type ?? '', name: row?.name ?? '', serviceId: endpoint.service_id };
    const why =
      row?.enabled === false
        ? DISABLED_SERVICE
        : endpoint.enabled === false
          ? DISABLED_ENDPOINT
          : NOT_IN_CATALOG;
    return [
      {
        ...common,
        region: regionOf(endpoint),
        endpoints: [endpointOf(endpoint, projectId)],
        hidden: why,
      },
    ];
  });
  return [...hidden, ...withoutEndpoint(catalog, lists)];
}

const endpointKey = (
  serviceId: string,
  type: string,
  endpoint: z.infer<typeof endpointRow> | CatalogService['endpoints'][number],
  projectId: string,
): string =>
  [
    serviceId,
    typeKey(type),
    regionOf(endpoint),
    endpoint.interface,
    placeOf(endpoint.url, projectId),
  ].join('\n');

function withoutEndpoint(
  catalog: readonly CatalogService[],
  lists: Lists | undefined,
): Registration[] {
  const withOne = new Set([
    ...catalog.filter(({ endpoints }) => endpoints.length > 0).map(({ id }) => id),
    ...(lists?.endpoints ?? []).map(({ service_id }) => service_id),
  ]);
  const listed = (lists?.services ?? []).filter(({ id }) => !withOne.has(id));
  const ids = new Set(listed.map(({ id }) => id));
  const unlisted = catalog.filter(
    ({ id, endpoints }) => endpoints.length === 0 && !withOne.has(id) && !ids.has(id ?? ''),
  );
  return [
    ...listed.map(({ id, type, name, enabled }) => ({
      id,
      type,
      name,
      hidden: enabled === false ? DISABLED_SERVICE : NO_ENDPOINT,
    })),
    ...unlisted.map(({ id, type, name }) => ({ id: id ?? '', type, name, hidden: NO_ENDPOINT })),
  ].map(({ id, ...row }) => ({ ...row, serviceId: id, region: undefined, endpoints: [] }));
}

/**
 * Returns the error for an incomplete list. A policy or a proxy may filter the list, so that it
 * lacks a service of the catalog. An empty list is incomplete too, because it must at least contain
 * Keystone.
 */
function findIncompleteness(
  catalog: readonly CatalogService[],
  lists: Lists,
): ErrorReport | undefined {
  const types = new Set(lists.services.map(({ type }) => typeKey(type)));
  const ofType = new Map(lists.services.map(({ id, type }) => [id, typeKey(type)]));
  const reachable = new Set(lists.endpoints.map(({ service_id }) => ofType.get(service_id)));
  const missing = catalog.find(({ type }) => !types.has(typeKey(type)));
  const without = catalog.find(
    ({ type, endpoints }) => endpoints.length > 0 && !reachable.has(typeKey(type)),
  );
  if (missing) return incomplete('services', `lacks ${missing.type}, which is in the catalog`);
  if (without)
    return incomplete(
      'endpoints',
      `lacks the endpoints of ${without.type}, which are in the catalog`,
    );
  return lists.services.length === 0 ? incomplete('services', 'is empty') : undefined;
}

const incomplete = (list: 'services' | 'endpoints', what: string): ErrorReport => ({
  code: 'keystone.answer.incomplete',
  class: 'Unexpected',
  service: 'keystone',
  message: `the list of GET /v3/${list} ${what}`,
  advice: `Check any proxy in front of Keystone, and the Keystone policy identity:list_${list}.`,
});

/** Combines the catalog with the lists of services and endpoints. */
export function assembleRegistry(
  catalog: readonly CatalogService[],
  projectId: string,
  read: ReadLists,
  credentials: Pick<Credentials, 'regions' | 'interfaces' | 'endpointOverrides' | 'source'>,
): Registry {
  const lists = 'unlisted' in read ? undefined : read;
  return {
    registrations: [
      ...overrideRegistrations(credentials, projectId),
      ...catalogRegistrations(catalog, projectId),
      ...hiddenRegistrations(catalog, projectId, lists),
    ],
    regions: credentials.regions,
    setting: `OS_REGION_NAME or ${credentials.source}`,
    interfaces: credentials.interfaces,
    unlisted: 'unlisted' in read ? read.unlisted : findIncompleteness(catalog, read),
  };
}
