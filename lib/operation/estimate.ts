import type { TaskId } from '../../events/ids.ts';
import type { Operation, Task } from './model.ts';
import { NO_REGION } from './order.ts';

/** A task of an earlier cleanup, as a measurement for an estimate. */
export interface MeasuredTask {
  readonly taskId: TaskId;
  /** How many resources the task removed. */
  readonly resources: number;
  /** How long the task took. */
  readonly millis: number;
}

/** The measured tasks, by service. */
export type MeasuredTasks = ReadonlyMap<string, readonly MeasuredTask[]>;

/** The estimated API calls and duration of a cleanup. */
export interface Estimate {
  /** API calls: the listings, one removal for each resource, and the calls to Keystone. */
  readonly calls: number;
  /** Absent while no operation of this installation has measured any of the services. */
  readonly millis?: number | undefined;
  /** Services with resources that no earlier operation has measured. `millis` excludes them. */
  readonly unmeasured: readonly string[];
}

/** Each type is listed three times: for the count, before the removals, and after them. */
const LISTINGS_PER_TYPE = 3;
/** Calls to Keystone for one project: to confirm it, to disable it and to delete it. */
const KEYSTONE_CALLS = 6;

/** Returns the measurements of an ended cleanup: its finished tasks that removed resources. */
export const measuredTasksOf = (
  tasks: readonly Task[],
): (MeasuredTask & { readonly service: string })[] =>
  tasks.flatMap(({ id, service, state, counts, startedAt, endedAt, partialRun }) => {
    const resources = Object.values(counts).reduce((sum, { removed }) => sum + removed, 0);
    if (state !== 'finished' || resources === 0) return [];
    // The duration of a task with a partial run includes the wait for another service.
    if (partialRun) return [];
    if (startedAt === undefined || endedAt === undefined || endedAt <= startedAt) return [];
    return [{ taskId: id, service, resources, millis: endedAt - startedAt }];
  });

/**
 * Returns the estimate for a planned cleanup. Its duration is the duration of the longest chain of
 * tasks that wait for each other. The time for one resource of a service is the median of the
 * measured tasks, because single tasks may have waited for a person.
 */
export function estimateOf(
  { order }: Pick<Operation, 'order'>,
  tasks: readonly Task[],
  measuredTasks: MeasuredTasks,
): Estimate {
  const taskById = new Map(tasks.map((task) => [task.id, task]));
  const listedTasks = tasks.filter(
    ({ region, state }) => region !== NO_REGION && state !== 'skipped',
  );
  const calls = listedTasks.reduce(
    (sum, task) =>
      sum + foundResources(task) + LISTINGS_PER_TYPE * Object.keys(task.verifications).length,
    KEYSTONE_CALLS,
  );
  const tasksWithResources = listedTasks.filter((task) => foundResources(task) > 0);
  const isMeasured = ({ service }: Task): boolean => (measuredTasks.get(service)?.length ?? 0) > 0;
  const endMillisByTask = new Map<TaskId, number>();
  // In the order, each task follows the tasks that it depends on.
  for (const { id, dependsOn } of order) {
    const task = taskById.get(id);
    const beginMillis = Math.max(0, ...dependsOn.map((one) => endMillisByTask.get(one.task) ?? 0));
    const millis = task
      ? foundResources(task) * medianMillisPerResource(measuredTasks.get(task.service) ?? [])
      : 0;
    endMillisByTask.set(id, beginMillis + millis);
  }
  return {
    calls,
    ...(tasksWithResources.some(isMeasured)
      ? { millis: Math.round(Math.max(...endMillisByTask.values())) }
      : {}),
    unmeasured: [
      ...new Set(tasksWithResources.filter((one) => !isMeasured(one)).map((one) => one.service)),
    ],
  };
}

/** Combines the estimates of cleanups that run in parallel, as for the projects of a domain. */
export function parallelEstimate(estimates: readonly Estimate[]): Estimate {
  const durations = estimates.flatMap(({ millis }) => (millis === undefined ? [] : [millis]));
  return {
    calls: estimates.reduce((sum, { calls }) => sum + calls, 0),
    ...(durations.length > 0 ? { millis: Math.max(...durations) } : {}),
    unmeasured: [...new Set(estimates.flatMap(({ unmeasured }) => unmeasured))],
  };
}

const foundResources = ({ counts }: Task): number =>
  Object.values(counts).reduce((sum, { found }) => sum + found, 0);

/** Returns the median of the milliseconds for one resource. */
function medianMillisPerResource(measuredTasks: readonly MeasuredTask[]): number {
  const sortedMillis = measuredTasks
    .map(({ millis, resources }) => millis / resources)
    .toSorted((a, b) => a - b);
  return sortedMillis[Math.floor(sortedMillis.length / 2)] ?? 0;
}
