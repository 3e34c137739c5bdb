import { finishedMessage, supersede } from './lifecycle.ts';
import type { Operation, Recovery } from './model.ts';
import { hasEnded } from './open.ts';
import { checkMessage, elapsed, endOfWindow, nextCheck } from './recovery-window.ts';
import type { OperationTransaction, Rules } from './transaction.ts';
import { moveOperation } from './transitions.ts';

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
