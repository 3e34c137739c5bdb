import { type Registration, type Registry, typeKey } from '../operation/registry.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { type CatalogService, endpointOf, regionOf } from './catalog.ts';
import type { Credentials } from './credentials.ts';
import { hiddenRegistrations } from './hidden-registrations.ts';
import type { Lists, ReadLists } from './keystone-lists.ts';

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

/**
 * Returns the error for an incomplete list. A policy or a proxy may remove services of the catalog
 * from the list. An empty list is incomplete too, because Keystone itself must be in the list.
 */
function findIncompleteness(
  catalog: readonly CatalogService[],
  lists: Lists,
): ErrorReport | undefined {
  const types = new Set(lists.services.map(({ type }) => typeKey(type)));
  const ofType = new Map(lists.services.map(({ id, type }) => [id, typeKey(type)]));
  const reachable = new Set(lists.endpoints.map(({ service_id }) => ofType.get(service_id)));
  const missing = catalog.find(({ type }) => !types.has(typeKey(type)));
  const withoutEndpoints = catalog.find(
    ({ type, endpoints }) => endpoints.length > 0 && !reachable.has(typeKey(type)),
  );
  if (missing) return incomplete('services', `lacks ${missing.type}, which is in the catalog`);
  if (withoutEndpoints)
    return incomplete(
      'endpoints',
      `lacks the endpoints of ${withoutEndpoints.type}, which are in the catalog`,
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
