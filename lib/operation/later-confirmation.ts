import { advanceOperation, holdForLeftovers } from './advance.ts';
import type { KeystoneAnswer } from './keystone-answer.ts';
import { hasTaskEnded } from './overtaking.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';
import { applyUnknownAnswer } from './unconfirmed.ts';

/**
 * Applies an answer that Keystone gives after it has confirmed a requested operation. If another
 * client deleted the project, the operation continues without the project. If the project exists
 * and all tasks have ended, the operation is held when resources may be left.
 */
export function applyLaterConfirmation(
  transaction: OperationTransaction,
  keystoneAnswer: KeystoneAnswer,
  step: StepInput,
): void {
  const { state, order } = transaction.operation;
  const haveTasksEnded = order.every(({ id }) => hasTaskEnded(transaction.task(id)));
  const isReadyToClose = haveTasksEnded && state === 'running';
  if (keystoneAnswer.kind === 'unknown' && isReadyToClose) {
    applyUnknownAnswer(transaction, keystoneAnswer.error, step);
    return;
  }
  transaction.operation = {
    ...transaction.operation,
    confirmation: transaction.operation.confirmation + 1,
  };
  // The answer `protected` also means that the account is deleted. Each run checks the protection
  // itself.
  if (keystoneAnswer.kind === 'absent' || keystoneAnswer.kind === 'protected')
    continueAsDeleted(transaction, haveTasksEnded, step);
  else if (keystoneAnswer.kind === 'present' && isReadyToClose) {
    transaction.operation = { ...transaction.operation, hold: undefined };
    holdForLeftovers(transaction, step);
  }
  advanceOperation(transaction, step);
}

/**
 * Continues without the project, because another client has deleted it. If all tasks have ended,
 * the deletion counts as confirmed, and the operation ends.
 */
function continueAsDeleted(
  transaction: OperationTransaction,
  haveTasksEnded: boolean,
  step: StepInput,
): void {
  const { operation } = transaction;
  const runningOperation =
    operation.state === 'running'
      ? operation
      : { ...moveOperation(operation, 'running'), hold: undefined };
  transaction.operation = haveTasksEnded
    ? { ...runningOperation, hold: undefined, confirmedAt: [step.now] }
    : runningOperation;
}
