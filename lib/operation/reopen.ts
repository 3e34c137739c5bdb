import type { Task } from './model.ts';
import { NO_REGION } from './order.ts';
import { hasTaskEnded } from './overtaking.ts';
import type { OperationTransaction } from './transaction.ts';
import { moveTask } from './transitions.ts';
import { ALL_PHASES, withStalePhases } from './verification.ts';

/**
 * Reopens each ended task that has overtaken others, if all overtaken tasks have ended. An
 * overtaken task may have created resources in the service of the overtaking task.
 */
export function reopenOvertakingTasks(transaction: OperationTransaction): void {
  for (const task of transaction.tasks)
    if (
      task.overtook.length > 0 &&
      hasTaskEnded(task) &&
      task.overtook.every((id) => hasTaskEnded(transaction.task(id)))
    )
      reopenTask(transaction, task);
}

/**
 * Marks all verifications as stale and reopens the ended tasks, because the project was enabled and
 * users could work in it. A run in progress may have listed its types while the project was
 * enabled, so the verifications in the report of this run will also be stale. Returns true if at
 * least one task has not ended afterwards.
 */
export function invalidateVerifications(transaction: OperationTransaction): boolean {
  for (const task of transaction.tasks) {
    const isUnderWay = task.state === 'requested';
    const invalidatedTask: Task = {
      ...task,
      verifications: withStalePhases(task.verifications, ALL_PHASES),
      validFromRun: isUnderWay ? task.run + 1 : task.validFromRun,
    };
    if (isUnderWay || Object.values(task.verifications).some(({ stale }) => !stale))
      transaction.putTask(invalidatedTask);
    if (hasTaskEnded(invalidatedTask)) reopenTask(transaction, invalidatedTask);
  }
  return transaction.tasks.some((task) => !hasTaskEnded(task));
}

/**
 * Sets an ended task to `pending`, so that it runs once more and lists every type. A skipped task,
 * and a task whose service has no region, cannot run and are not changed.
 */
export function reopenTask(transaction: OperationTransaction, task: Task): void {
  if (task.state === 'skipped' || task.region === NO_REGION) return;
  transaction.putTask({
    ...moveTask(task, 'pending'),
    overtook: [],
    verifications: withStalePhases(task.verifications, ['plan', 'apply']),
    endedAt: undefined,
    because: undefined,
  });
}
