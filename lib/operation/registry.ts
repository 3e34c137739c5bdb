import type { ErrorReport } from '../shared/errors.ts';

/** One endpoint of a service. */
export interface Endpoint {
  /** The kind of the endpoint: `public`, `internal` or `admin`. */
  readonly interface: string;
  /** The URL as Keystone shows it. In an administrator's list it contains placeholders. */
  readonly url: string;
  /**
   * The URL without version and project ({@link serviceUrlOf}). Endpoints with the same service URL
   * belong to one service.
   */
  readonly serviceUrl: string;
}

/**
 * One service that is registered in Keystone, in one region. It comes from the catalog or from the
 * list of services and endpoints that only an administrator can read.
 */
export interface Registration {
  /** The service type in Keystone; empty if the registration has none. */
  readonly type: string;
  readonly name: string;
  readonly serviceId: string;
  /** `undefined` if no endpoint names a region. */
  readonly region: string | undefined;
  readonly endpoints: readonly Endpoint[];
  /** Why the catalog does not show the registration; `undefined` if the catalog shows it. */
  readonly hiddenBecause: string | undefined;
  /** Set if the endpoint comes from the settings and replaces Keystone's endpoint in the region. */
  readonly isOverride?: true;
}

/** The services and endpoints of a cloud, as Keystone shows them. */
export interface Registry {
  readonly registrations: readonly Registration[];
  /** The regions of the settings; empty means all regions. */
  readonly regions: readonly string[];
  /** The name of the setting that lists the regions, for messages: `OS_REGION_NAME`. */
  readonly regionSetting: string;
  /** The interfaces to call, the preferred one first. */
  readonly interfaces: readonly string[];
  /**
   * Set if the administrator's list of services and endpoints could not be read. No service then
   * counts as absent.
   */
  readonly listingError: ErrorReport | undefined;
}

/** The error code for a region that the settings name and the catalog lacks. */
export const MISSING_REGION_CODE = 'openstack.region';

/**
 * Returns the type for comparison. Like OpenStack clients it ignores case and treats `_` as `-`.
 */
export const typeKey = (type: string): string => type.trim().toLowerCase().replaceAll('_', '-');

/** Returns the interface for comparison. Older databases contain `publicURL`. */
const interfaceKey = (name: string): string => name.trim().toLowerCase().replace(/url$/, '');

/** The interfaces that are called if the catalog lacks the preferred ones, in this order. */
const FALLBACK_INTERFACES = ['public', 'internal', 'admin'];

/** The endpoint that the propagator calls, with its registration. */
export interface ChosenEndpoint {
  readonly registration: Registration;
  readonly endpoint: Endpoint;
}

/**
 * Returns the endpoint to call for a service in a region, or `undefined` if the catalog shows none.
 * `types`: the official type, then aliases. The first type with an endpoint in the region is used.
 * An endpoint of the settings has priority over the catalog. `preferredInterfaces` begins with the
 * most preferred one.
 */
export function chooseEndpoint(
  registrations: readonly Registration[],
  types: readonly string[],
  region: string,
  preferredInterfaces: readonly string[],
): ChosenEndpoint | undefined {
  const registrationsInRegion = registrations.filter(
    (one) => one.hiddenBecause === undefined && one.region === region,
  );
  const isOneOf = ({ type }: Registration): boolean =>
    types.some((one) => typeKey(one) === typeKey(type));
  const overrides = registrationsInRegion.filter((one) => one.isOverride && isOneOf(one));
  const candidates = overrides.length > 0 ? overrides : registrationsInRegion;
  for (const type of types) {
    const endpointsOfType = candidates
      .filter((one) => typeKey(one.type) === typeKey(type))
      .flatMap((registration) =>
        registration.endpoints.map((endpoint) => ({ registration, endpoint })),
      );
    for (const name of [...preferredInterfaces, ...FALLBACK_INTERFACES]) {
      const chosenEndpoint = endpointsOfType.find(
        ({ endpoint }) => interfaceKey(endpoint.interface) === name,
      );
      if (chosenEndpoint) return chosenEndpoint;
    }
  }
  return undefined;
}

/**
 * Returns host and path of a URL in lower case, without the version, the project and their
 * placeholders. `projectId`: the project whose id Keystone inserted into the URL, or an empty text.
 * A URL without a host is returned whole.
 */
export function serviceUrlOf(url: string, projectId: string): string {
  const parsedUrl = URL.parse(url.trim());
  if (!parsedUrl?.host || /[$%]\(/.test(parsedUrl.host)) return url.trim().toLowerCase();
  const pathWithoutProject =
    projectId === '' ? parsedUrl.pathname : parsedUrl.pathname.replaceAll(projectId, '');
  const path = pathWithoutProject
    .replace(/[$%](?:25)?\([a-z_]+\)s/gi, '')
    .replace(/\/v\d+(?:\.\d+)?(?=\/|$)/, '');
  return `${parsedUrl.host}${path.replace(/\/+$/, '')}`.toLowerCase();
}

/**
 * True if several service URLs are registered for the interface of the endpoint, so that it is
 * unknown which of them belongs to the service. `registration`: the registration of the endpoint.
 * `registrationsOfType`: also contains those that the catalog hides.
 */
export function isAmbiguous(
  { interface: name }: Endpoint,
  { serviceId, region }: Registration,
  registrationsOfType: readonly Registration[],
): boolean {
  const serviceUrls = registrationsOfType
    .filter((other) => other.serviceId === serviceId && other.region === region)
    .flatMap(({ endpoints }) => endpoints)
    .filter((endpoint) => interfaceKey(endpoint.interface) === interfaceKey(name))
    .map(({ serviceUrl }) => serviceUrl);
  return new Set(serviceUrls).size > 1;
}

/** True if the registration has an endpoint of the same interface. */
export const hasInterface = ({ endpoints }: Registration, { interface: name }: Endpoint): boolean =>
  endpoints.some((one) => interfaceKey(one.interface) === interfaceKey(name));
