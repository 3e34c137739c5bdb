import type { OutgoingMessage } from '../../events/index.ts';
import { hasEnded } from './ended.ts';
import { finishedMessages, supersede } from './lifecycle.ts';
import type { Operation, Recovery } from './model.ts';
import { checkMessage, endOfWindow, withElapsedTime, withNextCheck } from './recovery-window.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/**
 * Applies check number `number` of the recovery window. Publishes the reminders that are due, and
 * ends the window when its time is over. A message about an earlier check is ignored, so each
 * reminder is published once. `suspendsAndResumes`: the suspend and resume operations of the
 * account.
 */
export function applyWindowCheck(
  transaction: OperationTransaction,
  number: number,
  suspendsAndResumes: readonly Operation[],
  step: StepInput,
): void {
  const { operation } = transaction;
  if (operation.state !== 'recoverable' || operation.recovery?.number !== number) return;
  if (operation.canceled) return;
  const recovery = withElapsedTime(operation.recovery, step.now);
  const isOver = recovery.remainingMillis <= 0;
  const dueReminders = isOver ? [] : dueRemindersOf(recovery);
  const reminders = recovery.reminders.map((one) =>
    dueReminders.includes(one) ? { ...one, sentAt: step.now } : one,
  );
  const endsAt = endOfWindow(recovery);
  transaction.messages.push(...reminderMessages(operation, dueReminders, endsAt));
  const nextWindow = withNextCheck({ ...recovery, reminders });
  transaction.operation = { ...operation, recovery: nextWindow, notBefore: endsAt };
  if (isOver) endWindow(transaction, suspendsAndResumes, step);
  else transaction.messages.push(checkMessage(operation, nextWindow));
}

/** Returns the reminders whose time has come and that were not published. */
const dueRemindersOf = ({ remainingMillis, reminders }: Recovery): Recovery['reminders'] =>
  reminders.filter(
    ({ beforeMillis, sentAt }) => sentAt === undefined && remainingMillis <= beforeMillis,
  );

/** Returns the messages that publish the reminders. A user has no recovery window. */
function reminderMessages(
  { id, scope }: Operation,
  reminders: Recovery['reminders'],
  endsAt: number,
): OutgoingMessage[] {
  if (scope.type === 'user') return [];
  return reminders.map(({ beforeMillis }) => ({
    type: 'operation.due',
    data: {
      operationId: id,
      ...(scope.type === 'project' ? { project: scope.id } : { domain: scope.id }),
      ...(scope.name === undefined ? {} : { name: scope.name }),
      endsAt,
      beforeSeconds: beforeMillis / 1000,
    },
  }));
}

/**
 * Ends the window, and supersedes the operations in `suspendsAndResumes` that have not ended. The
 * operation continues like a request without a window: it asks Keystone, counts the resources and
 * compares them with the approved plan. A 404 of Keystone also ends the window before its time. The
 * remaining time is then kept, because the 404 may be wrong (see `hasTimeLeft`).
 */
export function endWindow(
  transaction: OperationTransaction,
  suspendsAndResumes: readonly Operation[],
  step: StepInput,
): void {
  const { operation } = transaction;
  const { id, keystoneAction, request } = operation;
  const isDisabled = keystoneAction?.what === 'disable' && keystoneAction.done;
  const confirmation = operation.confirmation + 1;
  transaction.operation = {
    ...moveOperation(operation, 'confirming'),
    confirmation,
    notBefore: step.now,
    ...(request && isDisabled ? { request: { ...request, enabled: false } } : {}),
  };
  transaction.messages.push({ type: 'operation.confirm', data: { operationId: id, confirmation } });
  for (const one of suspendsAndResumes.filter((lifecycle) => !hasEnded(lifecycle))) {
    const endedLifecycle = supersede(one, `${id} cleans up the ${one.scope.type}`, step.now);
    transaction.putOtherOperation(endedLifecycle);
    transaction.messages.push(...finishedMessages(endedLifecycle));
  }
}

/**
 * Continues the window after a wrong 404, because Keystone shows the account again. The time since
 * the 404 counts as part of the window.
 */
export function resumeWindow(transaction: OperationTransaction, step: StepInput): void {
  const { operation } = transaction;
  const { id, recovery } = operation;
  if (!recovery) throw new TypeError(`${id}: the operation has no recovery window`);
  const nextWindow = withNextCheck(withElapsedTime(recovery, step.now));
  transaction.operation = {
    ...moveOperation(operation, 'recoverable'),
    recovery: nextWindow,
    hold: undefined,
    confirmedAt: [],
    confirmation: operation.confirmation + 1,
    notBefore: endOfWindow(nextWindow),
  };
  transaction.messages.push(checkMessage(operation, nextWindow));
}

/** The interval of the checks after the end of the window while the account is enabled. */
const ENABLED_CHECK_MILLIS = 60_000;

/**
 * Waits after the end of the window, because Keystone shows the account as enabled again (safety
 * rule "Keystone decides"). The removal begins when Keystone shows the account as disabled.
 */
export function waitWhileEnabled(transaction: OperationTransaction, step: StepInput): void {
  const { operation } = transaction;
  const { hold, id, recovery, scope } = operation;
  if (!recovery) throw new TypeError(`${id}: the operation has no recovery window`);
  const nextWindow = {
    ...recovery,
    remainingMillis: 0,
    seenAt: step.now,
    checkAfterMillis: ENABLED_CHECK_MILLIS,
    number: recovery.number + 1,
  };
  transaction.operation = {
    ...moveOperation(operation, 'recoverable'),
    recovery: nextWindow,
    hold: {
      reason: `the recovery window is over, and Keystone shows the ${scope.type} as enabled again`,
      since: hold?.about === 'enabled' ? hold.since : step.now,
      advice:
        `Nothing is removed. To delete it: openstack ${scope.type} set --disable ${scope.id}; ` +
        'the operation continues within a minute. To keep it: propagator operation cancel ' +
        `${id} --reason "…"`,
      about: 'enabled',
    },
  };
  transaction.messages.push(checkMessage(operation, nextWindow));
}
