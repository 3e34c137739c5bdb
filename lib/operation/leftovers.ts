import type { Operation, Task, Waiver } from './model.ts';
import { typeKey } from './registry.ts';

/**
 * A registration or task that may have left resources of the account, with the types under which a
 * person can waive it.
 */
export interface Leftover {
  readonly types: readonly string[];
  readonly what: string;
}

/**
 * Returns the possible leftovers when every task has ended: registrations that were not cleaned up,
 * and tasks that ended `unreachable`.
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
        what: `${task.service}: ${task.because ?? 'unreachable'}`,
      })),
    ...operation.uncovered.map(({ type, because }) => ({
      types: [type],
      what: `${type}: ${because ?? 'it is in the catalog, and no service file covers it'}`,
    })),
  ];
}

/** Returns the leftovers that no waiver covers, and the waivers that were used. */
export function applyWaivers<R extends Pick<Leftover, 'types'>>(
  leftovers: readonly R[],
  waivers: readonly Waiver[],
): { unwaived: R[]; usedWaivers: Waiver[] } {
  const names = ({ types }: R, { type }: Waiver): boolean =>
    types.some((one) => typeKey(one) === typeKey(type));
  const waived = waivers.filter((waiver) => leftovers.some((leftover) => names(leftover, waiver)));
  return {
    unwaived: leftovers.filter((leftover) => !waivers.some((waiver) => names(leftover, waiver))),
    usedWaivers: waived,
  };
}
