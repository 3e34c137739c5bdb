import {
  type OperationId,
  type ResourceTypeName,
  type ServiceName,
  TaskId,
} from '../../events/ids.ts';
import type { PlannedTask, Uncovered } from './model.ts';

/** The dependencies of a service. */
export interface Edges {
  readonly name: ServiceName;
  /** Services that must have ended before this one. */
  readonly after: readonly ServiceName[];
  /** Services that run first. This service does not wait for them while they are held up. */
  readonly follows?: readonly ServiceName[];
  /** Services that follow this one. */
  readonly before?: readonly ServiceName[];
  /** True if it follows every other service. */
  readonly last?: boolean;
  /** Services that wait only for one resource type of this service. */
  readonly resourceTypes?: readonly {
    readonly name: ResourceTypeName;
    readonly awaitedBy: readonly ServiceName[];
  }[];
}

/** A service with its dependencies and its regions in this cloud. */
export interface PlacedService extends Edges {
  readonly regions: readonly string[];
  readonly catalogTypes?: readonly string[];
  /** True if the service has a pre-delete phase. */
  readonly preDelete?: boolean;
  /** Older types of the service, under which a person can waive it as well. */
  readonly catalogAliases?: readonly string[];
  /** Why the service is left out although the cloud has it: it is off by default. */
  readonly skipped?: string | undefined;
  /** The reason to show if it has no region: it is absent, or its presence is unknown. */
  readonly lacking?: string | undefined;
  /** Set if it has no region: its registrations, none of which can be called. */
  readonly unseen?: readonly Uncovered[];
}

/** The region of a task whose service the catalog lacks. */
export const NO_REGION = 'none';
/** The region of a service of the operator that is in no catalog. */
export const OWN_REGION = 'everywhere';

/** Returns the names of the services that run before this one, in addition to `after`. */
export function predecessors(service: Edges, services: readonly Edges[]): ServiceName[] {
  return services
    .filter((other) => other.name !== service.name && !service.after.includes(other.name))
    .filter((other) => followsAll(service, other) || awaitedTypes(service, other).length > 0)
    .map((other) => other.name);
}

const followsAll = (service: Edges, other: Edges): boolean =>
  service.follows?.includes(other.name) ||
  other.before?.includes(service.name) ||
  (service.last === true && !other.last);

/**
 * Returns the resource types of the other service that this service waits for. Empty if it follows
 * the whole service, or none of it.
 */
export function awaitedTypes(service: Edges, other: Edges): ResourceTypeName[] {
  if (service.after.includes(other.name) || followsAll(service, other)) return [];
  return (other.resourceTypes ?? [])
    .filter(({ awaitedBy }) => awaitedBy.includes(service.name))
    .map(({ name }) => name);
}

/**
 * Returns the order of an operation: one task for each service and region, with its dependencies. A
 * service waits for its predecessors in all regions, because a volume in one region may hold an
 * image of another. Predecessors outside of `services` are ignored. Throws `TypeError` on a cycle.
 */
export function planOrder(
  operationId: OperationId,
  services: readonly PlacedService[],
): PlannedTask[] {
  assertNoCycle(services);
  const taskIds = (service: PlacedService): TaskId[] =>
    (service.regions.length > 0 ? service.regions : [NO_REGION]).map((region) =>
      TaskId.parse(`${operationId}/${service.name}/${region}`),
    );
  const idsOf = (names: readonly ServiceName[]): TaskId[] =>
    services.filter((other) => names.includes(other.name)).flatMap(taskIds);
  return services.flatMap((service) =>
    taskIds(service).map((id, index) => ({
      id,
      service: service.name,
      region: service.regions[index] ?? NO_REGION,
      after: idsOf(service.after),
      follows: idsOf(predecessors(service, services)),
      until: services.flatMap((other) => {
        const resourceTypes = awaitedTypes(service, other);
        return resourceTypes.length === 0
          ? []
          : taskIds(other).map((task) => ({ task, resourceTypes }));
      }),
      preDelete: service.preDelete ?? false,
      types: [...(service.catalogTypes ?? []), ...(service.catalogAliases ?? [])],
    })),
  );
}

/**
 * Returns the services in levels. No service of a level depends on another of the same level.
 * Throws `TypeError` with the names when no order is possible.
 */
export function levels<S extends Edges>(services: readonly S[]): S[][] {
  const names = new Set(services.map((service) => service.name));
  const done = new Set<ServiceName>();
  const found: S[][] = [];
  for (let open = [...services]; open.length > 0; ) {
    const ready = open.filter((service) =>
      [...service.after, ...predecessors(service, services)].every(
        (name) => done.has(name) || !names.has(name),
      ),
    );
    if (ready.length === 0)
      throw new TypeError(
        `no order is possible among ${open.map((service) => service.name).join(', ')}`,
      );
    for (const service of ready) done.add(service.name);
    open = open.filter((service) => !done.has(service.name));
    found.push(ready);
  }
  return found;
}

/** Throws `TypeError` with the names of the services when no order is possible. */
export const assertNoCycle = (services: readonly Edges[]): void => void levels(services);
