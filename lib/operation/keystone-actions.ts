import type { ErrorReport } from '../shared/errors.ts';
import { advanceOperation } from './advance.ts';
import { endCanceled } from './cancel.ts';
import { applyDomainEnabled } from './domain-begin.ts';
import { continueDomain } from './domain-project.ts';
import { hasEnded } from './ended.ts';
import { applyActionFailure, askAgainAfterCancel } from './keystone-action-failure.ts';
import { KEPT_AFTER_CANCEL_CODE, type KeystoneAction, type KeystoneActionResult } from './model.ts';
import type { AccountState } from './preflight.ts';
import { cancelInRecoveryWindow } from './recovery-cancel.ts';
import { hasWindowAndNoRemoval, recoveryAfterDisableAttempt } from './recovery-window.ts';
import { invalidateVerifications } from './reopen.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/**
 * Applies the result of a Keystone action. The result of an earlier action is ignored. {@link
 * applyActionFailure} decides what follows a failure.
 */
export function applyKeystoneActionResult(
  transaction: OperationTransaction,
  result: KeystoneActionResult,
  step: StepInput,
): void {
  const { number, accountState, error } = result;
  const { keystoneAction } = transaction.operation;
  if (!keystoneAction || keystoneAction.number !== number || keystoneAction.done) return;
  recordDisableAttempt(transaction, keystoneAction, result);
  if (applyPendingCancellation(transaction, keystoneAction, error, step)) return;
  if (!error) {
    applyActionSuccess(transaction, keystoneAction, result, step);
    return;
  }
  const isEnabledAgain = keystoneAction.what === 'delete' && accountState === 'enabled';
  if (isEnabledAgain && invalidateVerifications(transaction)) {
    // Users may have created resources in the enabled project. The tasks list the project again
    // before the next attempt to delete it.
    transaction.endKeystoneAction();
    transaction.operation = moveOperation(transaction.operation, 'running');
    advanceOperation(transaction, step);
  } else applyActionFailure(transaction, keystoneAction, error, step);
}

/**
 * Applies a cancellation that waited for the end of the operation's Keystone action. Returns false
 * if no cancellation waits, or if it is too late. The caller must then apply the result of the
 * action.
 */
function applyPendingCancellation(
  transaction: OperationTransaction,
  keystoneAction: KeystoneAction,
  error: ErrorReport | undefined,
  step: StepInput,
): boolean {
  const { canceled, state } = transaction.operation;
  if (!canceled) return false;
  if (state === 'recoverable' || state === 'confirming') {
    transaction.endKeystoneAction();
    cancelInRecoveryWindow(transaction, canceled, step);
    return true;
  }
  // If the action `delete` succeeded, the cancellation is too late.
  if (state !== 'closing' || !error) return false;
  if (error.code === KEPT_AFTER_CANCEL_CODE) endCanceled(transaction, canceled, [], step);
  else askAgainAfterCancel(transaction, keystoneAction, error, step);
  return true;
}

/** Records in the recovery window whether an attempt has disabled the account. */
function recordDisableAttempt(
  transaction: OperationTransaction,
  { what }: KeystoneAction,
  result: KeystoneActionResult,
): void {
  const { operation } = transaction;
  const { recovery } = operation;
  if (!recovery || what !== 'disable' || !hasWindowAndNoRemoval(operation)) return;
  transaction.operation = { ...operation, recovery: recoveryAfterDisableAttempt(recovery, result) };
}

/** Continues the operation after a successful action. */
function applyActionSuccess(
  transaction: OperationTransaction,
  keystoneAction: KeystoneAction,
  { accountState, unlisted }: KeystoneActionResult,
  step: StepInput,
): void {
  const { hold, scope, state } = transaction.operation;
  transaction.operation = {
    ...transaction.operation,
    keystoneAction: { ...keystoneAction, done: true, failure: undefined },
    // A held or ended operation keeps its reason.
    hold: ['held', 'canceled', 'refused'].includes(state) ? hold : undefined,
    ...(unlisted ? unverifiedFields(unlisted, step.now) : {}),
  };
  // Keystone gives no token on a disabled or deleted project, so phase `pre-delete` ends. If the
  // project is absent when the role is to be assigned, another client has deleted it. No user can
  // create resources in a disabled or deleted project, so the verifications remain valid.
  const givesNoToken =
    keystoneAction.what === 'disable' ||
    (keystoneAction.what === 'assign-role' && accountState === 'absent');
  if (scope.type === 'domain') continueDomain(transaction);
  else if (givesNoToken && state === 'pre-delete')
    transaction.operation = moveOperation(transaction.operation, 'running');
  if (keystoneAction.what === 'enable') continueAfterEnable(transaction, accountState, step);
  advanceOperation(transaction, step);
}

/**
 * Returns the fields of an operation that deleted its domain and then could not list all resources
 * of the domain in Keystone.
 */
const unverifiedFields = (unlisted: readonly string[], now: number) => ({
  isUnverified: true,
  hold: {
    reason: `the domain is deleted, but Keystone may still hold: ${unlisted.join('; ')}`,
    since: now,
    advice:
      'List these types with an account that may list them, and delete the rows of the domain.',
  },
});

/**
 * Continues after the account was enabled:
 *
 * - The operation of a domain that has not ended opens the cleanups of its projects.
 * - In state `pre-delete`, the operation of a project assigns the role.
 * - An ended operation undoes the suspension of its recovery window.
 */
function continueAfterEnable(
  transaction: OperationTransaction,
  accountState: AccountState | undefined,
  step: StepInput,
): void {
  const { id, scope, state } = transaction.operation;
  if (scope.type === 'domain' && !hasEnded(transaction.operation))
    applyDomainEnabled(transaction, accountState, step);
  else if (state === 'pre-delete') transaction.requestKeystoneAction('assign-role', step.now);
  else transaction.messages.push({ type: 'operation.undo', data: { operationId: id } });
}
