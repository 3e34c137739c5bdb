import type { ErrorReport } from '../shared/errors.ts';

/** One endpoint of a service. */
export interface Endpoint {
  /** `public`, `internal`, `admin`. */
  readonly interface: string;
  /** The URL as Keystone shows it. In an administrator's list it contains placeholders. */
  readonly url: string;
  /** The URL without version and project. Endpoints with the same place belong to one service. */
  readonly place: string;
}

/** One service of Keystone in one region, from the catalog or from an administrator's list. */
export interface Registration {
  /** The type in Keystone; empty when the row has none. */
  readonly type: string;
  readonly name: string;
  readonly serviceId: string;
  /** `undefined` if no endpoint names a region. */
  readonly region: string | undefined;
  readonly endpoints: readonly Endpoint[];
  /** Why the catalog does not show the registration; `undefined` when it does. */
  readonly hidden: string | undefined;
  /** Set if the settings replace Keystone's endpoint in that region. */
  readonly isOverride?: true;
}

/** The services and endpoints of a cloud, as Keystone shows them. */
export interface Registry {
  readonly registrations: readonly Registration[];
  /** The regions of the settings; empty means all regions. */
  readonly regions: readonly string[];
  /** The name of the setting, for messages: `OS_REGION_NAME`. */
  readonly setting: string;
  /** The interfaces to call, the preferred one first. */
  readonly interfaces: readonly string[];
  /**
   * Set if the administrator's lists could not be read, with the reason. No service then counts as
   * absent.
   */
  readonly unlisted: ErrorReport | undefined;
}

/**
 * The error code for a region of the settings that the catalog lacks, temporarily or because of a
 * typing error.
 */
export const REGION_CODE = 'openstack.region';

/**
 * Returns the type for comparison. Like OpenStack clients it ignores case and treats `_` as `-`.
 */
export const typeKey = (type: string): string => type.trim().toLowerCase().replaceAll('_', '-');

/** Returns the interface for comparison. Older databases contain `publicURL`. */
const interfaceKey = (name: string): string => name.trim().toLowerCase().replace(/url$/, '');

/** The order of interfaces that are used when the catalog lacks the preferred one. */
const FALLBACK = ['public', 'internal', 'admin'];

/** An endpoint to call, with its registration. */
export interface ChosenEndpoint {
  readonly registration: Registration;
  readonly endpoint: Endpoint;
}

/**
 * Returns the endpoint to call for a service in a region, or `undefined` when the catalog shows
 * none. `types`: the official type, then aliases. The first type with an endpoint in the region is
 * used. An endpoint of the settings has priority over the catalog. `preferredInterfaces`: the
 * interfaces, the most preferred one first.
 */
export function chooseEndpoint(
  registrations: readonly Registration[],
  types: readonly string[],
  region: string,
  preferredInterfaces: readonly string[],
): ChosenEndpoint | undefined {
  const inRegion = registrations.filter((one) => one.hidden === undefined && one.region === region);
  const isOneOf = ({ type }: Registration): boolean =>
    types.some((one) => typeKey(one) === typeKey(type));
  const overrides = inRegion.filter((one) => one.isOverride && isOneOf(one));
  const candidates = overrides.length > 0 ? overrides : inRegion;
  for (const type of types) {
    const endpointsOfType = candidates
      .filter((one) => typeKey(one.type) === typeKey(type))
      .flatMap((registration) =>
        registration.endpoints.map((endpoint) => ({ registration, endpoint })),
      );
    for (const name of [...preferredInterfaces, ...FALLBACK]) {
      const found = endpointsOfType.find(
        ({ endpoint }) => interfaceKey(endpoint.interface) === name,
      );
      if (found) return found;
    }
  }
  return undefined;
}

/**
 * Returns host and path of an endpoint without the version, the project and their placeholders.
 * `projectId`: the project whose id Keystone inserted into the URLs. A URL without a host is
 * returned unchanged.
 */
export function placeOf(url: string, projectId: string): string {
  const parsed = URL.parse(url.trim());
  if (!parsed?.host || /[$%]\(/.test(parsed.host)) return url.trim().toLowerCase();
  const filled = projectId === '' ? parsed.pathname : parsed.pathname.replaceAll(projectId, '');
  const path = filled
    .replace(/[$%](?:25)?\([a-z_]+\)s/gi, '')
    .replace(/\/v\d+(?:\.\d+)?(?=\/|$)/, '');
  return `${parsed.host}${path.replace(/\/+$/, '')}`.toLowerCase();
}

/**
 * Returns a predicate for the endpoints of one service in one region. The predicate is true if
 * several places are registered for the interface of the endpoint, including rows that the catalog
 * hides. In that case it is unknown which place belongs to the service. `own`: all registrations.
 * The second argument names the service and the region.
 */
export function doubledInterfaces(
  own: readonly Registration[],
  { serviceId, region }: Registration,
): (endpoint: Endpoint) => boolean {
  const places = new Map<string, Set<string>>();
  for (const other of own) {
    if (other.serviceId !== serviceId || other.region !== region) continue;
    for (const { interface: name, place } of other.endpoints) {
      const key = interfaceKey(name);
      places.set(key, (places.get(key) ?? new Set()).add(place));
    }
  }
  return ({ interface: name }) => (places.get(interfaceKey(name))?.size ?? 0) > 1;
}

/** True if the registration has an endpoint of the same interface. */
export const hasInterface = ({ endpoints }: Registration, { interface: name }: Endpoint): boolean =>
  endpoints.some((one) => interfaceKey(one.interface) === interfaceKey(name));
