import type { Task } from './model.ts';

/**
 * Resources of one type that a rerun found in addition to the leftovers of the earlier operation.
 */
export interface FoundAgain {
  readonly service: string;
  readonly region: string;
  readonly resourceType: string;
  readonly found: number;
  /** How many resources the earlier operation left; `undefined` if it did not list this type. */
  readonly leftBefore: number | undefined;
}

/**
 * Returns the resources that a rerun found in addition to the leftovers of the earlier operation.
 * The additional resources are newer, or the earlier operation could not list them.
 */
export function foundAgain(tasks: readonly Task[], earlier: readonly Task[]): FoundAgain[] {
  const before = new Map(earlier.map((task) => [placeOf(task), task.counts]));
  return tasks.flatMap((task) =>
    Object.entries(task.counts).flatMap(([resourceType, { found }]) => {
      const leftBefore = before.get(placeOf(task))?.[resourceType]?.left;
      const { service, region } = task;
      return found > (leftBefore ?? 0)
        ? [{ service, region, resourceType, found, leftBefore }]
        : [];
    }),
  );
}

const placeOf = ({ service, region }: Task): string => JSON.stringify([service, region]);
