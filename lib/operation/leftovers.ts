import type { Operation, Task, Waiver } from './model.ts';
import { typeKey } from './registry.ts';

/**
 * A registration or task that may have left resources of the account, with the types under which a
 * person can waive it.
 */
export interface Leftover {
  readonly types: readonly string[];
  /** The service or type and the reason, for a person. */
  readonly text: string;
}

/**
 * Returns the causes for which resources may be left when every task has ended: the registrations
 * that were not cleaned up, and the tasks that ended `unreachable`.
 */
export function leftoversOf(
  operation: Pick<Operation, 'order' | 'uncovered'>,
  tasks: readonly Task[],
): Leftover[] {
  const typesOf = (task: Task): readonly string[] =>
    operation.order.find(({ id }) => id === task.id)?.types ?? [];
  return [
    ...tasks
      .filter((task) => task.state === 'unreachable')
      .map((task) => ({
        types: typesOf(task),
        text: `${task.service}: ${task.because ?? 'unreachable'}`,
      })),
    ...operation.uncovered.map(({ type, because }) => ({
      types: [type],
      text: `${type}: ${because ?? 'it is in the catalog, and no service file covers it'}`,
    })),
  ];
}

/** Returns the leftovers that no waiver covers, and the waivers that cover other leftovers. */
export function applyWaivers<R extends Pick<Leftover, 'types'>>(
  leftovers: readonly R[],
  waivers: readonly Waiver[],
): { unwaived: R[]; usedWaivers: Waiver[] } {
  const isCoveredBy = ({ types }: R, { type }: Waiver): boolean =>
    types.some((one) => typeKey(one) === typeKey(type));
  return {
    unwaived: leftovers.filter(
      (leftover) => !waivers.some((waiver) => isCoveredBy(leftover, waiver)),
    ),
    usedWaivers: waivers.filter((waiver) =>
      leftovers.some((leftover) => isCoveredBy(leftover, waiver)),
    ),
  };
}
