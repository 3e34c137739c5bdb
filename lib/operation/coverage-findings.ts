import type { ServiceName } from '../../events/ids.ts';
import type { UncoveredRegistration } from './model.ts';
import { type ChosenEndpoint, type Registration, type Registry, typeKey } from './registry.ts';

/** A service, built in or added by the operator, that covers types of the catalog. */
export interface CoveringService {
  readonly name: ServiceName;
  readonly catalogTypes: readonly string[];
  readonly catalogAliases?: readonly string[];
  readonly noProjectResources?: string | undefined;
}

/** The type that a waiver names for a registration without a type. */
export const UNTYPED = 'untyped';

/** True if the propagator is set up for the region. */
export const isRegionConfigured = ({ regions }: Registry, region: string): boolean =>
  regions.length === 0 || regions.includes(region);
/** True if the settings exclude the region of the registration. */
export const isRegionExcluded = (registry: Registry, { region }: Registration): boolean =>
  region !== undefined && !isRegionConfigured(registry, region);

/** True if the propagator calls this type. False for older types of the service. */
export const isCalledType = ({ catalogTypes }: CoveringService, { type }: Registration): boolean =>
  catalogTypes.some((main) => typeKey(main) === typeKey(type));

/**
 * Returns a registration that is not cleaned up, with the reason and the advice for the operator.
 */
export function describeUncovered(
  registry: Registry,
  service: CoveringService,
  one: Registration,
  chosen: readonly ChosenEndpoint[],
): UncoveredRegistration {
  const [main = ''] = service.catalogTypes;
  const registrationFields = {
    type: one.type,
    name: one.name,
    ...(one.region === undefined ? {} : { region: one.region }),
  };
  const where = one.region === undefined ? '' : ` in ${one.region}`;
  if (one.hidden !== undefined)
    return {
      ...registrationFields,
      because: `it is registered${where}, but ${one.hidden}`,
      advice:
        'Enable it, or show it to the project of the propagator, and run the operation again.',
    };
  if (one.region === undefined)
    return {
      ...registrationFields,
      because: 'its endpoint names no region',
      advice: 'Set its region: openstack endpoint set --region REGION ENDPOINT',
    };
  if (isRegionExcluded(registry, one))
    return {
      ...registrationFields,
      because:
        `it is registered only${where}, and ${registry.setting} names only ` +
        `${registry.regions.join(', ')}`,
      advice:
        `Add ${one.region} to the regions in clouds.yaml (regions: ` +
        `[${[...registry.regions, one.region].join(', ')}]).`,
    };
  const chosenInRegion = chosen.find(({ registration }) => registration.region === one.region);
  if (chosenInRegion)
    return {
      ...registrationFields,
      because:
        `it is registered twice${where}; the cleanup covers ${chosenInRegion.endpoint.place}, ` +
        `and does not cover ${places(one, chosenInRegion)}`,
      advice: 'Delete the endpoint that is no longer used, or clean up that service by hand.',
    };
  if (isCalledType(service, one))
    return {
      ...registrationFields,
      because: `the catalog has no public, internal or admin endpoint of this type${where}`,
      advice: 'Correct the interface: openstack endpoint set --interface public ENDPOINT',
    };
  return {
    ...registrationFields,
    because:
      `the catalog has it${where} under ${one.type} only, and not under ` +
      `${service.catalogTypes.join(' or ')}`,
    advice: `Register its current API: openstack service create --name ${service.name} ${main}`,
  };
}

const places = ({ endpoints }: Registration, { endpoint }: ChosenEndpoint): string =>
  [...new Set(endpoints.map(({ place }) => place))]
    .filter((place) => place !== endpoint.place)
    .join(', ');

/** Returns the entry for a registration of a type that no service covers. */
export function describeUnknownType({
  type,
  name,
  hidden,
  region,
  isOverride,
}: Registration): UncoveredRegistration {
  if (isOverride)
    return {
      type,
      name,
      because: 'the settings name an endpoint of this type, and no service file covers the type',
    };
  const where = hidden !== undefined && region !== undefined ? { region } : {};
  const because =
    hidden === undefined
      ? {}
      : { because: `it is registered, and no service file covers it; ${hidden}` };
  return { type: type.trim() === '' ? UNTYPED : type, name: name || type, ...where, ...because };
}

/**
 * Returns one entry for each type and region. An entry from the catalog replaces other entries of
 * its type.
 */
export function distinct(all: readonly UncoveredRegistration[]): UncoveredRegistration[] {
  const typesInCatalog = new Set(
    all.filter(({ because }) => because === undefined).map(({ type }) => type),
  );
  const distinctEntries = all.filter(
    ({ type, because }) => because === undefined || !typesInCatalog.has(type),
  );
  const byPlace = new Map(
    distinctEntries.map((one) => [`${one.type}\n${one.region ?? ''}\n${one.because ?? ''}`, one]),
  );
  return [...byPlace.values()].sort((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : 0));
}
