import type { Credentials, Interface } from './credentials.ts';
import { credentialsError } from './credentials-error.ts';
import type { CatalogService } from './session.ts';

/**
 * An interface that the catalog lacks is replaced by the next of these: a service that is there
 * must not be taken for absent.
 */
const FALLBACK: readonly Interface[] = ['public', 'internal', 'admin'];

const regionOf = (endpoint: CatalogService['endpoints'][number]): string | undefined =>
  endpoint.region_id ?? endpoint.region ?? undefined;

/**
 * The URL of a service in a region, without a trailing slash; `undefined` when the catalog lacks
 * it.
 * `types`: the official type first, then aliases; the first that has an endpoint there is taken.
 * `wanted`: interfaces, the preferred one first.
 */
export function findEndpoint(
  catalog: readonly CatalogService[],
  types: readonly string[],
  region: string,
  wanted: readonly Interface[],
): string | undefined {
  for (const type of types) {
    const here = catalog
      .filter((service) => service.type === type)
      .flatMap((service) => service.endpoints.filter((endpoint) => regionOf(endpoint) === region));
    for (const name of [...wanted, ...FALLBACK]) {
      const found = here.find(
        (endpoint) => endpoint.interface === name || endpoint.interface === `${name}URL`,
      );
      if (found) return found.url.replace(/\/+$/, '');
    }
  }
  return undefined;
}

/**
 * Regions in which one of the types has an endpoint, sorted, cut to the configured ones when there
 * are any.
 */
export function regionsOf(
  catalog: readonly CatalogService[],
  types: readonly string[],
  configured: readonly string[],
): string[] {
  const regions = catalog
    .filter((service) => types.includes(service.type))
    .flatMap((service) => service.endpoints.map(regionOf))
    .filter((region) => region !== undefined);
  return [...new Set(regions)]
    .filter((region) => configured.length === 0 || configured.includes(region))
    .sort();
}

/**
 * A region that nothing in the catalog has is a mistyped one: without this, every service there
 * would pass for absent, and so for done.
 */
export function checkRegions(
  catalog: readonly CatalogService[],
  credentials: Pick<Credentials, 'regions' | 'source'>,
): void {
  const known = new Set(
    catalog
      .flatMap((service) => service.endpoints.map(regionOf))
      .filter((region) => region !== undefined),
  );
  const unknown = credentials.regions.find((region) => !known.has(region));
  if (unknown !== undefined)
    throw credentialsError(
      `OS_REGION_NAME or ${credentials.source}: the catalog has no region ${unknown}, only ${[...known].sort().join(', ')}`,
    );
}
