import { type OperationId, type ServiceName, TaskId } from '../../events/ids.ts';
import type { PlannedTask } from './model.ts';

/** A service as the order sees it: its name, those before it, and the regions in which this cloud has it. */
export interface PlacedService {
  readonly name: ServiceName;
  readonly after: readonly ServiceName[];
  readonly regions: readonly string[];
}

/** Stands for the region of a service that the catalog lacks. */
export const NO_REGION = 'none';

/**
 * The saved order of an operation: one task per service and region, each behind the tasks of the services before it.
 * A service waits for its predecessors in all regions: a volume in one may hold an image of another.
 * Predecessors that are not among the services are left out. Throws `TypeError` on a cycle.
 */
export function planOrder(operationId: OperationId, services: readonly PlacedService[]): PlannedTask[] {
  assertNoCycle(services);
  const taskIds = (service: PlacedService): TaskId[] =>
    (service.regions.length > 0 ? service.regions : [NO_REGION]).map((region) => TaskId.parse(`${operationId}/${service.name}/${region}`));
  return services.flatMap((service) => {
    const after = services.filter((other) => service.after.includes(other.name)).flatMap(taskIds);
    return taskIds(service).map((id, index) => ({ id, service: service.name, region: service.regions[index] ?? NO_REGION, after }));
  });
}

/** Throws `TypeError` naming the services when their `after` can't be satisfied. */
export function assertNoCycle(services: readonly Pick<PlacedService, 'name' | 'after'>[]): void {
  const names = new Set(services.map((service) => service.name));
  const done = new Set<ServiceName>();
  for (let open = [...services]; open.length > 0; ) {
    const ready = open.filter((service) => service.after.every((name) => done.has(name) || !names.has(name)));
    if (ready.length === 0) throw new TypeError(`no order is possible among ${open.map((service) => service.name).join(', ')}`);
    for (const service of ready) done.add(service.name);
    open = open.filter((service) => !done.has(service.name));
  }
}
