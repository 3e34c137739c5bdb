import { advance, holdForLeftovers } from './advance.ts';
import type { KeystoneAnswer } from './keystone-answer.ts';
import { isEnded } from './overtaking.ts';
import type { OperationTransaction, Rules } from './transaction.ts';
import { moveOperation } from './transitions.ts';
import { applyUnknown } from './unconfirmed.ts';

/**
 * Applies an answer that comes after the confirmation. If another client deleted the project, the
 * operation continues as after any deletion. If the project exists and all tasks have ended, a
 * person decides.
 */
export function applyLaterConfirmation(
  transaction: OperationTransaction,
  keystoneAnswer: KeystoneAnswer,
  rules: Rules,
): void {
  const { state, order } = transaction.operation;
  const isDone = order.every(({ id }) => isEnded(transaction.task(id)));
  const isReadyToClose = isDone && state === 'running';
  if (keystoneAnswer.kind === 'unknown' && isReadyToClose) {
    applyUnknown(transaction, keystoneAnswer.error, rules);
    return;
  }
  transaction.operation = {
    ...transaction.operation,
    confirmation: transaction.operation.confirmation + 1,
  };
  // `protected` also means that the account is deleted. Each run checks the protection itself.
  if (keystoneAnswer.kind === 'absent' || keystoneAnswer.kind === 'protected')
    continueAsDeleted(transaction, isDone, rules);
  else if (keystoneAnswer.kind === 'present' && isReadyToClose) {
    transaction.operation = { ...transaction.operation, hold: undefined };
    holdForLeftovers(transaction, rules);
  }
  advance(transaction, rules);
}

/** Continues without the project, because another client has deleted it. */
function continueAsDeleted(transaction: OperationTransaction, isDone: boolean, rules: Rules): void {
  const { operation } = transaction;
  const running =
    operation.state === 'running'
      ? operation
      : { ...moveOperation(operation, 'running'), hold: undefined };
  transaction.operation = isDone
    ? { ...running, hold: undefined, confirmedAt: [rules.now] }
    : running;
}
