import type { ServiceDependency } from '../../events/dependency.ts';
import { type OperationId, type ResourceTypeName, TaskId } from '../../events/ids.ts';
import type { PlannedTask, UncoveredRegistration } from './model.ts';
import {
  assertValidDependencies,
  awaitedServiceOf,
  dependenciesOf,
  type ServiceWithDependencies,
} from './service-dependencies.ts';

/*
 * Why the order is safe.
 *
 * No cycle. When the program starts, `assertValidDependencies` checks the dependencies of all
 * services. `planOrder` checks the dependencies of one operation again and saves them in the
 * operation, so that a later version of the propagator cannot change the order of a running
 * operation.
 *
 * A required dependency ends first. For example, Neutron removes security groups only after the
 * task of Nova has ended. A task with a required dependency is requested only after the end of the
 * task that it depends on. A task ends when a listing is empty, when the cloud lacks the service,
 * or when the service can no longer be listed. Between services, a required dependency is always on
 * the whole service. A dependency on one type would be too weak: after a listing has shown no
 * resource of the type, the other service may still create one.
 *
 * Partial runs. A resource type may be independent of a service that its own service depends on.
 * For example, Neutron depends on Nova, and floating IPs are independent of Nova. While Nova
 * deletes servers, the task of Neutron has partial runs, which handle only the independent
 * types. After a partial run the task is `pending` again. Its full run begins when the
 * dependencies have ended, and lists every type.
 *
 * Overtaking. A task overtakes another task if it depends on that task, and its full run begins
 * before the end of that task. Only a preferred dependency can be overtaken, in one of three cases:
 * the other task is stuck (`isStuck` in `overtaking.ts`), has verified the awaited types as empty,
 * or has no resources according to its count. The overtaking task records the tasks that it
 * overtook. When these tasks have ended, the overtaking task and all tasks that depend on it run
 * once more. The operation cannot end before these runs.
 *
 * A dead-lettered dependency. If it is required, its dependents wait until an operator redrives or
 * discards the dead letter. The operation shows the dead letter as the cause. A dead-lettered
 * preferred dependency stops no task.
 */

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
  readonly uncallableRegistrations?: readonly UncoveredRegistration[];
}

/** The region of a task whose service the catalog lacks. */
export const NO_REGION = 'none';
/** The region of a plugin that has no catalog type. */
export const PLUGIN_REGION = 'everywhere';

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
