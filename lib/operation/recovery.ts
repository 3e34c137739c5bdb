import type { KeystoneActionResult } from './keystone-action-model.ts';
import { finishedMessage, supersede } from './lifecycle.ts';
import type { Operation, Recovery } from './model.ts';
import { hasEnded, type Opened } from './open.ts';
import type { OperationTransaction, Rules } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/** The recovery window that a request, or the policy, names. Times are milliseconds. */
export interface Window {
  readonly lengthMillis: number;
  /** How long before the end a reminder is published. */
  readonly remindMillis: readonly number[];
}

/**
 * The coordinator checks a window after a quarter of the remaining time, and at least every six
 * hours. A clock that was set forward therefore cannot end a window at once.
 */
const MAX_CHECK_MILLIS = 6 * 3_600_000;
const MIN_NAP_MILLIS = 5000;

/** Returns when the window ends, in epoch milliseconds. */
export const endOfWindow = ({ seenAt, remainingMillis }: Recovery): number =>
  seenAt + remainingMillis;

/** True if a cancellation can restore the account, because no resource was removed. */
export const isRecoverable = ({ recovery, startedAt }: Operation): boolean =>
  recovery !== undefined && startedAt === undefined;

/** True if a cancellation can put everything back, and Keystone has not answered 404 meanwhile. */
export const canBePutBack = (operation: Operation): boolean =>
  isRecoverable(operation) && operation.confirmedAt.length === 0;

/**
 * True if the window has not ended. If Keystone answers 404 now, the answer may be wrong, and the
 * window continues when Keystone shows the project again.
 */
export const hasTimeLeft = ({ recovery, startedAt }: Operation): boolean =>
  recovery !== undefined && recovery.remainingMillis > 0 && startedAt === undefined;

/**
 * Returns the opened cleanup with a recovery window. The account is disabled now, and Keystone is
 * asked at the end of the window. `earlier`: the window of an operation that this one replaces.
 */
export function withWindow(
  { operation }: Opened,
  { lengthMillis, remindMillis }: Window,
  { suspension, earlier }: { suspension?: Operation['id']; earlier?: Recovery | undefined },
  now: number,
): Opened {
  const { id, request } = operation;
  const recovery: Recovery = {
    wasEnabled: request?.enabled === true || mustEnable(earlier),
    suspension: suspension ?? earlier?.suspension,
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
  const next = nextCheck(recovery);
  const disable = { what: 'disable', number: 1 } as const;
  return {
    operation: {
      ...moveOperation(operation, 'recoverable'),
      recovery: next,
      notBefore: endOfWindow(next),
      ...(request?.enabled ? { keystoneAction: { ...disable, since: now, done: false } } : {}),
    },
    messages: [
      ...(request?.enabled
        ? [{ type: 'operation.keystone-action' as const, data: { operationId: id, ...disable } }]
        : []),
      checkMessage(operation, next),
    ],
  };
}

/**
 * True if the window has disabled the account, so that a cancellation or the removal enables it
 * again.
 */
export const mustEnable = (recovery: Recovery | undefined): boolean =>
  recovery?.wasEnabled === true && recovery.hasDisabled !== false;

/**
 * Returns the window after an attempt to disable its account. If a call was stopped and Keystone
 * shows the account as disabled before the next call, a person has disabled the account.
 */
export function disableTried(
  recovery: Recovery,
  { isSent = true, shown }: Pick<KeystoneActionResult, 'isSent' | 'shown'>,
): Recovery {
  const { hasDisabled } = recovery;
  if (!isSent)
    return hasDisabled === undefined && shown === 'enabled'
      ? { ...recovery, hasDisabled: false }
      : recovery;
  const wasDisabledBefore = hasDisabled === false && shown === 'disabled';
  return wasDisabledBefore ? recovery : { ...recovery, hasDisabled: true };
}

/** Returns the window with the time of its next check: the next reminder, the end, or earlier. */
function nextCheck(recovery: Recovery): Recovery {
  const { remainingMillis, reminders, number } = recovery;
  const untilReminder = reminders
    .filter(({ sentAt }) => sentAt === undefined)
    .map(({ beforeMillis }) => remainingMillis - beforeMillis);
  const quarter = Math.max(MIN_NAP_MILLIS, remainingMillis / 4);
  const checkAfterMillis = Math.max(
    0,
    Math.min(remainingMillis, MAX_CHECK_MILLIS, quarter, ...untilReminder),
  );
  return { ...recovery, checkAfterMillis, number: number + 1 };
}

const checkMessage = ({ id }: Pick<Operation, 'id'>, { checkAfterMillis, number }: Recovery) => ({
  type: 'operation.window' as const,
  data: { operationId: id, number },
  delaySeconds: checkAfterMillis / 1000,
});

/**
 * Returns the window at `now`. Of the time since the last check, at most the requested delay plus a
 * quarter counts. A changed clock, or a propagator that was stopped for days, therefore cannot make
 * the window shorter.
 */
function elapsed(recovery: Recovery, now: number): Recovery {
  const counted = Math.min(Math.max(0, now - recovery.seenAt), recovery.checkAfterMillis * 1.25);
  return {
    ...recovery,
    remainingMillis: Math.max(0, recovery.remainingMillis - counted),
    seenAt: now,
  };
}

/**
 * Checks the window: publishes the reminders that are due, and ends the window when it is over. A
 * message of an earlier check is ignored, so each reminder is published once.
 */
export function applyWindow(
  transaction: OperationTransaction,
  number: number,
  lifecycles: readonly Operation[],
  rules: Rules,
): void {
  const { operation } = transaction;
  if (operation.state !== 'recoverable' || operation.recovery?.number !== number) return;
  if (operation.canceled) return;
  const recovery = elapsed(operation.recovery, rules.now);
  const isOver = recovery.remainingMillis <= 0;
  const isDue = ({ beforeMillis, sentAt }: Recovery['reminders'][number]): boolean =>
    sentAt === undefined && recovery.remainingMillis <= beforeMillis;
  const due = isOver ? [] : recovery.reminders.filter(isDue);
  const reminders = recovery.reminders.map((one) =>
    due.includes(one) ? { ...one, sentAt: rules.now } : one,
  );
  const { id, scope } = operation;
  const endsAt = endOfWindow(recovery);
  if (scope.type !== 'user')
    for (const { beforeMillis } of due)
      transaction.messages.push({
        type: 'operation.due',
        data: {
          operationId: id,
          ...(scope.type === 'project' ? { project: scope.id } : { domain: scope.id }),
          ...(scope.name === undefined ? {} : { name: scope.name }),
          endsAt,
          beforeSeconds: beforeMillis / 1000,
        },
      });
  const next = nextCheck({ ...recovery, reminders });
  transaction.operation = { ...operation, recovery: next, notBefore: endsAt };
  if (isOver) endWindow(transaction, lifecycles, rules);
  else transaction.messages.push(checkMessage(operation, next));
}

/**
 * Ends the window. The operation continues like a request without a window: it asks Keystone,
 * counts the resources and compares them with the approved plan. It supersedes the suspension.
 * After a 404 the remaining time is kept (see {@link hasTimeLeft}).
 */
export function endWindow(
  transaction: OperationTransaction,
  lifecycles: readonly Operation[],
  rules: Rules,
): void {
  const { operation } = transaction;
  const { id, keystoneAction, request } = operation;
  const isDisabled = keystoneAction?.what === 'disable' && keystoneAction.done;
  const confirmation = operation.confirmation + 1;
  transaction.operation = {
    ...moveOperation(operation, 'confirming'),
    confirmation,
    notBefore: rules.now,
    ...(request && isDisabled ? { request: { ...request, enabled: false } } : {}),
  };
  transaction.messages.push({ type: 'operation.confirm', data: { operationId: id, confirmation } });
  for (const one of lifecycles.filter((lifecycle) => !hasEnded(lifecycle))) {
    const ended = supersede(one, `${id} cleans up the ${one.scope.type}`, rules.now);
    transaction.alsoPut(ended);
    transaction.messages.push(...finishedMessage(ended));
  }
}

/**
 * Continues the window after a wrong 404, because Keystone shows the project again. The time since
 * the 404 counts as part of the window.
 */
export function resumeWindow(transaction: OperationTransaction, rules: Rules): void {
  const { operation } = transaction;
  const { id, recovery } = operation;
  if (!recovery) throw new TypeError(`${id}: the operation has no recovery window`);
  const next = nextCheck(elapsed(recovery, rules.now));
  transaction.operation = {
    ...moveOperation(operation, 'recoverable'),
    recovery: next,
    hold: undefined,
    confirmedAt: [],
    confirmation: operation.confirmation + 1,
    notBefore: endOfWindow(next),
  };
  transaction.messages.push(checkMessage(operation, next));
}

/** Interval of the checks while the window is over and the project is enabled. */
const ENABLED_CHECK_MILLIS = 60_000;

/**
 * Waits at the end of the window, because Keystone shows the account as enabled although it was
 * disabled (safety rule "Keystone decides"). The removal begins when the account is disabled again.
 */
export function waitWhileEnabled(transaction: OperationTransaction, rules: Rules): void {
  const { operation } = transaction;
  const { hold, id, recovery, scope } = operation;
  if (!recovery) throw new TypeError(`${id}: the operation has no recovery window`);
  const next = {
    ...recovery,
    remainingMillis: 0,
    seenAt: rules.now,
    checkAfterMillis: ENABLED_CHECK_MILLIS,
    number: recovery.number + 1,
  };
  transaction.operation = {
    ...moveOperation(operation, 'recoverable'),
    recovery: next,
    hold: {
      reason: `the recovery window is over, and Keystone shows the ${scope.type} as enabled again`,
      since: hold?.about === 'enabled' ? hold.since : rules.now,
      advice:
        `Nothing is removed. To delete it: openstack ${scope.type} set --disable ${scope.id}; ` +
        'the operation continues within a minute. To keep it: propagator operation cancel ' +
        `${id} --reason "…"`,
      about: 'enabled',
    },
  };
  transaction.messages.push(checkMessage(operation, next));
}

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
