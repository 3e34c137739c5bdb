import { type Registration, type Registry, typeKey } from '../operation/registry.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { type CatalogService, endpointOf, regionOf } from './catalog.ts';
import type { Credentials } from './credentials.ts';
import { hiddenRegistrations } from './hidden-registrations.ts';
import type { ListsOrError, RegistrationLists } from './registration-lists.ts';

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
    const endpointsByRegion = Map.groupBy(service.endpoints, regionOf);
    return [...endpointsByRegion].map(([region, endpoints]) => ({
      ...common,
      region,
      endpoints: endpoints.map((endpoint) => endpointOf(endpoint, projectId)),
      hiddenBecause: undefined,
    }));
  });
}

/**
 * Returns the endpoints of the settings (`compute_endpoint_override`), which replace those of the
 * catalog. Settings with such an endpoint allow only one region. `projectId`: the token's project.
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
    hiddenBecause: undefined,
    isOverride: true,
  }));
}

/**
 * Returns an error if a list of Keystone is incomplete, or `undefined`. A list is incomplete if it
 * lacks a service of the catalog, for example because a policy or a proxy removed it from the list.
 * An empty list is incomplete too, because Keystone itself must be in the list.
 */
function incompleteListError(
  catalog: readonly CatalogService[],
  lists: RegistrationLists,
): ErrorReport | undefined {
  const typeByServiceId = new Map(lists.services.map(({ id, type }) => [id, typeKey(type)]));
  const listedTypes = new Set(typeByServiceId.values());
  const typesWithEndpoint = new Set(
    lists.endpoints.map(({ service_id }) => typeByServiceId.get(service_id)),
  );
  const missingService = catalog.find(({ type }) => !listedTypes.has(typeKey(type)));
  const serviceWithoutEndpoints = catalog.find(
    ({ type, endpoints }) => endpoints.length > 0 && !typesWithEndpoint.has(typeKey(type)),
  );
  if (missingService)
    return incompleteListReport(
      'services',
      `lacks ${missingService.type}, which is in the catalog`,
    );
  if (serviceWithoutEndpoints)
    return incompleteListReport(
      'endpoints',
      `lacks the endpoints of ${serviceWithoutEndpoints.type}, which are in the catalog`,
    );
  return lists.services.length === 0 ? incompleteListReport('services', 'is empty') : undefined;
}

const incompleteListReport = (list: 'services' | 'endpoints', fault: string): ErrorReport => ({
  code: 'keystone.answer.incomplete',
  class: 'Unexpected',
  service: 'keystone',
  message: `the list of GET /v3/${list} ${fault}`,
  advice: `Check any proxy in front of Keystone, and the Keystone policy identity:list_${list}.`,
});

/** Combines the catalog with the lists of services and endpoints. */
export function assembleRegistry(
  catalog: readonly CatalogService[],
  projectId: string,
  listsOrError: ListsOrError,
  credentials: Pick<Credentials, 'regions' | 'interfaces' | 'endpointOverrides' | 'source'>,
): Registry {
  const lists = 'listError' in listsOrError ? undefined : listsOrError;
  return {
    registrations: [
      ...overrideRegistrations(credentials, projectId),
      ...catalogRegistrations(catalog, projectId),
      ...hiddenRegistrations(catalog, projectId, lists),
    ],
    regions: credentials.regions,
    regionSetting: `OS_REGION_NAME or ${credentials.source}`,
    interfaces: credentials.interfaces,
    listingError:
      'listError' in listsOrError
        ? listsOrError.listError
        : incompleteListError(catalog, listsOrError),
  };
}
