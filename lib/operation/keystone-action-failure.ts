import type { OperationId } from '../../events/ids.ts';
import { backoffMillis } from '../shared/backoff.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { delaySecondsUntil } from './confirm-again.ts';
import { holdOperation } from './limits.ts';
import {
  DOMAIN_DRIFT_CODE,
  type KeystoneAction,
  type Operation,
  UNCONFIRMED_ABSENCE_CODE,
} from './model.ts';
import { hasTimeLeft } from './recovery-window.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';

const MAX_WAIT_SECONDS = 60;

/** For each Keystone action, the text that comes before the account in a message to a person. */
export const ACTION_TEXTS: Readonly<Record<KeystoneAction['what'], string>> = {
  'assign-role': 'taking a role on',
  'revoke-role': 'revoking the role on',
  disable: 'disabling',
  enable: 'enabling',
  delete: 'deleting',
};

/**
 * Applies a failed attempt: retries the action, holds the operation, or dead-letters the action.
 */
export function applyActionFailure(
  transaction: OperationTransaction,
  keystoneAction: KeystoneAction,
  error: ErrorReport,
  step: StepInput,
): void {
  const policy = failurePolicyOf(keystoneAction, transaction.operation.state);
  if (policy === 'retry-revert') retryRevert(transaction, keystoneAction, error, step);
  if (policy === 'disable-after-window') applyDisableFailure(transaction, keystoneAction, step);
  if (policy === 'retry') retryAndShowFailure(transaction, keystoneAction, error, step);
  if (policy === 'retry-or-hold') retryOrHold(transaction, keystoneAction, error, step);
}

/**
 * Returns what follows a failed attempt in this state of the operation. `ignore`: no later step
 * depends on the action.
 */
function failurePolicyOf(
  keystoneAction: KeystoneAction,
  state: Operation['state'],
): 'retry-revert' | 'disable-after-window' | 'retry' | 'retry-or-hold' | 'ignore' {
  if (isRevert(keystoneAction, state)) return 'retry-revert';
  const { what } = keystoneAction;
  switch (state) {
    case 'recoverable':
      return 'retry';
    case 'confirming':
      if (what === 'disable') return 'disable-after-window';
      // A domain is enabled again between its recovery window and the cleanups of its projects.
      return what === 'enable' ? 'retry' : 'ignore';
    case 'pre-delete':
    case 'closing':
    case 'waiting': // The requested deletion of a domain.
      return 'retry-or-hold';
    default:
      return 'ignore';
  }
}

/**
 * True if the action reverts an earlier change. The propagator must revoke its own role on the
 * project in any state of the operation. The account must be enabled again after a cancellation or
 * a refusal.
 */
const isRevert = ({ what }: KeystoneAction, state: Operation['state']): boolean =>
  what === 'revoke-role' || (what === 'enable' && (state === 'canceled' || state === 'refused'));

/**
 * Applies a failed attempt to disable the account in state `confirming`. If the recovery window has
 * time left, a 404 of Keystone has ended the window early. The 404 may be wrong, so the account
 * must still be disabled. If no time is left, the operation continues with an enabled account. The
 * action then counts as done, so that a cancellation does not wait for its end.
 */
function applyDisableFailure(
  transaction: OperationTransaction,
  keystoneAction: KeystoneAction,
  step: StepInput,
): void {
  if (hasTimeLeft(transaction.operation)) retryAction(transaction, keystoneAction, step);
  else transaction.endKeystoneAction();
}

/** Retries an action that may succeed later. Any other failure holds the operation. */
function retryOrHold(
  transaction: OperationTransaction,
  keystoneAction: KeystoneAction,
  error: ErrorReport,
  step: StepInput,
): void {
  if (mayRetrySucceed(error)) {
    retryAndShowFailure(transaction, keystoneAction, error, step);
    return;
  }
  const about = error.code === DOMAIN_DRIFT_CODE ? 'drift' : 'keystoneAction';
  const reason = failureReason(transaction.operation, keystoneAction, error);
  holdOperation(transaction, reason, step.now, { about, advice: error.advice });
}

/**
 * True if a later attempt may succeed. `Gone`: another client deleted the account, so the next
 * attempt finds no account and succeeds.
 */
const mayRetrySucceed = (error: ErrorReport): boolean =>
  error.class === 'Blocked' || error.class === 'Transient' || error.class === 'Gone';

const failureReason = (
  { scope }: Operation,
  { what }: KeystoneAction,
  error: ErrorReport,
): string =>
  `${ACTION_TEXTS[what]} the ${scope.type} in Keystone ` +
  `${error.class === 'Blocked' ? 'waits' : 'failed'}: ${error.message}`;

/** Retries the action, and shows its failure as the reason for which the operation waits. */
function retryAndShowFailure(
  transaction: OperationTransaction,
  keystoneAction: KeystoneAction,
  error: ErrorReport,
  step: StepInput,
): void {
  const { operation } = transaction;
  // For an error that a retry alone does not clear, a person must act: the hold then names what it
  // is about.
  const isClearedByRetry = error.class === 'Transient' || error.class === 'Gone';
  transaction.operation = {
    ...operation,
    hold: {
      reason: failureReason(operation, keystoneAction, error),
      since: keystoneAction.since,
      advice: error.advice,
      ...(isClearedByRetry ? {} : { about: 'keystoneAction' }),
    },
  };
  retryAction(transaction, keystoneAction, step);
}

function retryAction(
  transaction: OperationTransaction,
  keystoneAction: KeystoneAction,
  step: StepInput,
): void {
  transaction.messages.push({
    ...actionMessage(transaction.operation.id, keystoneAction),
    delaySeconds: retryDelaySeconds(keystoneAction, step),
  });
}

/** Returns the message that makes the coordinator carry out the action. */
const actionMessage = (operationId: OperationId, { what, number }: KeystoneAction) => ({
  type: 'operation.keystone-action' as const,
  data: { operationId, what, number },
});

/** The delays between the attempts of an action that reverts a change: 5 s, 10 s … 300 s. */
const REVERT_BACKOFF = { firstMillis: 5000, maxMillis: 300_000 };

/**
 * Retries an action that reverts a change. After the stall timeout the action is dead-lettered. If
 * Keystone refuses to enable the account, the action is dead-lettered immediately, because an
 * operator must act first.
 */
function retryRevert(
  transaction: OperationTransaction,
  keystoneAction: KeystoneAction,
  error: ErrorReport,
  step: StepInput,
): void {
  const { operation } = transaction;
  const attempts = (keystoneAction.failure?.attempts ?? 0) + 1;
  const gaveUp =
    (error.class === 'Denied' && keystoneAction.what === 'enable') ||
    step.now - keystoneAction.since >= step.stallTimeoutMillis;
  const { message, advice, requestId } = error;
  const failure = { message, advice, requestId, attempts, gaveUp };
  transaction.operation = { ...operation, keystoneAction: { ...keystoneAction, failure } };
  const retryMessage = actionMessage(operation.id, keystoneAction);
  if (gaveUp) transaction.deadLetters.push({ message: retryMessage, error });
  else
    transaction.messages.push({
      ...retryMessage,
      delaySeconds: backoffMillis(attempts, REVERT_BACKOFF) / 1000,
    });
}

/**
 * Asks Keystone again after a cancellation during the deletion. The deletion call failed, but may
 * still have deleted the account. Keystone's next answer shows whether the account exists. After a
 * first 404 the next question follows one confirmation interval later.
 */
export function askAgainAfterCancel(
  transaction: OperationTransaction,
  keystoneAction: KeystoneAction,
  error: ErrorReport,
  step: StepInput,
): void {
  const { id, canceled, scope } = transaction.operation;
  const isAbsent = error.code === UNCONFIRMED_ABSENCE_CODE;
  // If the clock was set back since the first 404, its recorded time is in the future.
  const absentSince = Math.min(keystoneAction.absentSince ?? step.now, step.now);
  // If a stop or a hold blocks the action, only a person can end the stop or the hold. The advice
  // then names the command.
  const blockedAdvice = error.class === 'Blocked' && error.advice ? `${error.advice} ` : '';
  transaction.operation = {
    ...transaction.operation,
    ...(isAbsent ? { keystoneAction: { ...keystoneAction, absentSince } } : {}),
    hold: {
      reason: `canceled by ${canceled?.by}: ${canceled?.reason}`,
      since: canceled?.at ?? step.now,
      advice:
        `It is unknown whether Keystone has deleted the ${scope.type}: ${error.message}. ` +
        `${blockedAdvice}Keystone is asked again within a minute.`,
    },
  };
  transaction.messages.push({
    ...actionMessage(id, keystoneAction),
    delaySeconds: isAbsent
      ? delaySecondsUntil(absentSince + step.confirmationIntervalMillis, step)
      : retryDelaySeconds(keystoneAction, step),
  });
}

/** Returns a quarter of the time since the action was requested, from one second to a minute. */
const retryDelaySeconds = ({ since }: KeystoneAction, { now }: StepInput): number =>
  Math.min(MAX_WAIT_SECONDS, Math.max(1, (now - since) / 4000));
