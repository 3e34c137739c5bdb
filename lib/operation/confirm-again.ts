import type { OperationTransaction, Rules } from './transaction.ts';

const MAX_WAIT_SECONDS = 60;
/**
 * A read right after a change may be stale, because of a database replica or a cache in one worker
 * of Keystone. An answer counts only if it stays the same for this time.
 */
export const SHOWN_FOR_MILLIS = 60_000;

/**
 * Asks Keystone about the account again after `delaySeconds`. The coordinator ignores answers to
 * earlier questions.
 */
export function confirmAgain(transaction: OperationTransaction, delaySeconds: number): void {
  const confirmation = transaction.operation.confirmation + 1;
  transaction.operation = { ...transaction.operation, confirmation };
  transaction.messages.push({
    type: 'operation.confirm',
    data: { operationId: transaction.operation.id, confirmation },
    delaySeconds,
  });
}

/**
 * Returns the seconds until the next question while an external cause blocks the operation: the
 * time since `since`, between one second and one minute.
 */
export const delayWhileBlocked = (since: number, { now }: Rules): number =>
  Math.min(MAX_WAIT_SECONDS, Math.max(1, (now - since) / 1000));

/** Returns the delay in seconds until an answer has been the same for {@link SHOWN_FOR_MILLIS}. */
export const delayWhileShown = (since: number, rules: Rules): number =>
  Math.min(20, Math.max(rules.confirmationIntervalMillis, rules.now - since) / 1000);

/** Returns the delay in seconds until `due`, which is in epoch milliseconds. */
export const delayUntil = (due: number, { now }: Rules): number =>
  Math.max(0.05, (due - now) / 1000);
