import type { ServiceName } from '../../events/ids.ts';
import type { UncoveredRegistration } from './model.ts';
import { type ChosenEndpoint, type Registration, type Registry, typeKey } from './registry.ts';

/** A service file or plugin, with the types of the catalog that it covers. */
export interface CoveringService {
  readonly name: ServiceName;
  /** The types under which the propagator calls the service, the official type first. */
  readonly catalogTypes: readonly string[];
  /** Older types of the service. */
  readonly catalogAliases?: readonly string[];
  /** Why nothing in the service belongs to a project. Absent for a service that is cleaned up. */
  readonly noProjectResources?: string | undefined;
}

/** The type that a waiver names if a registration has no type. */
export const UNTYPED_TYPE = 'untyped';

/** True if the settings include the region. Without a setting, all regions are included. */
export const isRegionConfigured = ({ regions }: Registry, region: string): boolean =>
  regions.length === 0 || regions.includes(region);
/** True if the settings exclude the region of the registration. */
export const isRegionExcluded = (registry: Registry, { region }: Registration): boolean =>
  region !== undefined && !isRegionConfigured(registry, region);

/** True if the propagator calls the service under this type. False for its older types. */
export const isCalledType = ({ catalogTypes }: CoveringService, { type }: Registration): boolean =>
  catalogTypes.some((called) => typeKey(called) === typeKey(type));

/**
 * Returns a registration of the service that is not cleaned up, with the reason and the advice for
 * the operator. `calledEndpoints`: the endpoints that the cleanup of the service calls.
 */
export function describeUncovered(
  registry: Registry,
  service: CoveringService,
  registration: Registration,
  calledEndpoints: readonly ChosenEndpoint[],
): UncoveredRegistration {
  const { type, name, region } = registration;
  return {
    type,
    name,
    ...(region === undefined ? {} : { region }),
    ...uncoveredReasonAndAdvice(registry, service, registration, calledEndpoints),
  };
}

function uncoveredReasonAndAdvice(
  registry: Registry,
  service: CoveringService,
  registration: Registration,
  calledEndpoints: readonly ChosenEndpoint[],
): Required<Pick<UncoveredRegistration, 'because' | 'advice'>> {
  const { type, region, hiddenBecause } = registration;
  const regionText = region === undefined ? '' : ` in ${region}`;
  if (hiddenBecause !== undefined)
    return {
      because: `it is registered${regionText}, but ${hiddenBecause}`,
      advice:
        'Enable it, or show it to the project of the propagator, and run the operation again.',
    };
  if (region === undefined)
    return {
      because: 'its endpoint names no region',
      advice: 'Set its region: openstack endpoint set --region REGION ENDPOINT',
    };
  if (isRegionExcluded(registry, registration))
    return {
      because:
        `it is registered only${regionText}, and ${registry.regionSetting} names only ` +
        `${registry.regions.join(', ')}`,
      advice:
        `Add ${region} to the regions in clouds.yaml (regions: ` +
        `[${[...registry.regions, region].join(', ')}]).`,
    };
  const calledInRegion = calledEndpoints.find((one) => one.registration.region === region);
  if (calledInRegion)
    return {
      because:
        `it is registered twice${regionText}; the cleanup covers ` +
        `${calledInRegion.endpoint.serviceUrl}, and does not cover ` +
        otherServiceUrls(registration, calledInRegion),
      advice: 'Delete the endpoint that is no longer used, or clean up that service by hand.',
    };
  if (isCalledType(service, registration))
    return {
      because: `the catalog has no public, internal or admin endpoint of this type${regionText}`,
      advice: 'Correct the interface: openstack endpoint set --interface public ENDPOINT',
    };
  const [officialType = ''] = service.catalogTypes;
  return {
    because:
      `the catalog has it${regionText} under ${type} only, and not under ` +
      `${service.catalogTypes.join(' or ')}`,
    advice:
      'Register its current API: openstack service create --name ' +
      `${service.name} ${officialType}`,
  };
}

const otherServiceUrls = ({ endpoints }: Registration, { endpoint }: ChosenEndpoint): string =>
  [...new Set(endpoints.map(({ serviceUrl }) => serviceUrl))]
    .filter((serviceUrl) => serviceUrl !== endpoint.serviceUrl)
    .join(', ');

/** Returns a registration of a type that no service covers. */
export function describeUnknownType({
  type,
  name,
  hiddenBecause,
  region,
  isOverride,
}: Registration): UncoveredRegistration {
  if (isOverride)
    return {
      type,
      name,
      because: 'the settings name an endpoint of this type, and no service file covers the type',
    };
  const where = hiddenBecause !== undefined && region !== undefined ? { region } : {};
  const because =
    hiddenBecause === undefined
      ? {}
      : { because: `it is registered, and no service file covers it; ${hiddenBecause}` };
  return {
    type: type.trim() === '' ? UNTYPED_TYPE : type,
    name: name || type,
    ...where,
    ...because,
  };
}

/**
 * Returns the entries sorted by type, without duplicates. An entry that has no reason is about a
 * catalog type that no service covers. If a type has such an entry, its entries with a reason are
 * left out.
 */
export function withoutDuplicates(
  registrations: readonly UncoveredRegistration[],
): UncoveredRegistration[] {
  const typesWithoutReason = new Set(
    registrations.filter(({ because }) => because === undefined).map(({ type }) => type),
  );
  const keptRegistrations = registrations.filter(
    ({ type, because }) => because === undefined || !typesWithoutReason.has(type),
  );
  const byContent = new Map(
    keptRegistrations.map((one) => [`${one.type}\n${one.region ?? ''}\n${one.because ?? ''}`, one]),
  );
  return [...byContent.values()].sort((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : 0));
}
