import { type Registration, serviceUrlOf, typeKey } from '../operation/registry.ts';
import { type CatalogService, endpointOf, regionOf } from './catalog.ts';
import type { EndpointRow, RegistrationLists, ServiceRow } from './registration-lists.ts';

const DISABLED_SERVICE = 'the service is disabled in Keystone';
const DISABLED_ENDPOINT = 'its endpoint is disabled in Keystone';
const NO_ENDPOINT = 'it has no endpoint';
const NOT_IN_CATALOG =
  "the catalog of the propagator's project does not show its endpoint (an endpoint filter hides " +
  'it, or Keystone cannot replace a placeholder in its URL)';

/**
 * Returns the registrations that cannot be called: the endpoints of `lists` that are disabled or
 * missing in the catalog, and the services without an endpoint.
 */
export function hiddenRegistrations(
  catalog: readonly CatalogService[],
  projectId: string,
  lists: RegistrationLists | undefined,
): Registration[] {
  const serviceById = new Map(lists?.services.map((row) => [row.id, row]));
  const isInCatalog = catalogLookup(catalog, projectId, new Set(serviceById.keys()));
  const hiddenEndpoints = (lists?.endpoints ?? []).flatMap((endpoint): Registration[] => {
    const service = serviceById.get(endpoint.service_id);
    const reason = reasonForHiding(service, endpoint, isInCatalog(endpoint, service?.type ?? ''));
    if (reason === undefined) return [];
    return [
      {
        type: service?.type ?? '',
        name: service?.name ?? '',
        serviceId: endpoint.service_id,
        region: regionOf(endpoint),
        endpoints: [endpointOf(endpoint, projectId)],
        hiddenBecause: reason,
      },
    ];
  });
  return [...hiddenEndpoints, ...servicesWithoutEndpoint(catalog, lists)];
}

/** The service id in the key of an endpoint whose service in the catalog has no known id. */
const ANY_SERVICE = '';

/**
 * Returns a function that tells whether an endpoint of the lists is in the catalog. `serviceIds`:
 * the ids of the listed services.
 */
function catalogLookup(
  catalog: readonly CatalogService[],
  projectId: string,
  serviceIds: ReadonlySet<string>,
): (endpoint: EndpointRow, type: string) => boolean {
  const endpointIds = new Set(catalog.flatMap(({ endpoints }) => endpoints.map(({ id }) => id)));
  // In a catalog from a template file, the ids of services are missing or differ from those of the
  // lists. The key then has the service id ANY_SERVICE, so that only the other fields are compared.
  const endpointKeys = new Set(
    catalog.flatMap(({ id = '', type, endpoints }) =>
      endpoints.map((one) =>
        endpointKey(serviceIds.has(id) ? id : ANY_SERVICE, type, one, projectId),
      ),
    ),
  );
  return (endpoint, type) => {
    if (endpointIds.has(endpoint.id)) return true;
    if (!serviceIds.has(endpoint.service_id)) return false;
    const hasKeyWith = (serviceId: string): boolean =>
      endpointKeys.has(endpointKey(serviceId, type, endpoint, projectId));
    return hasKeyWith(endpoint.service_id) || hasKeyWith(ANY_SERVICE);
  };
}

/** Returns the reason why an endpoint cannot be called, or `undefined` if it can. */
function reasonForHiding(
  service: ServiceRow | undefined,
  endpoint: EndpointRow,
  isInCatalog: boolean,
): string | undefined {
  if (service?.enabled === false) return DISABLED_SERVICE;
  if (endpoint.enabled === false) return DISABLED_ENDPOINT;
  return isInCatalog ? undefined : NOT_IN_CATALOG;
}

/** Returns a text that is equal for two rows of the same endpoint. */
const endpointKey = (
  serviceId: string,
  type: string,
  endpoint: EndpointRow | CatalogService['endpoints'][number],
  projectId: string,
): string =>
  [
    serviceId,
    typeKey(type),
    regionOf(endpoint),
    endpoint.interface,
    serviceUrlOf(endpoint.url, projectId),
  ].join('\n');

/** Returns the services of the lists and of the catalog that have no endpoint in either. */
function servicesWithoutEndpoint(
  catalog: readonly CatalogService[],
  lists: RegistrationLists | undefined,
): Registration[] {
  const idsWithEndpoint = new Set([
    ...catalog.filter(({ endpoints }) => endpoints.length > 0).map(({ id }) => id),
    ...(lists?.endpoints ?? []).map(({ service_id }) => service_id),
  ]);
  const listedWithoutEndpoint = (lists?.services ?? []).filter(
    ({ id }) => !idsWithEndpoint.has(id),
  );
  const listedIdsWithoutEndpoint = new Set(listedWithoutEndpoint.map(({ id }) => id));
  const catalogOnlyServices = catalog.filter(
    ({ id, endpoints }) =>
      endpoints.length === 0 && !idsWithEndpoint.has(id) && !listedIdsWithoutEndpoint.has(id ?? ''),
  );
  return [
    ...listedWithoutEndpoint.map(({ id, type, name, enabled }) => ({
      id,
      type,
      name,
      hiddenBecause: enabled === false ? DISABLED_SERVICE : NO_ENDPOINT,
    })),
    ...catalogOnlyServices.map(({ id, type, name }) => ({
      id: id ?? '',
      type,
      name,
      hiddenBecause: NO_ENDPOINT,
    })),
  ].map(({ id, ...row }) => ({ ...row, serviceId: id, region: undefined, endpoints: [] }));
}
