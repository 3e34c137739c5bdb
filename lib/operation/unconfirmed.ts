import type { ErrorReport } from '../shared/errors.ts';
import {
  delaySecondsWhileBlocked,
  delaySecondsWhileUnchanged,
  requestNextConfirmation,
  SAME_ANSWER_MILLIS,
} from './confirm-again.ts';
import { refuseOperation } from './ended.ts';
import type { KeystoneAnswer } from './keystone-answer.ts';
import { MISSING_REGION_CODE } from './registry.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';

/**
 * Applies an uncertain answer: Keystone has not shown the account, and has not answered 404. The
 * operation asks Keystone again, and shows the error as the reason.
 */
export function applyUnknownAnswer(
  transaction: OperationTransaction,
  error: ErrorReport,
  step: StepInput,
): void {
  const { operation } = transaction;
  // `keystone.id.hidden` means that the id contains a slash. Keystone cannot be asked about an id
  // with a slash, so a retry does not help. All other errors are retried, because an operator can
  // correct their causes, for example a proxy that answers 405.
  if (error.code === 'keystone.id.hidden' && operation.state === 'confirming') {
    transaction.operation = refuseOperation(operation, error.message, step.now);
    return;
  }
  const since = operation.hold?.since ?? step.now;
  transaction.operation = {
    ...operation,
    hold: {
      reason:
        error.code === MISSING_REGION_CODE
          ? error.message
          : `Keystone gave no certain answer: ${error.message}`,
      since,
      advice: error.advice,
    },
  };
  requestNextConfirmation(transaction, delaySecondsWhileBlocked(since, step));
}

/**
 * Lets the operation wait, because Keystone would refuse the deletion. The operation has removed
 * nothing yet. It continues automatically when Keystone would allow the deletion.
 */
export function applyBlockedAnswer(
  transaction: OperationTransaction,
  { message, advice }: Extract<KeystoneAnswer, { kind: 'blocked' }>,
  step: StepInput,
): void {
  const { operation } = transaction;
  const since = operation.hold?.since ?? step.now;
  const reason = `nothing was removed: Keystone would refuse to delete the project: ${message}`;
  transaction.operation = {
    ...operation,
    hold: { reason, since, advice, about: 'keystoneAction' },
  };
  requestNextConfirmation(transaction, delaySecondsWhileBlocked(since, step));
}

/**
 * Applies an answer that shows the account although its deletion was announced. The operation is
 * refused if Keystone repeats this answer for {@link SAME_ANSWER_MILLIS}.
 */
export function applyContradictingAnswer(
  transaction: OperationTransaction,
  reason: string,
  step: StepInput,
): void {
  const { operation } = transaction;
  // If the clock was set back, the recorded time is in the future.
  const since = Math.min(
    operation.hold?.reason === reason ? operation.hold.since : step.now,
    step.now,
  );
  if (step.now - since >= SAME_ANSWER_MILLIS) {
    transaction.operation = refuseOperation(operation, reason, step.now);
    return;
  }
  const advice =
    'The answer may be stale, or the notification forged. Nothing is removed. The propagator ' +
    'asks Keystone again for one minute.';
  // Keystone shows the account, so an earlier 404 does not count.
  transaction.operation = { ...operation, confirmedAt: [], hold: { reason, since, advice } };
  requestNextConfirmation(transaction, delaySecondsWhileUnchanged(since, step));
}
