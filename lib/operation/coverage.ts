import {
  type CoveringService,
  describeUncovered,
  describeUnknownType,
  distinct,
  isCalledType,
  isRegionConfigured,
  isRegionExcluded,
} from './coverage-findings.ts';
import type { ExcludedRegion, UncoveredRegistration } from './model.ts';
import {
  type ChosenEndpoint,
  chooseEndpoint,
  doubledInterfaces,
  hasInterface,
  type Registration,
  type Registry,
  typeKey,
} from './registry.ts';

/** The coverage of one service: the regions of its cleanup, and its unreachable registrations. */
export interface ServiceCoverage {
  readonly regions: readonly string[];
  /**
   * Registrations that the cleanup does not reach, except registrations that a setting leaves out.
   */
  readonly unverified: readonly UncoveredRegistration[];
}

/** The coverage of all registrations of a cloud. */
export interface Coverage {
  readonly of: (service: CoveringService) => ServiceCoverage;
  /** Registrations of types that no service covers. */
  readonly unknown: readonly UncoveredRegistration[];
  /** Regions that a setting leaves out, with the types registered there. */
  readonly leftOut: readonly ExcludedRegion[];
  /**
   * Set if Keystone's own lists could not be read, with the reason. No service then counts as
   * absent.
   */
  readonly unlisted: UncoveredRegistration | undefined;
}

/** The type that a waiver names if the lists of Keystone cannot be read. */
export const UNLISTED = 'unlisted';
/**
 * Assigns every registration of Keystone to one of three groups: cleaned up, left out by a named
 * setting, or unverified. A service without a registration is absent, if Keystone's lists could be
 * read.
 */
export function coverageOf(registry: Registry, services: readonly CoveringService[]): Coverage {
  const { registrations, unlisted } = registry;
  const coveredTypes = new Set(services.flatMap(typeKeys));
  const leftOut = new Map<string, Set<string>>();
  const byService = new Map(
    services.map((service) => [service.name, serviceCoverage(registry, service, leftOut)]),
  );
  const none: ServiceCoverage = { regions: [], unverified: [] };
  return {
    of: ({ name }) => byService.get(name) ?? none,
    unknown: distinct(
      registrations.filter(({ type }) => !coveredTypes.has(typeKey(type))).map(describeUnknownType),
    ),
    leftOut: [...leftOut]
      .map(([region, types]) => ({ region, types: [...types].sort(), setting: registry.setting }))
      .sort((a, b) => (a.region < b.region ? -1 : 1)),
    unlisted: unlisted && {
      type: UNLISTED,
      name: 'Keystone',
      because:
        'Keystone did not list its services and endpoints, so disabled or hidden ones are ' +
        `unknown: ${unlisted.message}`,
      advice:
        'Give the propagator a role that may list services and endpoints (admin, or reader on ' +
        'the system).',
    },
  };
}

const typeKeys = ({ catalogTypes, catalogAliases = [] }: CoveringService): string[] =>
  [...catalogTypes, ...catalogAliases].map(typeKey);

function serviceCoverage(
  registry: Registry,
  service: CoveringService,
  leftOut: Map<string, Set<string>>,
): ServiceCoverage {
  const keys = new Set(typeKeys(service));
  const serviceRegistrations = registry.registrations.filter(({ type }) => keys.has(typeKey(type)));
  const chosen = chosenEndpoints(registry, service, serviceRegistrations);
  const regions = chosen
    .map(({ registration }) => registration.region)
    .filter((region) => region !== undefined);
  if (service.noProjectResources !== undefined) return { regions, unverified: [] };
  const emptied = new Set(chosen.flatMap((one) => placesOf(serviceRegistrations, one)));
  const unverified: UncoveredRegistration[] = [];
  for (const one of serviceRegistrations) {
    if (isCovered(one, service, serviceRegistrations, chosen, emptied)) continue;
    if (chosen.length > 0 && isRegionExcluded(registry, one)) {
      const types = leftOut.get(one.region ?? '') ?? new Set();
      leftOut.set(one.region ?? '', types.add(one.type));
    } else unverified.push(describeUncovered(registry, service, one, chosen));
  }
  return { regions, unverified: distinct(unverified) };
}

/** Returns the endpoints to call, one for each region. */
function chosenEndpoints(
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
  // The propagator is logged in to this Keystone. Keystone is therefore covered in every region,
  // even in one that the settings leave out.
  return configuredEndpoints.length === 0 && service.catalogTypes.includes('identity')
    ? inRegions(allRegions).slice(0, 1)
    : configuredEndpoints;
}

/** Returns the places of the chosen endpoint and of the other interfaces of its registration. */
function placesOf(
  serviceRegistrations: readonly Registration[],
  { registration, endpoint }: ChosenEndpoint,
): string[] {
  const isDoubled = doubledInterfaces(serviceRegistrations, registration);
  // If one interface has several endpoints, the other interfaces may belong to any of them.
  if (isDoubled(endpoint)) return [endpoint.place];
  return [endpoint, ...registration.endpoints.filter((one) => !isDoubled(one))].map(
    ({ place }) => place,
  );
}

function isCovered(
  one: Registration,
  service: CoveringService,
  serviceRegistrations: readonly Registration[],
  chosen: readonly ChosenEndpoint[],
  emptied: ReadonlySet<string>,
): boolean {
  // A registration without an endpoint cannot be called. Another registration of the service covers
  // it.
  if (one.endpoints.length === 0) return chosen.length > 0;
  // The settings replace the endpoint that Keystone has in this region.
  if (
    chosen.some(({ registration }) => registration.isOverride && registration.region === one.region)
  )
    return true;
  const isEmptied = ({ place }: { place: string }): boolean => emptied.has(place);
  const itself = chosen.find(
    ({ registration: { serviceId, region } }) =>
      serviceId === one.serviceId && region === one.region,
  );
  const isDoubled = doubledInterfaces(serviceRegistrations, one);
  if (itself?.registration === one) return one.endpoints.filter(isDoubled).every(isEmptied);
  // An endpoint of an interface that the chosen registration lacks leads to the same service.
  const isSame =
    itself &&
    ((endpoint: Registration['endpoints'][number]) =>
      !hasInterface(itself.registration, endpoint) && !isDoubled(endpoint));
  if (one.endpoints.every((endpoint) => isEmptied(endpoint) || isSame?.(endpoint))) return true;
  return (
    !isCalledType(service, one) &&
    chosen.some(({ registration }) => registration.region === one.region)
  );
}
