import type { ServiceName } from '../../events/ids.ts';
import type { LeftOut, Operation, Task, Uncovered, Waiver } from './model.ts';
import {
  type Chosen,
  chooseEndpoint,
  doubledInterfaces,
  hasInterface,
  type Registration,
  type Registry,
  typeKey,
} from './registry.ts';

/** A service, built in or added by the operator, that covers types of the catalog. */
export interface Covering {
  readonly name: ServiceName;
  readonly catalogTypes: readonly string[];
  readonly catalogAliases?: readonly string[];
  readonly noProjectResources?: string | undefined;
}

/** The coverage of one service: the regions of its cleanup, and its unreachable registrations. */
export interface ServiceCoverage {
  readonly regions: readonly string[];
  /** Registrations of the service that are not cleaned up and that no setting leaves out. */
  readonly unverified: readonly Uncovered[];
}

/** The coverage of all registrations of a cloud. */
export interface Coverage {
  readonly of: (service: Covering) => ServiceCoverage;
  /** Registrations of types that no service covers. */
  readonly unknown: readonly Uncovered[];
  /** Regions that a setting leaves out, with the types registered there. */
  readonly leftOut: readonly LeftOut[];
  /** Why Keystone's own lists could not be read. No service may be called absent then. */
  readonly unlisted: Uncovered | undefined;
}

/** The name under which a person can waive unreadable lists of Keystone. */
export const UNLISTED = 'unlisted';
/** The name under which a person can waive a registration without a type. */
export const UNTYPED = 'untyped';

/**
 * Assigns every registration of Keystone to one of three groups: cleaned up, left out by a named
 * setting, or unverified. A service without any registration is absent, unless Keystone's lists
 * could not be read.
 */
export function coverageOf(registry: Registry, services: readonly Covering[]): Coverage {
  const { registrations, unlisted } = registry;
  const known = new Set(services.flatMap(typeKeys));
  const leftOut = new Map<string, Set<string>>();
  const byService = new Map(
    services.map((service) => [service.name, serviceCoverage(registry, service, leftOut)]),
  );
  const none: ServiceCoverage = { regions: [], unverified: [] };
  return {
    of: ({ name }) => byService.get(name) ?? none,
    unknown: distinct(
      registrations.filter(({ type }) => !known.has(typeKey(type))).map(unknownType),
    ),
    leftOut: [...leftOut]
      .map(([region, types]) => ({ region, types: [...types].sort(), setting: registry.setting }))
      .sort((a, b) => (a.region < b.region ? -1 : 1)),
    unlisted: unlisted && {
      type: UNLISTED,
      name: 'Keystone',
      because: `Keystone did not list its services and endpoints, so it is not known what is disabled or hidden: ${unlisted.message}`,
      advice:
        'Give the cleaner a role that may list services and endpoints (admin, or reader on the system).',
    },
  };
}

const typeKeys = ({ catalogTypes, catalogAliases = [] }: Covering): string[] =>
  [...catalogTypes, ...catalogAliases].map(typeKey);

function serviceCoverage(
  registry: Registry,
  service: Covering,
  leftOut: Map<string, Set<string>>,
): ServiceCoverage {
  const keys = new Set(typeKeys(service));
  const own = registry.registrations.filter(({ type }) => keys.has(typeKey(type)));
  const chosen = chosenEndpoints(registry, service, own);
  const regions = chosen
    .map(({ registration }) => registration.region)
    .filter((region) => region !== undefined);
  if (service.noProjectResources !== undefined) return { regions, unverified: [] };
  const emptied = new Set(chosen.flatMap((one) => placesOf(own, one)));
  const unverified: Uncovered[] = [];
  for (const one of own) {
    if (isCovered(one, service, own, chosen, emptied)) continue;
    if (chosen.length > 0 && isLeftOut(registry, one)) {
      const types = leftOut.get(one.region ?? '') ?? new Set();
      leftOut.set(one.region ?? '', types.add(one.type));
    } else unverified.push(finding(registry, service, one, chosen));
  }
  return { regions, unverified: distinct(unverified) };
}

/** Returns the endpoints to call, one for each region. */
function chosenEndpoints(
  registry: Registry,
  service: Covering,
  own: readonly Registration[],
): Chosen[] {
  const all = [...new Set(own.map(({ region }) => region))]
    .filter((region) => region !== undefined)
    .sort();
  const inRegions = (regions: readonly string[]): Chosen[] =>
    regions.flatMap(
      (region) => chooseEndpoint(own, service.catalogTypes, region, registry.interfaces) ?? [],
    );
  const here = inRegions(all.filter((region) => isConfigured(registry, region)));
  // The propagator is logged in to this Keystone, in whatever region it is registered.
  return here.length === 0 && service.catalogTypes.includes('identity')
    ? inRegions(all).slice(0, 1)
    : here;
}

const isConfigured = ({ regions }: Registry, region: string): boolean =>
  regions.length === 0 || regions.includes(region);
const isLeftOut = (registry: Registry, { region }: Registration): boolean =>
  region !== undefined && !isConfigured(registry, region);

/**
 * Returns the places of the service behind a chosen endpoint: its own and those of its other
 * interfaces.
 */
function placesOf(own: readonly Registration[], { registration, endpoint }: Chosen): string[] {
  const isDoubled = doubledInterfaces(own, registration);
  // It is not known which of the two services the other interfaces belong to.
  if (isDoubled(endpoint)) return [endpoint.place];
  return [endpoint, ...registration.endpoints.filter((one) => !isDoubled(one))].map(
    ({ place }) => place,
  );
}

function isCovered(
  one: Registration,
  service: Covering,
  own: readonly Registration[],
  chosen: readonly Chosen[],
  emptied: ReadonlySet<string>,
): boolean {
  // A row without an endpoint cannot be called. It is covered if another row of the service is.
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
  const isDoubled = doubledInterfaces(own, one);
  if (itself?.registration === one) return one.endpoints.filter(isDoubled).every(isEmptied);
  // Another interface of a service leads to the same service.
  const isSame =
    itself &&
    ((endpoint: Registration['endpoints'][number]) =>
      !hasInterface(itself.registration, endpoint) && !isDoubled(endpoint));
  if (one.endpoints.every((endpoint) => isEmptied(endpoint) || isSame?.(endpoint))) return true;
  return (
    !isMain(service, one) && chosen.some(({ registration }) => registration.region === one.region)
  );
}

/** True if the type is one that the propagator calls, and not only an older one. */
const isMain = ({ catalogTypes }: Covering, { type }: Registration): boolean =>
  catalogTypes.some((main) => typeKey(main) === typeKey(type));

/** Returns why a registration is not cleaned up, and what the operator can do. */
function finding(
  registry: Registry,
  service: Covering,
  one: Registration,
  chosen: readonly Chosen[],
): Uncovered {
  const [main = ''] = service.catalogTypes;
  const at = {
    type: one.type,
    name: one.name,
    ...(one.region === undefined ? {} : { region: one.region }),
  };
  const where = one.region === undefined ? '' : ` in ${one.region}`;
  if (one.hidden !== undefined)
    return {
      ...at,
      because: `it is registered${where}, but ${one.hidden}`,
      advice: 'Enable it, or show it to the project of the cleaner, and run the operation again.',
    };
  if (one.region === undefined)
    return {
      ...at,
      because: 'its endpoint names no region',
      advice: 'Set one: openstack endpoint set --region REGION ENDPOINT',
    };
  if (isLeftOut(registry, one))
    return {
      ...at,
      because: `it is registered only${where}, and ${registry.setting} names only ${registry.regions.join(', ')}`,
      advice: `Add ${one.region} to the regions in clouds.yaml (regions: [${[...registry.regions, one.region].join(', ')}]).`,
    };
  const called = chosen.find(({ registration }) => registration.region === one.region);
  if (called)
    return {
      ...at,
      because: `it is registered twice${where}; only ${called.endpoint.place} is emptied, and not ${places(one, called)}`,
      advice: 'Delete the endpoint that is not used any more, or empty that service by hand.',
    };
  if (isMain(service, one))
    return {
      ...at,
      because: `the catalog has no public, internal or admin endpoint of it${where}`,
      advice: 'Correct the interface: openstack endpoint set --interface public ENDPOINT',
    };
  return {
    ...at,
    because: `the catalog has it${where} under ${one.type} only, and not under ${service.catalogTypes.join(' or ')}`,
    advice: `Register its present API: openstack service create --name ${service.name} ${main}`,
  };
}

const places = ({ endpoints }: Registration, { endpoint }: Chosen): string =>
  [...new Set(endpoints.map(({ place }) => place))]
    .filter((place) => place !== endpoint.place)
    .join(', ');

function unknownType({ type, name, hidden, region, isOverride }: Registration): Uncovered {
  if (isOverride)
    return {
      type,
      name,
      because: 'the settings name an endpoint of it, and no service file covers it',
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
function distinct(all: readonly Uncovered[]): Uncovered[] {
  const shown = new Set(all.filter(({ because }) => because === undefined).map(({ type }) => type));
  const kept = all.filter(({ type, because }) => because === undefined || !shown.has(type));
  const byPlace = new Map(
    kept.map((one) => [`${one.type}\n${one.region ?? ''}\n${one.because ?? ''}`, one]),
  );
  return [...byPlace.values()].sort((a, b) => (a.type < b.type ? -1 : a.type > b.type ? 1 : 0));
}

/**
 * A registration or task that may have left resources of the account, with the types under which a
 * person can waive it.
 */
export interface Leftover {
  readonly types: readonly string[];
  readonly what: string;
}

/**
 * Returns what may be left when every task has ended: registrations that are not cleaned up, and
 * tasks that ended unreachable.
 */
export function leftoversOf(
  operation: Pick<Operation, 'order' | 'uncovered'>,
  tasks: readonly Task[],
): Leftover[] {
  const typesOf = (task: Task): readonly string[] =>
    operation.order.find(({ id }) => id === task.id)?.types ?? [];
  return [
    ...tasks
      .filter((task) => task.state === 'unreachable')
      .map((task) => ({
        types: typesOf(task),
        what: `${task.service}: ${task.because ?? 'unreachable'}`,
      })),
    ...operation.uncovered.map(({ type, because }) => ({
      types: [type],
      what: `${type}: ${because ?? 'it is in the catalog, and no service file covers it'}`,
    })),
  ];
}

/** Returns the items that no waiver covers, and the waivers that applied. */
export function applyWaivers<R extends Pick<Leftover, 'types'>>(
  leftovers: readonly R[],
  waivers: readonly Waiver[],
): { open: R[]; waived: Waiver[] } {
  const names = ({ types }: R, { type }: Waiver): boolean =>
    types.some((one) => typeKey(one) === typeKey(type));
  const waived = waivers.filter((waiver) =>
    leftovers.some((unwaivedLeftovers) => names(unwaivedLeftovers, waiver)),
  );
  return {
    open: leftovers.filter(
      (unwaivedLeftovers) => !waivers.some((waiver) => names(unwaivedLeftovers, waiver)),
    ),
    waived,
  };
}
