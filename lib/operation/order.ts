import {
  type OperationId,
  type ResourceTypeName,
  type ServiceName,
  TaskId,
} from '../../events/ids.ts';
import type { PlannedTask, Uncovered } from './model.ts';

/** What the order goes by. */
export interface Edges {
  readonly name: ServiceName;
  /** Must have ended before this one. */
  readonly after: readonly ServiceName[];
  /** Get their turn before this one; held up, they let it pass. */
  readonly follows?: readonly ServiceName[];
  /** Services that follow this one. */
  readonly before?: readonly ServiceName[];
  /** Follows every other. */
  readonly last?: boolean;
  /** Services may follow this one for the sake of one resource type alone. */
  readonly resourceTypes?: readonly {
    readonly name: ResourceTypeName;
    readonly awaitedBy: readonly ServiceName[];
  }[];
}

/** A service as the order sees it: those before it, and the regions in which this cloud has it. */
export interface PlacedService extends Edges {
  readonly regions: readonly string[];
  readonly catalogTypes?: readonly string[];
  /** It has something to do while the project still lives. */
  readonly preDelete?: boolean;
  /** Older types of it: under these, too, a person may waive it. */
  readonly catalogAliases?: readonly string[];
  /** Why it is left out although the cloud has it: it is off by default. */
  readonly skipped?: string | undefined;
  /** What is said when it has no region: that it is absent, or that this is not known. */
  readonly lacking?: string | undefined;
  /** Without a region: its registrations, none of which can be called. */
  readonly unseen?: readonly Uncovered[];
}

/** Stands for the region of a service that the catalog lacks. */
export const NO_REGION = 'none';
/** Stands for the region of an operator's own service, which is in no catalog. */
export const OWN_REGION = 'everywhere';

/** Names of the services that get their turn before this one, beside those that must have ended. */
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
 * Resource types of the other service for the sake of which alone this one follows it; none when it
 * follows all of it, or not at all.
 */
export function awaitedTypes(service: Edges, other: Edges): ResourceTypeName[] {
  if (service.after.includes(other.name) || followsAll(service, other)) return [];
  return (other.resourceTypes ?? [])
    .filter(({ awaitedBy }) => awaitedBy.includes(service.name))
    .map(({ name }) => name);
}

/**
 * The saved order of an operation: one task per service and region, each behind the tasks of the
 * services before it. A service waits for its predecessors in all regions: a volume in one may hold
 * an image of another. Predecessors that are not among the services are left out. Throws
 * `TypeError` on a cycle.
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
 * The services level by level: none of a level stands behind another of it. Throws `TypeError`
 * naming the services when no order is possible.
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

/** Throws `TypeError` naming the services when their order can't be satisfied. */
export const assertNoCycle = (services: readonly Edges[]): void => void levels(services);
