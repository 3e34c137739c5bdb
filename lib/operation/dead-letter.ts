import type { TaskId } from '../../events/ids.ts';
import type { Condition } from '../../events/service.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { advanceOperation } from './advance.ts';
import { holdOnTask } from './hold-on-task.ts';
import type { Task } from './model.ts';
import { deadLetterTask, stateUnderWay } from './next-run.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveTask } from './transitions.ts';

/**
 * Applies the redrive of a dead-letter message by a person. The number of attempts and the stall
 * timeout of the task begin again.
 */
export function applyRedrive(
  transaction: OperationTransaction,
  task: Task | undefined,
  step: StepInput,
): void {
  if (task?.state !== 'dead-lettered') return;
  transaction.putTask({
    ...moveTask(task, stateUnderWay(task)),
    attempts: 0,
    progressAt: step.now,
    reportedAt: step.now,
    totalRetryAfterMillis: 0,
    nextAt: step.now,
  });
}

/** Returns the error of a message that stays a dead-letter message because of a deletion hold. */
const notDiscardedError = (
  { service, region }: Task,
  { message, advice = '' }: Condition,
): ErrorReport => ({
  code: 'operation.discard.held',
  class: 'Blocked',
  message: `the dead letter was not discarded, because ${message}`,
  advice,
  service,
  region,
});

/** The decision of a person to discard the dead-letter message that requests a run. */
export interface DiscardDecision {
  readonly taskId: TaskId;
  readonly run: number;
  readonly by: string;
  readonly reason: string;
}

/**
 * Applies the discard of a dead-letter message by a person. The remaining resources are unknown, so
 * the task ends `unreachable`. The discard of an earlier run's message has no effect, because the
 * task has continued since that run. If a deletion hold keeps a resource of the task, the message
 * becomes a dead-letter message again.
 */
export function applyDiscard(
  transaction: OperationTransaction,
  { taskId, run, by, reason }: DiscardDecision,
  step: StepInput,
): void {
  const task = transaction.task(taskId);
  if (!task || task.run !== run || task.endedAt !== undefined || task.state === 'pending') return;
  const hold = holdOnTask(transaction.operation, task, step.heldTypes);
  if (hold) {
    deadLetterTask(transaction, task, task.error ?? notDiscardedError(task, hold), step.now);
    return;
  }
  // The person has decided against another run. With an empty `overtook`, the task is not reopened
  // when the tasks that it overtook have ended.
  const endedFields = {
    overtook: [],
    because: `discarded by ${by}: ${reason}`,
    nextAt: undefined,
    endedAt: step.now,
  };
  transaction.putTask({ ...moveTask(task, 'unreachable'), ...endedFields });
  advanceOperation(transaction, step);
}
