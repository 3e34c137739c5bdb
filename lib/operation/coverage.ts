import {
  type CoveringService,
  describeUncovered,
  describeUnknownType,
  isCalledType,
  isRegionConfigured,
  isRegionExcluded,
  withoutDuplicates,
} from './coverage-findings.ts';
import type { ExcludedRegion, UncoveredRegistration } from './model.ts';
import {
  type ChosenEndpoint,
  chooseEndpoint,
  type Endpoint,
  hasInterface,
  isAmbiguous,
  type Registration,
  type Registry,
  typeKey,
} from './registry.ts';

/** The coverage of one service. */
export interface ServiceCoverage {
  /** The regions in which the cleanup calls the service. */
  readonly regions: readonly string[];
  /**
   * The registrations of the service that the cleanup does not reach. A registration in a region
   * that a setting excludes is omitted if the cleanup reaches another region.
   */
  readonly unverifiedRegistrations: readonly UncoveredRegistration[];
}

/** The coverage of all registrations of a cloud. */
export interface Coverage {
  readonly ofService: (service: CoveringService) => ServiceCoverage;
  /** The registrations of types that no service covers. */
  readonly unknownRegistrations: readonly UncoveredRegistration[];
  /** The regions that a setting excludes, with the types registered there. */
  readonly leftOut: readonly ExcludedRegion[];
  /**
   * Set if the list of services and endpoints in Keystone could not be read, with the reason. No
   * service then counts as absent.
   */
  readonly unlisted: UncoveredRegistration | undefined;
}

/** The type that a waiver names if the list of services and endpoints cannot be read. */
export const UNLISTED_TYPE = 'unlisted';

/**
 * Assigns every registration in Keystone to one of three groups: cleaned up, excluded by a named
 * setting, or unverified. A service without a registration counts as absent if Keystone's list of
 * services and endpoints could be read.
 */
export function coverageOf(registry: Registry, services: readonly CoveringService[]): Coverage {
  const { registrations, listingError } = registry;
  const coveredTypes = new Set(services.flatMap(typeKeys));
  const coverageByService = new Map(
    services.map((service) => [service.name, serviceCoverage(registry, service)]),
  );
  const noCoverage: ServiceCoverage = { regions: [], unverifiedRegistrations: [] };
  return {
    ofService: ({ name }) => coverageByService.get(name) ?? noCoverage,
    unknownRegistrations: withoutDuplicates(
      registrations.filter(({ type }) => !coveredTypes.has(typeKey(type))).map(describeUnknownType),
    ),
    leftOut: excludedRegions(
      [...coverageByService.values()].flatMap(({ excludedRegistrations }) => excludedRegistrations),
      registry.regionSetting,
    ),
    unlisted: listingError && {
      type: UNLISTED_TYPE,
      name: 'Keystone',
      because:
        'Keystone did not list its services and endpoints, so disabled or hidden ones are ' +
        `unknown: ${listingError.message}`,
      advice:
        'Give the propagator a role that may list services and endpoints (admin, or reader on ' +
        'the system).',
    },
  };
}

const typeKeys = ({ catalogTypes, catalogAliases = [] }: CoveringService): string[] =>
  [...catalogTypes, ...catalogAliases].map(typeKey);

/** Groups registrations in excluded regions by region. */
function excludedRegions(
  excludedRegistrations: readonly Registration[],
  setting: string,
): ExcludedRegion[] {
  const typesByRegion = new Map<string, Set<string>>();
  for (const { region = '', type } of excludedRegistrations)
    typesByRegion.set(region, (typesByRegion.get(region) ?? new Set()).add(type));
  return [...typesByRegion]
    .map(([region, types]) => ({ region, types: [...types].sort(), setting }))
    .sort((a, b) => (a.region < b.region ? -1 : 1));
}

function serviceCoverage(
  registry: Registry,
  service: CoveringService,
): ServiceCoverage & { readonly excludedRegistrations: readonly Registration[] } {
  const serviceTypeKeys = new Set(typeKeys(service));
  const serviceRegistrations = registry.registrations.filter(({ type }) =>
    serviceTypeKeys.has(typeKey(type)),
  );
  const calledEndpoints = chooseEndpoints(registry, service, serviceRegistrations);
  const regions = calledEndpoints
    .map(({ registration }) => registration.region)
    .filter((region) => region !== undefined);
  if (service.noProjectResources !== undefined)
    return { regions, unverifiedRegistrations: [], excludedRegistrations: [] };
  const cleanedServiceUrls = new Set(
    calledEndpoints.flatMap((one) => serviceUrlsOf(serviceRegistrations, one)),
  );
  const uncoveredRegistrations = serviceRegistrations.filter(
    (registration) =>
      !isCovered(registration, service, serviceRegistrations, calledEndpoints, cleanedServiceUrls),
  );
  const isExcluded = (registration: Registration): boolean =>
    calledEndpoints.length > 0 && isRegionExcluded(registry, registration);
  return {
    regions,
    unverifiedRegistrations: withoutDuplicates(
      uncoveredRegistrations
        .filter((registration) => !isExcluded(registration))
        .map((registration) => describeUncovered(registry, service, registration, calledEndpoints)),
    ),
    excludedRegistrations: uncoveredRegistrations.filter(isExcluded),
  };
}

/** Returns the endpoints to call, at most one for each region. */
function chooseEndpoints(
  registry: Registry,
  service: CoveringService,
  serviceRegistrations: readonly Registration[],
): ChosenEndpoint[] {
  const allRegions = [...new Set(serviceRegistrations.map(({ region }) => region))]
    .filter((region) => region !== undefined)
    .sort();
  const inRegions = (regions: readonly string[]): ChosenEndpoint[] =>
    regions.flatMap(
      (region) =>
        chooseEndpoint(serviceRegistrations, service.catalogTypes, region, registry.interfaces) ??
        [],
    );
  const configuredEndpoints = inRegions(
    allRegions.filter((region) => isRegionConfigured(registry, region)),
  );
  // The propagator is logged in to this Keystone. It therefore calls Keystone even if the settings
  // exclude all regions of Keystone.
  return configuredEndpoints.length === 0 && service.catalogTypes.includes('identity')
    ? inRegions(allRegions).slice(0, 1)
    : configuredEndpoints;
}

/**
 * Returns the service URLs (see {@link Endpoint}) to which a called endpoint and the other
 * interfaces of its registration lead.
 */
function serviceUrlsOf(
  serviceRegistrations: readonly Registration[],
  { registration, endpoint }: ChosenEndpoint,
): string[] {
  const isAmbiguousEndpoint = (one: Endpoint): boolean =>
    isAmbiguous(one, registration, serviceRegistrations);
  // If the called interface has several service URLs, it is unknown which of the other interfaces
  // lead to the called service.
  if (isAmbiguousEndpoint(endpoint)) return [endpoint.serviceUrl];
  return [endpoint, ...registration.endpoints.filter((one) => !isAmbiguousEndpoint(one))].map(
    ({ serviceUrl }) => serviceUrl,
  );
}

/**
 * True if the cleanup of the service reaches this registration. `calledEndpoints`: the endpoints
 * that the cleanup calls. `cleanedServiceUrls`: their service URLs.
 */
function isCovered(
  registration: Registration,
  service: CoveringService,
  serviceRegistrations: readonly Registration[],
  calledEndpoints: readonly ChosenEndpoint[],
  cleanedServiceUrls: ReadonlySet<string>,
): boolean {
  const { endpoints, region } = registration;
  // Nothing can call a registration without an endpoint, so a call to another registration of the
  // service is enough.
  if (endpoints.length === 0) return calledEndpoints.length > 0;
  const calledRegistration = calledEndpoints.find(
    (one) => one.registration.region === region,
  )?.registration;
  // The settings replace the endpoint that Keystone has in this region.
  if (calledRegistration?.isOverride) return true;
  const isCleaned = ({ serviceUrl }: Endpoint): boolean => cleanedServiceUrls.has(serviceUrl);
  const isAmbiguousEndpoint = (endpoint: Endpoint): boolean =>
    isAmbiguous(endpoint, registration, serviceRegistrations);
  // An interface of the called registration leads to the called service if it has one service URL.
  // If it has several, the cleanup must call all of them.
  if (calledRegistration === registration)
    return endpoints.filter(isAmbiguousEndpoint).every(isCleaned);
  const leadsToCalledService = (endpoint: Endpoint): boolean =>
    isMissingInterface(endpoint, registration, calledRegistration) &&
    !isAmbiguousEndpoint(endpoint);
  if (endpoints.every((one) => isCleaned(one) || leadsToCalledService(one))) return true;
  // A registration under an older type of the service counts as covered if the service is called
  // under its present type in the same region.
  return calledRegistration !== undefined && !isCalledType(service, registration);
}

/**
 * True if the endpoint is an interface that the called registration of the same service lacks.
 * Keystone may store the interfaces of one service as separate registrations.
 */
const isMissingInterface = (
  endpoint: Endpoint,
  { serviceId }: Registration,
  calledRegistration: Registration | undefined,
): boolean =>
  calledRegistration?.serviceId === serviceId && !hasInterface(calledRegistration, endpoint);
