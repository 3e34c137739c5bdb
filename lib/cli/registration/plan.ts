import { OWN_REGISTRATION } from '../../services/keystone-propagator.ts';
import { PropagatorError } from '../../shared/errors.ts';
import {
  type CatalogRows,
  type EndpointRow,
  hasPropagatorType,
  isMadeByRegister,
  OWN_DESCRIPTION,
  type ServiceRow,
} from './keystone-rows.ts';

export const INTERFACES = ['public', 'internal', 'admin'] as const;
export type EndpointInterface = (typeof INTERFACES)[number];

/** One change of Keystone's catalog. A created row has no id before the change. */
export interface CatalogChange {
  readonly action: 'create' | 'update' | 'delete';
  readonly type: 'service' | 'endpoint';
  readonly id?: string | undefined;
  readonly interface?: string;
  readonly region?: string | undefined;
  readonly url?: string;
  /** The URL before an update. */
  readonly before?: string;
}

/** The endpoints that `register` makes: one for each interface. */
export interface DesiredEndpoints {
  readonly url: string;
  readonly region: string;
  readonly interfaces: readonly EndpointInterface[];
}

/**
 * Returns the changes that `register` must make, in their order; none if the catalog is as desired.
 * Endpoints of other regions and interfaces stay. Throws `PropagatorError` in two cases: another
 * program made the service or one of the endpoints, or one of them exists twice.
 */
export function planRegister(
  rows: CatalogRows,
  { url, region, interfaces }: DesiredEndpoints,
): CatalogChange[] {
  const service = registeredService(rows);
  const serviceEndpoints = rows.endpoints.filter((one) => one.service_id === service?.id);
  const changes = interfaces.flatMap((name): CatalogChange[] => {
    const row = { type: 'endpoint', interface: name, region, url } as const;
    const endpoint = registeredEndpoint(
      serviceEndpoints.filter((one) => one.interface === name && one.region_id === region),
      row,
    );
    if (!endpoint) return [{ action: 'create', ...row }];
    const { id, url: before, enabled } = endpoint;
    return before === url && enabled ? [] : [{ action: 'update', ...row, id, before }];
  });
  if (!service) return [{ action: 'create', type: 'service' }, ...changes];
  return service.enabled
    ? changes
    : [{ action: 'update', type: 'service', id: service.id }, ...changes];
}

/** The rows that `unregister` removes, and the services that `unregister` must keep. */
export interface UnregisterPlan {
  readonly changes: readonly CatalogChange[];
  /** Services of `register` that keep endpoints of another region or of another program. */
  readonly kept: readonly { readonly id: string; readonly endpoints: readonly string[] }[];
}

/**
 * Returns the removal of every row that `register` made. With `region`, only the endpoints of this
 * region are removed. A service is removed together with its last endpoint. Rows of other programs
 * are never removed.
 */
export function planUnregister(rows: CatalogRows, region: string | undefined): UnregisterPlan {
  const changes: CatalogChange[] = [];
  const kept: { id: string; endpoints: string[] }[] = [];
  for (const { id } of rows.services.filter(isMadeByRegister)) {
    const endpoints = rows.endpoints.filter(({ service_id }) => service_id === id);
    const isRemoved = (one: EndpointRow): boolean =>
      one.description === OWN_DESCRIPTION && (region === undefined || one.region_id === region);
    for (const one of endpoints.filter(isRemoved))
      changes.push({
        action: 'delete',
        type: 'endpoint',
        id: one.id,
        interface: one.interface,
        region: one.region_id ?? undefined,
        url: one.url,
      });
    const keptEndpoints = endpoints.filter((one) => !isRemoved(one)).map((one) => one.id);
    // When Keystone deletes a service, it also deletes the endpoints of the service. Therefore a
    // service with kept endpoints stays. With `region`, a service that has no endpoints stays too.
    if (keptEndpoints.length > 0) kept.push({ id, endpoints: keptEndpoints });
    else if (region === undefined || endpoints.length > 0)
      changes.push({ action: 'delete', type: 'service', id });
  }
  return { changes, kept };
}

/** Returns the service that `register` made, or `undefined`. */
function registeredService({ services }: CatalogRows): ServiceRow | undefined {
  const servicesOfType = services.filter(hasPropagatorType);
  const foreignService = servicesOfType.find((one) => !isMadeByRegister(one));
  if (foreignService)
    throw nothingChangedError(
      `Keystone has a service ${foreignService.name || 'without a name'} ` +
        `(${foreignService.id}) of type ` +
        `${OWN_REGISTRATION.type} that \`propagator register\` did not make`,
      'If it is not in use, delete it and register again: openstack service delete ' +
        foreignService.id,
    );
  const [service, duplicate] = servicesOfType;
  if (service && duplicate)
    throw nothingChangedError(
      `Keystone has the service ${OWN_REGISTRATION.name} more than once: ` +
        servicesOfType.map(({ id }) => id).join(', '),
      'Type `propagator unregister`, which removes all of them, and register again.',
    );
  return service;
}

/** Returns the endpoint that `register` made for this interface and region, or `undefined`. */
function registeredEndpoint(
  endpoints: readonly EndpointRow[],
  location: { readonly interface: string; readonly region: string },
): EndpointRow | undefined {
  const locationText = `interface ${location.interface} in ${location.region}`;
  const [endpoint, duplicate] = endpoints;
  if (endpoint && duplicate)
    throw nothingChangedError(
      `Keystone has ${endpoints.length} endpoints of ${OWN_REGISTRATION.name} for ` +
        `${locationText}: ` +
        endpoints.map(({ id }) => id).join(', '),
      'Delete all of them except one, and register again: openstack endpoint delete ENDPOINT',
    );
  if (endpoint && endpoint.description !== OWN_DESCRIPTION)
    throw nothingChangedError(
      `Keystone has an endpoint (${endpoint.id}, ${endpoint.url}) of ` +
        `${OWN_REGISTRATION.name} for ` +
        `${locationText} that \`propagator register\` did not make`,
      `Delete it, and register again: openstack endpoint delete ${endpoint.id}`,
    );
  return endpoint;
}

const nothingChangedError = (message: string, advice: string): PropagatorError =>
  new PropagatorError({
    code: 'cli.register',
    class: 'Denied',
    message: `${message}; nothing was changed`,
    advice,
  });
