import * as z from 'zod';
import { typeKey } from '../../operation/registry.ts';
import { OWN_REGISTRATION } from '../../services/keystone-propagator.ts';
import { PropagatorError } from '../../shared/errors.ts';
import type { ServiceApi } from '../../task/service.ts';

/**
 * The description of each row that `register` creates. `unregister` removes only rows with this
 * description, because an administrator may have made other rows of the same name.
 */
export const OWN_DESCRIPTION = 'Made by "propagator register"';

const textField = z
  .string()
  .nullish()
  .transform((value) => value ?? '');
const enabledField = z
  .boolean()
  .nullish()
  .transform((value) => value !== false);
const serviceRow = z.object({
  id: z.string(),
  type: textField,
  name: textField,
  description: textField,
  enabled: enabledField,
});
const endpointRow = z.object({
  id: z.string(),
  service_id: textField,
  interface: textField,
  region_id: z.string().nullish(),
  url: textField,
  description: textField,
  enabled: enabledField,
});
const regionRow = z.object({ id: z.string() });

export type ServiceRow = z.infer<typeof serviceRow>;
export type EndpointRow = z.infer<typeof endpointRow>;

/** All services, endpoints and regions of Keystone, including disabled services and endpoints. */
export interface CatalogRows {
  readonly services: readonly ServiceRow[];
  readonly endpoints: readonly EndpointRow[];
  readonly regions: readonly string[];
}

/** True for every service of the propagator's type. */
export const hasPropagatorType = ({ type }: ServiceRow): boolean =>
  typeKey(type) === typeKey(OWN_REGISTRATION.type);

/** True if `register` made the service. */
export const isMadeByRegister = (row: ServiceRow): boolean =>
  hasPropagatorType(row) &&
  row.name === OWN_REGISTRATION.name &&
  row.description === OWN_DESCRIPTION;

/** Reads Keystone's tables. Throws `PropagatorError`, for example for a truncated list. */
export async function readRows(api: ServiceApi): Promise<CatalogRows> {
  // No `limit`: Keystone before 2025.1 has no paging, and later releases link to the next page.
  const options = { paging: 'next', query: { limit: undefined } } as const;
  const [services, endpoints, regions] = await Promise.all([
    api.list('/v3/services', { ...options, collection: 'services', row: serviceRow }),
    api.list('/v3/endpoints', { ...options, collection: 'endpoints', row: endpointRow }),
    api.list('/v3/regions', { ...options, collection: 'regions', row: regionRow }),
  ]).catch(rethrowWithAdminAdvice);
  return {
    services: services.rows,
    endpoints: endpoints.rows,
    regions: regions.rows.map(({ id }) => id),
  };
}

/** Throws the error. A 403 gets other advice: the login of the command lacks the role admin. */
export function rethrowWithAdminAdvice(thrown: unknown): never {
  if (!(thrown instanceof PropagatorError) || thrown.report.status !== 403) throw thrown;
  throw new PropagatorError(
    {
      ...thrown.report,
      advice:
        "Log in with the role admin (--os-cloud or OS_CLOUD): Keystone's policy lets only an " +
        'administrator change the catalog.',
    },
    { cause: thrown },
  );
}
