import type { OperationId } from '../../events/ids.ts';
import { backoffMillis } from '../shared/backoff.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { advance } from './advance.ts';
import { endCanceled } from './cancel.ts';
import { delayUntil } from './confirm-again.ts';
import { applyDomainEnabled } from './domain-begin.ts';
import { continueDomain } from './domain-project.ts';
import { holdOperation } from './limits.ts';
import type { KeystoneAction, KeystoneActionResult } from './model.ts';
import { hasEnded } from './open.ts';
import type { AccountState } from './preflight.ts';
import { invalidateVerifications } from './ready.ts';
import { cancelRecoverable } from './recovery-cancel.ts';
import { afterDisableAttempt, hasTimeLeft, isRecoverable } from './recovery-window.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

const MAX_WAIT_SECONDS = 60;

/** Error code: Keystone shows the account, and its canceled operation does not delete it. */
export const KEPT_AFTER_CANCEL = 'operation.canceled.kept';

/**
 * Error code: Keystone does not show the account of a canceled operation, and has not repeated this
 * answer yet.
 */
export const UNCONFIRMED_ABSENCE = 'operation.canceled.unconfirmed';

/** Error code: the domain has more new resources than its approved plan allows. */
export const DOMAIN_DRIFT = 'operation.domain.drift';

/**
 * Applies the result of a Keystone action. A transient error or a block is retried. Any other error
 * holds the operation, because the next step depends on the action and a person must act. A result
 * of an earlier action is ignored.
 */
export function applyKeystoneAction(
  transaction: OperationTransaction,
  result: KeystoneActionResult,
  step: StepInput,
): void {
  const { number, shown, error, unlisted } = result;
  const { canceled, keystoneAction, state, hold: held } = transaction.operation;
  if (!keystoneAction || keystoneAction.number !== number || keystoneAction.done) return;
  const { recovery } = transaction.operation;
  if (recovery && keystoneAction.what === 'disable' && isRecoverable(transaction.operation))
    transaction.operation = {
      ...transaction.operation,
      recovery: afterDisableAttempt(recovery, result),
    };
  const mayBeCanceled = state === 'recoverable' || state === 'confirming';
  if (canceled && mayBeCanceled) {
    transaction.operation = {
      ...transaction.operation,
      keystoneAction: { ...keystoneAction, done: true },
    };
    cancelRecoverable(transaction, canceled, step);
    return;
  }
  if (canceled && state === 'closing' && error) {
    if (error.code === KEPT_AFTER_CANCEL) endCanceled(transaction, canceled, [], step);
    else askAgainAfterCancel(transaction, keystoneAction, error, step);
    return;
  }
  if (
    error &&
    keystoneAction.what === 'delete' &&
    shown === 'enabled' &&
    invalidateVerifications(transaction)
  ) {
    // The project was enabled again, so users may have created resources since. The tasks list them
    // before the next attempt.
    transaction.operation = moveOperation(
      { ...transaction.operation, keystoneAction: { ...keystoneAction, done: true } },
      'running',
    );
    advance(transaction, step);
  } else if (error) applyFailure(transaction, keystoneAction, error, step);
  else {
    transaction.operation = {
      ...transaction.operation,
      keystoneAction: { ...keystoneAction, done: true, failure: undefined },
      // The end of an operation keeps its reason.
      hold: ['held', 'canceled', 'refused'].includes(state) ? held : undefined,
      ...(unlisted ? unverifiedFields(unlisted, step.now) : {}),
    };
    // Keystone gives no token on a disabled or deleted project. The operation therefore continues
    // as after a deletion. No user can create resources, so the verifications remain valid.
    const givesNoToken =
      keystoneAction.what === 'disable' ||
      (keystoneAction.what === 'assign-role' && shown === 'absent');
    if (transaction.operation.scope.type === 'domain') continueDomain(transaction);
    else if (givesNoToken && state === 'pre-delete')
      transaction.operation = moveOperation(transaction.operation, 'running');
    if (keystoneAction.what === 'enable') afterEnable(transaction, shown, step);
    advance(transaction, step);
  }
}

/**
 * Asks Keystone again after a cancellation during the deletion. A call without an answer may have
 * deleted the account. Keystone's next answer shows whether the account exists. After a first 404
 * the next question waits for one confirmation interval.
 */
function askAgainAfterCancel(
  transaction: OperationTransaction,
  keystoneAction: KeystoneAction,
  error: ErrorReport,
  step: StepInput,
): void {
  const { id, canceled, scope } = transaction.operation;
  const isAbsent = error.code === UNCONFIRMED_ABSENCE;
  // A time in the future was recorded before the clock was set back.
  const absentSince = Math.min(keystoneAction.absentSince ?? step.now, step.now);
  // Only a person can end a stop or a hold.
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
      ? delayUntil(absentSince + step.confirmationIntervalMillis, step)
      : retryDelaySeconds(keystoneAction, step),
  });
}

const retryDelaySeconds = ({ since }: KeystoneAction, { now }: StepInput): number =>
  Math.min(MAX_WAIT_SECONDS, Math.max(1, (now - since) / 4000));

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
 * Continues after the account was enabled. After a cancellation the suspension is undone. Otherwise
 * phase `pre-delete` begins, or the domain opens its projects.
 */
function afterEnable(
  transaction: OperationTransaction,
  shown: AccountState | undefined,
  step: StepInput,
): void {
  const { id, scope, state } = transaction.operation;
  if (scope.type === 'domain' && !hasEnded(transaction.operation))
    applyDomainEnabled(transaction, shown, step);
  else if (state === 'pre-delete') transaction.requestKeystoneAction('assign-role', step.now);
  else transaction.messages.push({ type: 'operation.undo', data: { operationId: id } });
}

export const ACTION_TEXTS: Readonly<Record<KeystoneAction['what'], string>> = {
  'assign-role': 'taking a role on',
  'revoke-role': 'revoking the role on',
  disable: 'disabling',
  enable: 'enabling',
  delete: 'deleting',
};

function applyFailure(
  transaction: OperationTransaction,
  keystoneAction: KeystoneAction,
  error: ErrorReport,
  step: StepInput,
): void {
  const { scope, state } = transaction.operation;
  // The revocation must succeed in any state of the operation. The enabling must succeed after a
  // cancellation or a refusal.
  const mustSucceed =
    keystoneAction.what === 'revoke-role' ||
    (keystoneAction.what === 'enable' && (state === 'canceled' || state === 'refused'));
  if (mustSucceed) {
    retryRevert(transaction, keystoneAction, error, step);
    return;
  }
  const isStopped = error.class === 'Blocked';
  const reason =
    `${ACTION_TEXTS[keystoneAction.what]} the ${scope.type} in Keystone ` +
    `${isStopped ? 'waits' : 'failed'}: ${error.message}`;
  // At the end of a recovery window a domain is enabled before anything of it is removed.
  const isBeforeRemovals =
    state === 'recoverable' || (state === 'confirming' && keystoneAction.what === 'enable');
  // Only a requested domain has an action in state `waiting`.
  const isUnderWay = isBeforeRemovals || ['pre-delete', 'closing', 'waiting'].includes(state);
  // If the window has time left, Keystone's 404 may be wrong, and the project must still be
  // disabled. If it has none, a person released the window. The operation then continues with an
  // enabled project, and no cancellation waits for the call.
  const isDisableOfWindow = keystoneAction.what === 'disable' && state === 'confirming';
  if (isDisableOfWindow && !hasTimeLeft(transaction.operation))
    transaction.operation = {
      ...transaction.operation,
      keystoneAction: { ...keystoneAction, done: true },
    };
  if (!isUnderWay && !(isDisableOfWindow && hasTimeLeft(transaction.operation))) return;
  const isRetried = isStopped || error.class === 'Transient' || error.class === 'Gone';
  // `Gone`: another client deleted the project. The next attempt finds no project and succeeds.
  // Before the first removal every failure is retried, because no other step depends on the action.
  if (isUnderWay && !isBeforeRemovals && !isRetried) {
    const about = error.code === DOMAIN_DRIFT ? 'drift' : 'keystoneAction';
    holdOperation(transaction, reason, step.now, { about, advice: error.advice });
    return;
  }
  if (isUnderWay)
    transaction.operation = {
      ...transaction.operation,
      hold: {
        reason,
        since: keystoneAction.since,
        advice: error.advice,
        ...(isStopped || !isRetried ? { about: 'keystoneAction' } : {}),
      },
    };
  const delaySeconds = retryDelaySeconds(keystoneAction, step);
  transaction.messages.push({
    ...actionMessage(transaction.operation.id, keystoneAction),
    delaySeconds,
  });
}

const actionMessage = (operationId: OperationId, { what, number }: KeystoneAction) => ({
  type: 'operation.keystone-action' as const,
  data: { operationId, what, number },
});

/** The delays between the attempts of an action that reverts a change: 5 s, 10 s … 300 s. */
const BACKOFF = { firstMillis: 5000, maxMillis: 300_000 };

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
  const again = actionMessage(operation.id, keystoneAction);
  if (gaveUp) transaction.deadLetters.push({ message: again, error });
  else
    transaction.messages.push({ ...again, delaySeconds: backoffMillis(attempts, BACKOFF) / 1000 });
}
