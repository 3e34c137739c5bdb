import * as z from 'zod';
import { type ErrorReport, PropagatorError } from '../shared/errors.ts';
import type { ServiceApi } from '../task/service.ts';

const textOrEmpty = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
/** A row of Keystone may lack any field except its id. */
const serviceRow = z.object({
  id: z.string(),
  type: textOrEmpty,
  name: textOrEmpty,
  enabled: z.boolean().nullish(),
});
const endpointRow = z.object({
  id: z.string(),
  service_id: textOrEmpty,
  interface: textOrEmpty,
  region_id: z.string().nullish(),
  region: z.string().nullish(),
  url: textOrEmpty,
  enabled: z.boolean().nullish(),
});

export type ServiceRow = z.infer<typeof serviceRow>;
export type EndpointRow = z.infer<typeof endpointRow>;

/** All services and endpoints of Keystone, including those that are disabled. */
export interface RegistrationLists {
  readonly services: readonly ServiceRow[];
  readonly endpoints: readonly EndpointRow[];
}

export type ListsOrError = RegistrationLists | { readonly listError: ErrorReport };

/**
 * Reads `GET /v3/services` and `GET /v3/endpoints`, which show an administrator more than the
 * catalog. Returns the error if a list cannot be read or is cut at Keystone's `list_limit`.
 */
export async function readRegistrationLists(identity: ServiceApi): Promise<ListsOrError> {
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
    if (error instanceof PropagatorError) return { listError: error.report };
    throw error;
  }
}
