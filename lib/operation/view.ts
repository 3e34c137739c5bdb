import { sumCounts, totalCounts } from './counts.ts';
import { type FoundAgain, foundAgain } from './found-again.ts';
import type { Operation, ResourceTypeCount, Task } from './model.ts';
import { type ProjectView, projectViews } from './project-views.ts';
import { type WaitCause, type WaitInput, waitCausesOf } from './wait-causes.ts';

/** An operation as the API shows it. */
export interface OperationView {
  readonly operation: Operation;
  readonly tasks: readonly Task[];
  readonly resources: ResourceTypeCount;
  readonly waitsOn: readonly WaitCause[];
  /** Domains only: the projects of the domain, in the order of {@link projectViews}. */
  readonly projects?: readonly ProjectView[] | undefined;
  /**
   * Reruns only: the resources that the rerun found in addition to the leftovers of the earlier
   * operation.
   */
  readonly foundAgain: readonly FoundAgain[] | undefined;
}

/** The input of {@link operationView}. */
export interface ViewInput extends WaitInput {
  /** Reruns only: the tasks of the earlier operation. */
  readonly earlierTasks?: readonly Task[] | undefined;
}

/**
 * Returns an operation with its tasks in order, the sums of its resources, and the causes that it
 * waits for. Each cause is reported once (safety rule "Every failure has an owner"). A task that
 * only waits for other tasks is therefore no cause.
 */
export function operationView(input: ViewInput): OperationView {
  const { operation } = input;
  const orderIndex = new Map(operation.order.map(({ id }, index) => [id, index]));
  const tasks = [...input.tasks].sort(
    (a, b) => (orderIndex.get(a.id) ?? 0) - (orderIndex.get(b.id) ?? 0),
  );
  const projects =
    operation.scope.type === 'domain'
      ? projectViews(operation, input.children, input.childTasks ?? new Map())
      : undefined;
  const resources = sumCounts([
    ...tasks.map((task) => totalCounts(task.counts)),
    ...(projects ?? []).flatMap((one) => one.resources ?? []),
  ]);
  return {
    operation,
    tasks,
    resources,
    waitsOn: waitCausesOf({ ...input, tasks }),
    ...(projects ? { projects } : {}),
    foundAgain: input.earlierTasks && foundAgain(tasks, input.earlierTasks),
  };
}
