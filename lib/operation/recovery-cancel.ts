import { hasEnded } from './ended.ts';
import type { Operation } from './model.ts';
import { hasWindowAndNoRemoval, mayHaveDisabledAccount } from './recovery-window.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/**
 * Cancels an operation in its recovery window. {@link restoreAccount} then enables the account if
 * the operation has disabled it, and undoes the suspension.
 */
export function cancelInRecoveryWindow(
  transaction: OperationTransaction,
  { by, reason }: { readonly by: string; readonly reason: string },
  step: StepInput,
): void {
  const { operation } = transaction;
  const { keystoneAction, recovery, state } = operation;
  if (!recovery) return;
  // The call that disables the account may be in progress. This call must end before the call that
  // enables the account.
  const mayBeUnderWay = keystoneAction?.what === 'disable' && !keystoneAction.done;
  if (mayBeUnderWay && (state === 'recoverable' || state === 'confirming')) {
    transaction.operation = {
      ...(state === 'confirming' ? moveOperation(operation, 'recoverable') : operation),
      canceled: { by, reason, at: step.now },
      hold: {
        reason: `canceled by ${by}: ${reason}`,
        since: step.now,
        advice:
          `Nothing is removed. A call that disables the ${operation.scope.type} is in progress. ` +
          `When the call has ended, the ${operation.scope.type} is enabled again.`,
      },
    };
    return;
  }
  transaction.operation = {
    ...moveOperation(operation, 'canceled'),
    hold: {
      reason: `canceled by ${by}: ${reason}`,
      since: step.now,
      advice:
        `Nothing was removed. If the ${operation.scope.type} still exists in Keystone, it is ` +
        'enabled and resumed, as far as the operation disabled and suspended it. To follow this: ' +
        `propagator operation list --${operation.scope.type} ${operation.scope.id}`,
    },
    endedAt: step.now,
  };
}

/**
 * True if a cancellation was accepted during the recovery window and is not applied yet. Until it
 * is applied, no other message may begin the deletion.
 */
export const hasPendingCancellation = (operation: Operation): boolean =>
  operation.canceled !== undefined && hasWindowAndNoRemoval(operation) && !hasEnded(operation);

/**
 * Restores the account after a requested deletion was canceled or refused. Enables the account if
 * its recovery window disabled it. Otherwise sends `operation.undo`, which resumes the account. An
 * operation without a window also needs this message: if the project was enabled while the
 * operation ran, no resume opened at that time.
 */
export function restoreAccount(transaction: OperationTransaction, step: StepInput): void {
  const { id, recovery } = transaction.operation;
  if (mayHaveDisabledAccount(recovery) && hasWindowAndNoRemoval(transaction.operation))
    transaction.requestKeystoneAction('enable', step.now);
  else transaction.messages.push({ type: 'operation.undo', data: { operationId: id } });
}
