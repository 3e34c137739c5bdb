import type { Operation } from './model.ts';
import { hasEnded } from './open.ts';
import { isRecoverable, mustEnable } from './recovery-window.ts';
import type { OperationTransaction, Rules } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/**
 * Cancels an operation in its recovery window. If the operation has disabled the account, it
 * enables the account again. Then it undoes the suspension (`operation.undo`).
 */
export function cancelRecoverable(
  transaction: OperationTransaction,
  { by, reason }: { readonly by: string; readonly reason: string },
  rules: Rules,
): void {
  const { operation } = transaction;
  const { keystoneAction, recovery, state } = operation;
  if (!recovery) return;
  // The call that disables the account may be in progress. It must end before the call that enables
  // the account.
  const mayBeUnderWay = keystoneAction?.what === 'disable' && !keystoneAction.done;
  if (mayBeUnderWay && (state === 'recoverable' || state === 'confirming')) {
    transaction.operation = {
      ...(state === 'confirming' ? moveOperation(operation, 'recoverable') : operation),
      canceled: { by, reason, at: rules.now },
      hold: {
        reason: `canceled by ${by}: ${reason}`,
        since: rules.now,
        advice:
          `Nothing is removed. The ${operation.scope.type} is enabled again when Keystone has ` +
          'disabled it.',
      },
    };
    return;
  }
  transaction.operation = {
    ...moveOperation(operation, 'canceled'),
    hold: {
      reason: `canceled by ${by}: ${reason}`,
      since: rules.now,
      advice:
        'Nothing was removed. What the operation disabled and suspended is put back if Keystone ' +
        `still has the ${operation.scope.type}: propagator operation list ` +
        `--${operation.scope.type} ${operation.scope.id}`,
    },
    endedAt: rules.now,
  };
}

/**
 * True if a cancellation of the window was accepted but not yet applied. Until then no other
 * message may begin the deletion.
 */
export const isCanceledBefore = (operation: Operation): boolean =>
  operation.canceled !== undefined && isRecoverable(operation) && !hasEnded(operation);

/**
 * Restores the account after an operation that ended without a removal. `operation.undo` also
 * resumes a project that was enabled during an operation without a window, because no resume opens
 * while the operation runs.
 */
export function undo(transaction: OperationTransaction, rules: Rules): void {
  const { id, recovery } = transaction.operation;
  if (mustEnable(recovery) && isRecoverable(transaction.operation))
    transaction.keystoneAction('enable', rules.now);
  else transaction.messages.push({ type: 'operation.undo', data: { operationId: id } });
}
