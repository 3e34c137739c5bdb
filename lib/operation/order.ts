import { EVERY_OTHER, type ServiceDependency, type Strength } from '../../events/dependency.ts';
import {
  type OperationId,
  type ResourceTypeName,
  type ServiceName,
  TaskId,
} from '../../events/ids.ts';
import type { PlannedTask, Uncovered } from './model.ts';

/*
 * Why the order is safe.
 *
 * No cycle. `assertNoCycle` checks the dependencies of all services, of both strengths, when the
 * program starts. `planOrder` checks those of one operation again and saves them in the operation.
 * A later release cannot change the order of an operation that runs.
 *
 * No guard is removed before its workload. A task with a required dependency is requested only when
 * the task that it depends on has ended: a listing was empty, the cloud lacks the service, or
 * nothing of it can be listed any more. A required dependency until `empty` on one type does not
 * exist between services, because a verification of one type can become stale while the task runs.
 *
 * A resource type may be independent of a service that its own service depends on. While that
 * service deletes resources, the task has one partial run, which handles only such types. The task
 * does not count as ended after it. It runs in full, and lists every type, when its dependencies
 * have ended.
 *
 * A task may overtake a preferred dependency that is stuck, or whose awaited types were verified
 * empty. The task records what it overtook. It runs once more after those tasks have ended, and the
 * operation cannot end before that run. Everything that depends on this task runs once more, too.
 *
 * A stuck dependency. A dead-lettered required dependency stops its dependents until an operator
 * redrives or discards it; the operation shows the dependency as the cause. A dead-lettered
 * preferred dependency stops no task.
 */

/** The dependencies of a service. */
export interface Dependencies {
  readonly name: ServiceName;
  readonly dependsOn: readonly (
    | ServiceDependency
    | { readonly service: typeof EVERY_OTHER; readonly strength: Strength; readonly until: 'done' }
  )[];
  /** Services that depend on this one, declared here instead of in their own files. */
  readonly dependents?: readonly {
    readonly service: ServiceName;
    readonly strength: Strength;
    readonly until: 'done';
  }[];
  readonly resourceTypes?: readonly {
    readonly name: ResourceTypeName;
    readonly independentOf?: readonly string[];
  }[];
}

/** A service with its dependencies and its regions in this cloud. */
export interface PlacedService extends Dependencies {
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

/**
 * Returns the dependencies of a service on the others of `services`, from its own declaration and
 * from theirs. For each other service it is one dependency on the whole service, or else one on
 * each awaited type. The stronger declaration counts.
 */
export const dependenciesOf = (
  service: Dependencies,
  services: readonly Dependencies[],
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

/** Returns the strength of the dependency on all of the other service, if there is one. */
function strengthOf(service: Dependencies, other: Dependencies): Strength | undefined {
  const own = service.dependsOn.filter(
    (one) =>
      one.until === 'done' &&
      (one.service === other.name || (one.service === EVERY_OTHER && !dependsOnEveryOther(other))),
  );
  const theirs = (other.dependents ?? []).filter((one) => one.service === service.name);
  const strengths = [...own, ...theirs].map(({ strength }) => strength);
  return strengths.includes('required') ? 'required' : strengths.at(0);
}

/** True if the service is cleaned up after all others. */
export const dependsOnEveryOther = ({ dependsOn }: Dependencies): boolean =>
  dependsOn.some((one) => one.until === 'done' && one.service === EVERY_OTHER);

/** Returns the name of the other service of a dependency. */
export const otherService = (dependency: ServiceDependency): string =>
  dependency.until === 'done'
    ? dependency.service
    : dependency.type.slice(0, dependency.type.indexOf('.'));

/**
 * Returns the order of an operation: one task for each service and region, with its dependencies. A
 * service depends on another one in all regions, because a volume in one region may hold an image
 * of another. Dependencies outside of `services` are ignored. Throws `TypeError` on a cycle.
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
  return services.flatMap((service) => {
    const dependencies = dependenciesOf(service, services);
    const dependsOn = services.flatMap((other) => {
      const ofOther = dependencies.filter((one) => otherService(one) === other.name);
      const independent = (service.resourceTypes ?? [])
        .filter(({ independentOf }) => independentOf?.includes(other.name))
        .map(({ name }) => name);
      return taskIds(other).flatMap((task) => taskDependency(task, ofOther, independent));
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

/** Returns the dependency on one task, from the dependencies on its service. */
function taskDependency(
  task: TaskId,
  dependencies: readonly ServiceDependency[],
  independentTypes: readonly ResourceTypeName[],
): PlannedTask['dependsOn'] {
  const [whole] = dependencies.flatMap((one) => (one.until === 'done' ? [one] : []));
  if (whole)
    return [
      {
        task,
        strength: whole.strength,
        until: 'done',
        ...(independentTypes.length > 0 ? { independentTypes } : {}),
      },
    ];
  const types = dependencies.flatMap((one) => (one.until === 'empty' ? [one.type] : []));
  return types.length === 0 ? [] : [{ task, strength: 'preferred', until: 'empty', types }];
}

/**
 * Returns the services in levels. No service of a level depends on another of the same level.
 * Throws `TypeError` with the names when no order is possible.
 */
export function levels<S extends Dependencies>(services: readonly S[]): S[][] {
  const done = new Set<string>();
  const found: S[][] = [];
  for (let open = [...services]; open.length > 0; ) {
    const ready = open.filter((service) =>
      dependenciesOf(service, services).every((one) => done.has(otherService(one))),
    );
    if (ready.length === 0)
      throw new TypeError(
        `the dependencies form a cycle among ${open.map((service) => service.name).join(', ')}`,
      );
    for (const service of ready) done.add(service.name);
    open = open.filter((service) => !done.has(service.name));
    found.push(ready);
  }
  return found;
}

/**
 * Throws `TypeError` with the names when the dependencies form a cycle, when a service depends on
 * itself, or when it depends on a resource type that the other service does not have.
 */
export function assertNoCycle(services: readonly Dependencies[]): void {
  levels(services);
  for (const { name, dependsOn, dependents } of services) {
    const named = [...dependsOn, ...(dependents ?? [])];
    if (named.some((one) => one.until === 'done' && one.service === name))
      throw new TypeError(`${name} depends on itself`);
    for (const one of dependsOn) {
      if (one.until !== 'empty') continue;
      const other = services.find((service) => service.name === otherService(one));
      if (other?.resourceTypes && !other.resourceTypes.some((type) => type.name === one.type))
        throw new TypeError(`${name} depends on ${one.type}, and ${other.name} has no such type`);
    }
  }
}
