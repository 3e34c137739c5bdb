import type { ErrorReport } from '../shared/errors.ts';

export interface Endpoint {
  /** `public`, `internal`, `admin`. */
  readonly interface: string;
  /** As Keystone shows it; a list of an administrator leaves placeholders in it. */
  readonly url: string;
  /** Where it leads, without version and project: two endpoints with one place are one service. */
  readonly place: string;
}

/**
 * A service of Keystone's tables in one region: what a catalog or an administrator's list shows of
 * it.
 */
export interface Registration {
  /** As Keystone has it; empty when the row has no type. */
  readonly type: string;
  readonly name: string;
  readonly serviceId: string;
  /** `undefined`: the endpoints name no region, or there are none. */
  readonly region: string | undefined;
  readonly endpoints: readonly Endpoint[];
  /** Why the catalog of the cleaner's token does not show it; `undefined` when it does. */
  readonly hidden: string | undefined;
  /** The settings name the endpoint, in place of what Keystone has in that region. */
  readonly isOverride?: true;
}

/** All that Keystone says of the services of a cloud. */
export interface Registry {
  readonly registrations: readonly Registration[];
  /** The regions that the settings name; empty: all regions. */
  readonly regions: readonly string[];
  /** Where the regions are set, for people: `OS_REGION_NAME`. */
  readonly setting: string;
  /** The interfaces whose endpoint is called, the preferred one first. */
  readonly interfaces: readonly string[];
  /** Why the administrator's lists could not be read. Then nothing may be called absent. */
  readonly unlisted: ErrorReport | undefined;
}

/** A region of the settings is not in the catalog: for now, or because it is mistyped. */
export const REGION_CODE = 'openstack.region';

/** Types are compared as clients do: without regard to case and to `_` for `-`. */
export const typeKey = (type: string): string => type.trim().toLowerCase().replaceAll('_', '-');

/** An interface as older databases have it as well: `publicURL`. */
const interfaceKey = (name: string): string => name.trim().toLowerCase().replace(/url$/, '');

/** An interface that the catalog lacks is replaced by the next of these. */
const FALLBACK = ['public', 'internal', 'admin'];

export interface Chosen {
  readonly registration: Registration;
  readonly endpoint: Endpoint;
}

/**
 * The endpoint that is called for a service in a region; `undefined` when the catalog shows none.
 * `types`: the official type first, then aliases; the first that has an endpoint there is taken.
 * An endpoint that the settings name goes before all of the catalog.
 * `wanted`: interfaces, the preferred one first.
 */
export function chooseEndpoint(
  registrations: readonly Registration[],
  types: readonly string[],
  region: string,
  wanted: readonly string[],
): Chosen | undefined {
  const inRegion = registrations.filter((one) => one.hidden === undefined && one.region === region);
  const isOneOf = ({ type }: Registration): boolean =>
    types.some((one) => typeKey(one) === typeKey(type));
  const overrides = inRegion.filter((one) => one.isOverride && isOneOf(one));
  const candidates = overrides.length > 0 ? overrides : inRegion;
  for (const type of types) {
    const here = candidates
      .filter((one) => typeKey(one.type) === typeKey(type))
      .flatMap((registration) =>
        registration.endpoints.map((endpoint) => ({ registration, endpoint })),
      );
    for (const name of [...wanted, ...FALLBACK]) {
      const found = here.find(({ endpoint }) => interfaceKey(endpoint.interface) === name);
      if (found) return found;
    }
  }
  return undefined;
}

/**
 * Where an endpoint leads: host and path without the version, the project and their placeholders.
 * `projectId`: the project of the catalog, which Keystone has filled in. A URL that names no host
 * is its own place.
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
 * Tells of an endpoint whether its interface is registered with several places for one service in
 * one region, also by rows that the catalog does not show. Then it is not known which of the places
 * is that of the service. `own`: all registrations, `one`: names the service and the region.
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

/** Whether a registration has an endpoint of the same interface as this one. */
export const hasInterface = ({ endpoints }: Registration, { interface: name }: Endpoint): boolean =>
  endpoints.some((one) => interfaceKey(one.interface) === interfaceKey(name));
