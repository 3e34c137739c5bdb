import * as z from 'zod';
import {
  type Endpoint,
  MISSING_REGION_CODE,
  type Registration,
  serviceUrlOf,
} from '../operation/registry.ts';
import { PropagatorError } from '../shared/errors.ts';
import type { Credentials } from './credentials.ts';

/** Keystone may return null for any text. One null must not make the whole catalog unreadable. */
const textOrEmpty = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const endpoint = z.object({
  id: z.string().optional(),
  interface: textOrEmpty,
  url: textOrEmpty,
  region_id: z.string().nullish(),
  region: z.string().nullish(),
});
/** A service of the catalog, as Keystone issues it with a token. */
export const catalogService = z.object({
  id: z.string().optional(),
  type: textOrEmpty,
  name: textOrEmpty,
  endpoints: z
    .array(endpoint)
    .nullish()
    .transform((value) => value ?? []),
});
export type CatalogService = z.infer<typeof catalogService>;

/** Returns the region of an endpoint, or `undefined` if Keystone stores none. */
export const regionOf = (endpoint: {
  region_id?: string | null | undefined;
  region?: string | null | undefined;
}): string | undefined => endpoint.region_id || endpoint.region || undefined;

/** Returns the endpoint with its service URL, for a token on the project. */
export const endpointOf = (
  endpoint: { interface: string; url: string },
  projectId: string,
): Endpoint => ({
  interface: endpoint.interface,
  url: endpoint.url,
  serviceUrl: serviceUrlOf(endpoint.url, projectId),
});

/**
 * Throws class `Denied` when the settings name a region without endpoints in the catalog: the
 * region is misspelled or was removed. Without this check, every service in that region would count
 * as absent.
 */
export function checkRegions(
  registrations: readonly Registration[],
  credentials: Pick<Credentials, 'regions' | 'source'>,
): void {
  const catalogRegions = new Set(
    registrations.flatMap(({ hiddenBecause, region, isOverride }) =>
      hiddenBecause === undefined && region !== undefined && !isOverride ? [region] : [],
    ),
  );
  const unknownRegion = credentials.regions.find((region) => !catalogRegions.has(region));
  if (unknownRegion === undefined) return;
  throw new PropagatorError({
    code: MISSING_REGION_CODE,
    class: 'Denied',
    message:
      `OS_REGION_NAME or ${credentials.source}: the catalog has no region ${unknownRegion}, ` +
      `only ${[...catalogRegions].sort().join(', ')}`,
    advice:
      `Correct the region in the settings, or register the endpoints of ${unknownRegion} in ` +
      'Keystone again.',
    service: 'keystone',
  });
}
