import type { Operation } from './model.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';

const MAX_WAIT_SECONDS = 60;
/**
 * Right after a change in Keystone, an answer may be stale, because a database replica or the cache
 * of one worker still has the old state. An answer that contradicts an operation therefore ends the
 * operation only if Keystone repeats the answer for this time.
 */
export const SAME_ANSWER_MILLIS = 60_000;

/**
 * Asks Keystone about the account again after `delaySeconds`. An answer to an earlier question is
 * ignored.
 */
export function requestNextConfirmation(
  transaction: OperationTransaction,
  delaySeconds: number,
): void {
  const questionNumber = transaction.operation.confirmation + 1;
  transaction.operation = { ...transaction.operation, confirmation: questionNumber };
  transaction.messages.push({ ...confirmMessage(transaction.operation), delaySeconds });
}

/**
 * Returns `confirmedAt` after one more answer that confirms the change: the times of the first and
 * of the newest answer.
 */
export const confirmingAnswerTimes = ([firstAnswerAt]: readonly number[], now: number): number[] =>
  firstAnswerAt === undefined ? [now] : [firstAnswerAt, now];

/**
 * Asks Keystone again when its next answer can confirm the operation: after the grace period, and
 * at least `intervalMillis` after the first answer that is recorded in the operation.
 */
export function requestConfirmingAnswer(
  transaction: OperationTransaction,
  intervalMillis: number,
  step: StepInput,
): void {
  const { confirmedAt, notBefore } = transaction.operation;
  const [firstAnswerAt = step.now] = confirmedAt;
  const dueAt = Math.max(notBefore, firstAnswerAt + intervalMillis);
  requestNextConfirmation(transaction, delaySecondsUntil(dueAt, step));
}

/**
 * Returns the message that makes the operation ask Keystone, and then continue. The message names
 * the number of the operation's newest question.
 */
export const confirmMessage = ({ id, confirmation: questionNumber }: Operation) => ({
  type: 'operation.confirm' as const,
  data: { operationId: id, confirmation: questionNumber },
});

/**
 * Returns the delay in seconds of the next question to Keystone while an external cause blocks the
 * operation. `since`: when the block began. The delay is as long as the block has lasted, but at
 * least one second and at most one minute.
 */
export const delaySecondsWhileBlocked = (since: number, { now }: StepInput): number =>
  Math.min(MAX_WAIT_SECONDS, Math.max(1, (now - since) / 1000));

/**
 * Returns the delay in seconds of the next question to Keystone while Keystone must repeat an
 * answer for {@link SAME_ANSWER_MILLIS}. `since`: when Keystone first gave the answer.
 */
export const delaySecondsWhileUnchanged = (since: number, step: StepInput): number =>
  Math.min(20, Math.max(step.confirmationIntervalMillis, step.now - since) / 1000);

/** Returns the delay in seconds until `dueAt`, which is in epoch milliseconds. */
export const delaySecondsUntil = (dueAt: number, { now }: StepInput): number =>
  Math.max(0.05, (dueAt - now) / 1000);
