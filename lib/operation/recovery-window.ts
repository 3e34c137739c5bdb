import type { KeystoneActionResult } from './keystone-action-model.ts';
import type { Operation, Recovery } from './model.ts';
import type { OperationWithMessages } from './open-cleanup.ts';
import { moveOperation } from './transitions.ts';

/** The recovery window that a request or the policy asks for. */
export interface RecoveryWindow {
  readonly lengthMillis: number;
  /** For each value, a reminder is published this long before the end of the window. */
  readonly remindMillis: readonly number[];
}

/**
 * The coordinator checks a window after a quarter of the remaining time, and at least every six
 * hours. Each check counts at most 1.25 times its delay as elapsed ({@link withElapsedTime}). Short
 * delays therefore limit the effect of a clock that was set forward.
 */
const MAX_CHECK_MILLIS = 6 * 3_600_000;
const MIN_CHECK_MILLIS = 5000;

/** Returns when the window ends, in epoch milliseconds. */
export const endOfWindow = ({ seenAt, remainingMillis }: Recovery): number =>
  seenAt + remainingMillis;

/** True if the deletion has a recovery window and has removed no resource. */
export const hasWindowAndNoRemoval = ({ recovery, startedAt }: Operation): boolean =>
  recovery !== undefined && startedAt === undefined;

/**
 * True if a cancellation can restore the account: no resource was removed, and Keystone has not
 * answered 404 since it last showed the account.
 */
export const canBeRestored = (operation: Operation): boolean =>
  hasWindowAndNoRemoval(operation) && operation.confirmedAt.length === 0;

/**
 * True if the window has time left and no removal has begun. A 404 of Keystone may then be wrong:
 * the window continues when Keystone shows the account again.
 */
export const hasTimeLeft = ({ recovery, startedAt }: Operation): boolean =>
  recovery !== undefined && recovery.remainingMillis > 0 && startedAt === undefined;

/**
 * Returns the opened cleanup with a recovery window. The operation disables an enabled account now,
 * and asks Keystone at the end of the window. `suspension`: the suspend operation that the request
 * opened. `earlierRecovery`: the window of the operation that this operation replaces.
 */
export function withRecoveryWindow(
  { operation }: OperationWithMessages,
  { lengthMillis, remindMillis }: RecoveryWindow,
  {
    suspension,
    earlierRecovery,
  }: { suspension?: Operation['id']; earlierRecovery?: Recovery | undefined },
  now: number,
): OperationWithMessages {
  const { id, request } = operation;
  const recovery: Recovery = {
    wasEnabled: request?.enabled === true || mayHaveDisabledAccount(earlierRecovery),
    suspension: suspension ?? earlierRecovery?.suspension,
    lengthMillis,
    remainingMillis: lengthMillis,
    seenAt: now,
    checkAfterMillis: 0,
    number: 0,
    reminders: [...new Set(remindMillis)]
      .filter((millis) => millis < lengthMillis)
      .toSorted((one, other) => other - one)
      .map((beforeMillis) => ({ beforeMillis })),
  };
  const windowWithCheck = withNextCheck(recovery);
  const disableAction = { what: 'disable', number: 1 } as const;
  return {
    operation: {
      ...moveOperation(operation, 'recoverable'),
      recovery: windowWithCheck,
      notBefore: endOfWindow(windowWithCheck),
      ...(request?.enabled
        ? { keystoneAction: { ...disableAction, since: now, done: false } }
        : {}),
    },
    messages: [
      ...(request?.enabled
        ? [
            {
              type: 'operation.keystone-action' as const,
              data: { operationId: id, ...disableAction },
            },
          ]
        : []),
      checkMessage(operation, windowWithCheck),
    ],
  };
}

/**
 * True if the operation may have disabled the account for its recovery window. A cancellation then
 * enables the account again. If resources can be removed only with a token on the project, the
 * operation also enables the account after the window.
 */
export const mayHaveDisabledAccount = (recovery: Recovery | undefined): boolean =>
  recovery?.wasEnabled === true && recovery.hasDisabled !== false;

/**
 * Returns the window after an attempt to disable its account:
 *
 * - `hasDisabled` becomes true if a call was sent. Exception: `hasDisabled` is false, and Keystone
 *   showed the account as disabled right before the call. A person has then disabled the account.
 * - `hasDisabled` becomes false if it is unset, no call was sent, and Keystone showed the account
 *   as enabled.
 * - In all other cases the window does not change.
 */
export function recoveryAfterDisableAttempt(
  recovery: Recovery,
  { isSent = true, accountState }: Pick<KeystoneActionResult, 'isSent' | 'accountState'>,
): Recovery {
  const { hasDisabled } = recovery;
  const wasDisabledByPerson = hasDisabled === false && accountState === 'disabled';
  if (isSent && !wasDisabledByPerson) return { ...recovery, hasDisabled: true };
  if (!isSent && hasDisabled === undefined && accountState === 'enabled')
    return { ...recovery, hasDisabled: false };
  return recovery;
}

/**
 * Returns the window with the time of its next check. The check is due at the next reminder, at the
 * end, after a quarter of the remaining time or after six hours, whichever is first.
 */
export function withNextCheck(recovery: Recovery): Recovery {
  const { remainingMillis, reminders, number } = recovery;
  const reminderDelays = reminders
    .filter(({ sentAt }) => sentAt === undefined)
    .map(({ beforeMillis }) => remainingMillis - beforeMillis);
  const quarterMillis = Math.max(MIN_CHECK_MILLIS, remainingMillis / 4);
  const checkAfterMillis = Math.max(
    0,
    Math.min(remainingMillis, MAX_CHECK_MILLIS, quarterMillis, ...reminderDelays),
  );
  return { ...recovery, checkAfterMillis, number: number + 1 };
}

/** Returns the message that makes the coordinator check the window again. */
export const checkMessage = (
  { id }: Pick<Operation, 'id'>,
  { checkAfterMillis, number }: Recovery,
) => ({
  type: 'operation.window' as const,
  data: { operationId: id, number },
  delaySeconds: checkAfterMillis / 1000,
});

/**
 * Returns the window with the remaining time at `now`. At most 1.25 times the requested delay of
 * the check counts as elapsed, even if the check runs much later. A clock that was set forward, or
 * a propagator that was stopped for days, therefore cannot end the window early.
 */
export function withElapsedTime(recovery: Recovery, now: number): Recovery {
  const passedMillis = Math.max(0, now - recovery.seenAt);
  const countedMillis = Math.min(passedMillis, recovery.checkAfterMillis * 1.25);
  return {
    ...recovery,
    remainingMillis: Math.max(0, recovery.remainingMillis - countedMillis),
    seenAt: now,
  };
}
