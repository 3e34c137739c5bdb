import type { TaskDependency } from '../../events/dependency.ts';
import type { TaskId } from '../../events/ids.ts';
import type { Phase } from '../../events/service.ts';
import { totalCounts } from './counts.ts';
import type { PlannedTask, Task } from './model.ts';
import {
  hasTaskEnded,
  isChainCountedEmpty,
  mayOvertake,
  mayOvertakeStuck,
  type OvertakingInput,
} from './overtaking.ts';
import { withPartialRun } from './partial-run.ts';
import { reopenOvertakingTasks } from './reopen.ts';
import type { OperationTransaction } from './transaction.ts';
import { moveTask } from './transitions.ts';
import { withStalePhases } from './verification.ts';

/**
 * Requests a run of every pending task whose dependencies have ended or may be overtaken. Requests
 * the partial run of a task that must still wait.
 */
export function requestReadyRuns(transaction: OperationTransaction, input: OvertakingInput): void {
  reopenOvertakingTasks(transaction);
  for (const { id, dependsOn } of transaction.operation.order) {
    const task = transaction.task(id);
    if (task?.state !== 'pending') continue;
    const openDependencies = dependsOn.filter((one) => !hasTaskEnded(transaction.task(one.task)));
    const isReady = openDependencies.every((dependency) =>
      mayRunBeforeDependency(transaction, task, dependency, input),
    );
    if (isReady) {
      const overtook = overtakenTasks(transaction, dependsOn, openDependencies);
      requestRun(transaction, { ...task, overtook }, 'apply', input.now);
      continue;
    }
    const taskWithPartialRun = withPartialRun(transaction, task, openDependencies, input);
    if (taskWithPartialRun) requestRun(transaction, taskWithPartialRun, 'apply', input.now);
  }
}

/**
 * Returns the tasks that a task overtakes if it begins now: its open dependencies, and the tasks
 * that its dependencies have overtaken. A dependency that overtook a third task runs again after
 * the end of the third task. The task must then run again too.
 */
function overtakenTasks(
  transaction: OperationTransaction,
  dependsOn: readonly TaskDependency[],
  openDependencies: readonly TaskDependency[],
): TaskId[] {
  const overtakenByDependencies = dependsOn.flatMap(
    (dependency) => transaction.task(dependency.task)?.overtook ?? [],
  );
  return [...new Set([...openDependencies.map(({ task }) => task), ...overtakenByDependencies])];
}

/**
 * True if the task may run before its dependency has ended. A task that has resources also runs
 * before a preferred dependency that has none, because such a dependency could only delay the task.
 */
function mayRunBeforeDependency(
  transaction: OperationTransaction,
  task: Task,
  dependency: TaskDependency,
  input: OvertakingInput,
): boolean {
  const hasResources = totalCounts(task.counts).left > 0;
  return (
    mayOvertake(transaction, dependency, input) ||
    (hasResources &&
      dependency.strength === 'preferred' &&
      isChainCountedEmpty(transaction, dependency.task))
  );
}

/** Requests each due pre-delete run whose dependencies allow it. */
export function requestPreDeleteRuns(
  transaction: OperationTransaction,
  input: OvertakingInput,
): void {
  const dueTasks = transaction.operation.order.filter(
    (plannedTask) => transaction.task(plannedTask.id)?.preDelete === 'due',
  );
  for (const plannedTask of dueTasks) {
    const task = transaction.task(plannedTask.id);
    if (task?.state === 'pending' && mayStartPreDelete(plannedTask, dueTasks, transaction, input))
      requestRun(transaction, task, 'pre-delete', input.now);
  }
}

/** True if each dependency has ended, has no due pre-delete run, or may be overtaken. */
function mayStartPreDelete(
  plannedTask: PlannedTask,
  dueTasks: readonly PlannedTask[],
  transaction: OperationTransaction,
  input: OvertakingInput,
): boolean {
  return plannedTask.dependsOn.every(
    (one) =>
      hasTaskEnded(transaction.task(one.task)) ||
      !dueTasks.some(({ id }) => id === one.task) ||
      mayOvertakeStuck(transaction, one, input),
  );
}

function requestRun(
  transaction: OperationTransaction,
  task: Task,
  phase: Phase,
  now: number,
): void {
  // The verifications that phase `plan` stored remain valid until the first full run after
  // Keystone's confirmation. An earlier partial run does not make them stale, because its types
  // create no resources and the full run lists every type again.
  const isBeforeFullRun = isFirstRun(task) || wasLastRunPartial(task);
  const arePlanVerificationsValid = transaction.operation.confirmedAt.length > 0 && isBeforeFullRun;
  // A service may leave a resource behind after a partial run has listed its type as empty. For
  // example, Nova may leave a port of a server. The full run therefore lists these types first.
  const isFullRunAfterPartialRun = wasLastRunPartial(task) && task.partialRun?.state === 'done';
  const stalePhases: Phase[] = [
    ...(arePlanVerificationsValid ? [] : (['plan'] as const)),
    ...(isFullRunAfterPartialRun ? (['apply'] as const) : []),
  ];
  const requestedTask: Task = {
    ...moveTask(task, 'requested'),
    phase,
    verifications: withStalePhases(task.verifications, stalePhases),
    run: task.run + 1,
    sequence: 0,
    attempts: 0,
    progressAt: now,
    reportedAt: now,
    runProgressed: false,
    totalRetryAfterMillis: 0,
    startedAt: task.startedAt ?? now,
    nextAt: now,
  };
  transaction.putTask(requestedTask);
  transaction.messages.push(transaction.runRequest(requestedTask, now));
}

const isFirstRun = ({ startedAt }: Task): boolean => startedAt === undefined;

const wasLastRunPartial = ({ partialRun, run }: Task): boolean => run === partialRun?.nextRun;
