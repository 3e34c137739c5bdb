import type { Task } from './model.ts';

/** A type of which a rerun found more resources than the earlier operation left. */
export interface FoundAgain {
  readonly service: string;
  readonly region: string;
  readonly resourceType: string;
  readonly found: number;
  /** How many resources the earlier operation left; `undefined` if it did not list this type. */
  readonly leftBefore: number | undefined;
}

/**
 * Returns the types of which a rerun found more resources than the earlier operation left. The
 * additional resources are newer, or the earlier operation could not list them. `tasks`: the tasks
 * of the rerun. `earlierTasks`: the tasks of the earlier operation.
 */
export function foundAgain(tasks: readonly Task[], earlierTasks: readonly Task[]): FoundAgain[] {
  const earlierCounts = new Map(earlierTasks.map((task) => [serviceAndRegion(task), task.counts]));
  return tasks.flatMap((task) =>
    Object.entries(task.counts).flatMap(([resourceType, { found }]) => {
      const leftBefore = earlierCounts.get(serviceAndRegion(task))?.[resourceType]?.left;
      const { service, region } = task;
      return found > (leftBefore ?? 0)
        ? [{ service, region, resourceType, found, leftBefore }]
        : [];
    }),
  );
}

const serviceAndRegion = ({ service, region }: Task): string => JSON.stringify([service, region]);
