import type { Task } from './model.ts';

/** Resources of one type that a rerun found although the earlier operation had not left them. */
export interface FoundAgain {
  readonly service: string;
  readonly region: string;
  readonly resourceType: string;
  readonly found: number;
  /** What the earlier operation left of it; `undefined` where it did not list this type. */
  readonly leftBefore: number | undefined;
}

/**
 * What a rerun found that the earlier operation did not: resources that came after it, and what it
 * could not see. Types of which no more was found than the earlier operation left are not named.
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
