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
 * of the rerun.
 */
export function foundAgain(tasks: readonly Task[], earlier: readonly Task[]): FoundAgain[] {
  const countsByPlace = new Map(earlier.map((task) => [placeOf(task), task.counts]));
  return tasks.flatMap((task) =>
    Object.entries(task.counts).flatMap(([resourceType, { found }]) => {
      const leftBefore = countsByPlace.get(placeOf(task))?.[resourceType]?.left;
      const { service, region } = task;
      return found > (leftBefore ?? 0)
        ? [{ service, region, resourceType, found, leftBefore }]
        : [];
    }),
  );
}

const placeOf = ({ service, region }: Task): string => JSON.stringify([service, region]);
