import type { ErrorReport } from '../shared/errors.ts';
import {
  confirmAgain,
  delayWhileBlocked,
  delayWhileShown,
  SHOWN_FOR_MILLIS,
} from './confirm-again.ts';
import type { KeystoneAnswer } from './keystone-answer.ts';
import { refuse } from './open.ts';
import { REGION_CODE } from './registry.ts';
import type { OperationTransaction, Rules } from './transaction.ts';

export function applyUnknown(
  transaction: OperationTransaction,
  error: ErrorReport,
  rules: Rules,
): void {
  const { operation } = transaction;
  // Keystone cannot be asked about an id with a slash, so a retry does not help. An operator can
  // correct the causes of all other errors, for example a proxy that answers 405.
  if (error.code === 'keystone.id.hidden' && operation.state === 'confirming') {
    transaction.operation = refuse(operation, error.message, rules.now);
    return;
  }
  const since = operation.hold?.since ?? rules.now;
  transaction.operation = {
    ...operation,
    hold: {
      reason:
        error.code === REGION_CODE
          ? error.message
          : `Keystone gave no certain answer: ${error.message}`,
      since,
      advice: error.advice,
    },
  };
  confirmAgain(transaction, delayWhileBlocked(since, rules));
}

/**
 * Holds an operation that has removed nothing yet. The operation continues automatically when
 * Keystone would allow the deletion.
 */
export function applyBlocked(
  transaction: OperationTransaction,
  { message, advice }: Extract<KeystoneAnswer, { kind: 'blocked' }>,
  rules: Rules,
): void {
  const { operation } = transaction;
  const since = operation.hold?.since ?? rules.now;
  const reason = `nothing was removed: Keystone would refuse to delete the project: ${message}`;
  transaction.operation = {
    ...operation,
    hold: { reason, since, advice, about: 'keystoneAction' },
  };
  confirmAgain(transaction, delayWhileBlocked(since, rules));
}

export function applyPresent(
  transaction: OperationTransaction,
  reason: string,
  rules: Rules,
): void {
  const { operation } = transaction;
  // If the clock was set back, the recorded time is in the future.
  const since = Math.min(
    operation.hold?.reason === reason ? operation.hold.since : rules.now,
    rules.now,
  );
  if (rules.now - since >= SHOWN_FOR_MILLIS) {
    transaction.operation = refuse(operation, reason, rules.now);
    return;
  }
  // Keystone shows the account, so an earlier 404 does not count.
  const advice =
    'The answer may be stale, or the notification forged. Nothing is removed. Keystone is ' +
    'asked again for one minute.';
  transaction.operation = { ...operation, confirmedAt: [], hold: { reason, since, advice } };
  confirmAgain(transaction, delayWhileShown(since, rules));
}
