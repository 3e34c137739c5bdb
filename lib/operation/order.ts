import { EVERY_OTHER, type ServiceDependency, type Strength } from '../../events/dependency.ts';
import {
  type OperationId,
  type ResourceTypeName,
  type ServiceName,
  TaskId,
} from '../../events/ids.ts';
import type { PlannedTask, UncoveredRegistration } from './model.ts';

/*
 * Why the order is safe.
 *
 * No cycle. When the program starts, `assertValidDependencies` checks the dependencies of all
 * services. `planOrder` checks the dependencies of one operation again and saves them in the
 * operation, so that a later version of the propagator cannot change the order of a running
 * operation.
 *
 * A required dependency ends first. For example, Neutron removes networks only after the task of
 * Nova has ended. A task with a required dependency is requested only after the end of the task
 * that it depends on. A task ends when a listing is empty, when the cloud lacks the service, or
 * when the service can no longer be listed. Between services, a required dependency is always on
 * the whole service. A dependency on one type would be too weak: after a listing has shown no
 * resource of the type, the other service may still create one.
 *
 * Partial runs. A resource type may be independent of a service that its own service depends on.
 * For example, Neutron depends on Nova, and floating IPs are independent of Nova. While Nova
 * deletes servers, the task of Neutron has one partial run, which handles only the independent
 * types. After the partial run the task is `pending` again. Its full run begins when the
 * dependencies have ended, and lists every type.
 *
 * Overtaking. A task overtakes another task if it depends on that task and begins before its end.
 * Only a preferred dependency can be overtaken, in one of three cases: the other task is stuck
 * (`isStuck` in `overtaking.ts`), it has verified the awaited types as empty, or no resources were
 * counted for it. The overtaking task records the tasks that it overtook. When these tasks have
 * ended, the overtaking task and all tasks that depend on it run once more. The operation cannot
 * end before these runs.
 *
 * A stuck dependency. If a required dependency is dead-lettered, its dependents wait until an
 * operator redrives or discards it. The operation shows the dead letter as the cause. A
 * dead-lettered preferred dependency stops no task.
 */

/** A service with its dependencies, as its service file declares them. */
export interface ServiceWithDependencies {
  readonly name: ServiceName;
  readonly dependsOn: readonly (
    | ServiceDependency
    | { readonly service: typeof EVERY_OTHER; readonly strength: Strength; readonly until: 'done' }
  )[];
  /** Services that depend on this service, declared here instead of in their own files. */
  readonly dependents?: readonly {
    readonly service: ServiceName;
    readonly strength: Strength;
    readonly until: 'done';
  }[];
  readonly resourceTypes?: readonly {
    readonly name: ResourceTypeName;
    /** The services of which the type is independent (see "Partial runs" above). */
    readonly independentOf?: readonly string[];
  }[];
}

/** A service with its dependencies, and with its regions and registrations in this cloud. */
export interface ServiceInCloud extends ServiceWithDependencies {
  /** The regions in which the service can be called. */
  readonly regions: readonly string[];
  readonly catalogTypes?: readonly string[];
  /** True if the service has a pre-delete phase. */
  readonly preDelete?: boolean;
  /** Older catalog types of the service. A waiver may also name one of them. */
  readonly catalogAliases?: readonly string[];
  /** The reason if the service does not take part, for example because it is off by default. */
  readonly skippedBecause?: string | undefined;
  /** The reason to show if the service has no region: it is absent, or its presence is unknown. */
  readonly absentBecause?: string | undefined;
  /** If the service has no region: its registrations, none of which can be called. */
  readonly uncallable?: readonly UncoveredRegistration[];
}

/** The region of a task whose service the catalog lacks. */
export const NO_REGION = 'none';
/** The region of a plugin that has no catalog type. */
export const PLUGIN_REGION = 'everywhere';

/**
 * Returns the dependencies of a service on the other services in `services`. Both the service
 * itself (`dependsOn`) and the other service (`dependents`) can declare a dependency. If both do,
 * the stronger declaration counts. Each dependency is on a whole service or on one type.
 */
export const dependenciesOf = (
  service: ServiceWithDependencies,
  services: readonly ServiceWithDependencies[],
): ServiceDependency[] =>
  services
    .filter((other) => other.name !== service.name)
    .flatMap((other): ServiceDependency[] => {
      const strength = strengthOf(service, other);
      if (strength) return [{ service: other.name, strength, until: 'done' }];
      const prefix = `${other.name}.`;
      return service.dependsOn.flatMap((one) =>
        one.until === 'empty' && one.type.startsWith(prefix) ? [one] : [],
      );
    });

/**
 * Returns the strength of the dependency on the whole other service, or `undefined` if there is no
 * such dependency.
 */
function strengthOf(
  service: ServiceWithDependencies,
  other: ServiceWithDependencies,
): Strength | undefined {
  // Two services that depend on every other service do not depend on each other.
  const coversOther = (name: ServiceName | typeof EVERY_OTHER): boolean =>
    name === other.name || (name === EVERY_OTHER && !dependsOnEveryOther(other));
  const declaredByService = service.dependsOn.filter(
    (one) => one.until === 'done' && coversOther(one.service),
  );
  const declaredByOther = (other.dependents ?? []).filter((one) => one.service === service.name);
  const strengths = [...declaredByService, ...declaredByOther].map(({ strength }) => strength);
  return strengths.includes('required') ? 'required' : strengths.at(0);
}

/** True if the service depends on all other services, so that it is cleaned up last. */
export const dependsOnEveryOther = ({ dependsOn }: ServiceWithDependencies): boolean =>
  dependsOn.some((one) => one.until === 'done' && one.service === EVERY_OTHER);

/**
 * Returns the name of the service that a dependency is on. The dependency names the service itself
 * or one of its types.
 */
export const awaitedServiceOf = (dependency: ServiceDependency): string =>
  dependency.until === 'done'
    ? dependency.service
    : dependency.type.slice(0, dependency.type.indexOf('.'));

/**
 * Returns the order of an operation: one task for each service and region, with its dependencies. A
 * service depends on another service in all regions, because a volume in one region may block the
 * deletion of an image in another region. A dependency on a service that is not in `services` is
 * ignored. Throws `TypeError` on a cycle.
 */
export function planOrder(
  operationId: OperationId,
  services: readonly ServiceInCloud[],
): PlannedTask[] {
  assertValidDependencies(services);
  const taskIds = (service: ServiceInCloud): TaskId[] =>
    (service.regions.length > 0 ? service.regions : [NO_REGION]).map((region) =>
      TaskId.parse(`${operationId}/${service.name}/${region}`),
    );
  return services.flatMap((service) => {
    const dependencies = dependenciesOf(service, services);
    const dependsOn = services.flatMap((other) => {
      const dependenciesOnOther = dependencies.filter(
        (one) => awaitedServiceOf(one) === other.name,
      );
      const independentTypes = (service.resourceTypes ?? [])
        .filter(({ independentOf }) => independentOf?.includes(other.name))
        .map(({ name }) => name);
      return taskIds(other).flatMap((task) =>
        dependencyOnTask(task, dependenciesOnOther, independentTypes),
      );
    });
    return taskIds(service).map((id, index) => ({
      id,
      service: service.name,
      region: service.regions[index] ?? NO_REGION,
      dependsOn,
      preDelete: service.preDelete ?? false,
      types: [...(service.catalogTypes ?? []), ...(service.catalogAliases ?? [])],
    }));
  });
}

/**
 * Returns the dependency on `task`, derived from the dependencies on the task's service. The list
 * is empty if there is no such dependency.
 */
function dependencyOnTask(
  task: TaskId,
  dependencies: readonly ServiceDependency[],
  independentTypes: readonly ResourceTypeName[],
): PlannedTask['dependsOn'] {
  const [wholeService] = dependencies.flatMap((one) => (one.until === 'done' ? [one] : []));
  if (wholeService)
    return [
      {
        task,
        strength: wholeService.strength,
        until: 'done',
        ...(independentTypes.length > 0 ? { independentTypes } : {}),
      },
    ];
  const types = dependencies.flatMap((one) => (one.until === 'empty' ? [one.type] : []));
  return types.length === 0 ? [] : [{ task, strength: 'preferred', until: 'empty', types }];
}

/**
 * Returns the services in levels. Each service depends only on services of earlier levels. Throws
 * `TypeError` with the names when no order is possible.
 */
export function dependencyLevels<S extends ServiceWithDependencies>(services: readonly S[]): S[][] {
  const placedNames = new Set<string>();
  const orderedLevels: S[][] = [];
  for (let unplaced = [...services]; unplaced.length > 0; ) {
    const readyServices = unplaced.filter((service) =>
      dependenciesOf(service, services).every((one) => placedNames.has(awaitedServiceOf(one))),
    );
    if (readyServices.length === 0)
      throw new TypeError(
        `the dependencies form a cycle among ${unplaced.map((service) => service.name).join(', ')}`,
      );
    for (const service of readyServices) placedNames.add(service.name);
    unplaced = unplaced.filter((service) => !placedNames.has(service.name));
    orderedLevels.push(readyServices);
  }
  return orderedLevels;
}

/**
 * Throws `TypeError` with the names if the dependencies form a cycle, a service depends on itself,
 * or a dependency names an unknown resource type.
 */
export function assertValidDependencies(services: readonly ServiceWithDependencies[]): void {
  dependencyLevels(services);
  for (const service of services) {
    const { name, dependsOn, dependents } = service;
    const namedServices = [...dependsOn, ...(dependents ?? [])];
    if (namedServices.some((one) => one.until === 'done' && one.service === name))
      throw new TypeError(`${name} depends on itself`);
    assertTypesExist(service, services);
  }
}

/** Throws `TypeError` if the service depends on a type that the other service does not have. */
function assertTypesExist(
  { name, dependsOn }: ServiceWithDependencies,
  services: readonly ServiceWithDependencies[],
): void {
  for (const one of dependsOn) {
    if (one.until !== 'empty') continue;
    const other = services.find((service) => service.name === awaitedServiceOf(one));
    if (other?.resourceTypes && !other.resourceTypes.some((type) => type.name === one.type))
      throw new TypeError(`${name} depends on ${one.type}, and ${other.name} has no such type`);
  }
}
