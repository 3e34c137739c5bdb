import { Account } from '../../events/account.ts';
import { confirmMessage } from './confirm-again.ts';
import { mustWaitForChildProjects } from './domain-project.ts';
import { applyWaivers, leftoversOf } from './leftovers.ts';
import { holdAtHourlyCap, holdAtResourceLimit, holdOperation } from './limits.ts';
import type { Hold, Operation, Task } from './model.ts';
import { hasTaskEnded } from './overtaking.ts';
import { requestPreDeleteRuns, requestReadyRuns } from './ready.ts';
import { mayHaveDisabledAccount } from './recovery-window.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/**
 * True if an administrator requested the operation and Keystone has not answered 404 for the
 * project. The operation then disables and deletes the project itself.
 */
export const isRequestedOnLivingProject = (operation: Operation): boolean =>
  operation.request !== undefined && operation.confirmedAt.length === 0;

/**
 * Advances an operation as far as possible now: starts it, requests runs of its tasks, or ends it.
 * Called after every change of the operation or of its tasks.
 */
export function advanceOperation(transaction: OperationTransaction, step: StepInput): void {
  if (transaction.operation.state === 'confirming') startWhenConfirmed(transaction, step);
  if (transaction.operation.state === 'pre-delete') advancePreDelete(transaction, step);
  if (
    transaction.operation.state === 'running' &&
    !mustWaitForChildProjects(transaction.operation)
  ) {
    if (!holdAtResourceLimit(transaction, step)) requestReadyRuns(transaction, step);
  }
  endWhenDone(transaction, step);
}

/**
 * True if Keystone has confirmed the change and the operation may begin (safety rule "Keystone
 * decides"). Keystone must give the same answer twice, with the confirmation interval between the
 * answers, and the grace period must be over. The answer for a deletion is 404. A deletion
 * that an administrator requested needs no 404: it is confirmed when Keystone has shown the project
 * once and the order of its tasks is stored.
 */
export function isConfirmed(operation: Operation, step: StepInput): boolean {
  if (isRequestedOnLivingProject(operation)) return operation.order.length > 0;
  const [first, last] = [operation.confirmedAt.at(0), operation.confirmedAt.at(-1)];
  if (first === undefined || last === undefined || step.now < operation.notBefore) return false;
  // One answer that shows the project is enough for a provision, because a provision only adds.
  return operation.action === 'provision' || last - first >= step.confirmationIntervalMillis;
}

/**
 * Starts a confirmed operation when the first count of each service has ended. In mode `observe`
 * the operation ends instead.
 */
function startWhenConfirmed(transaction: OperationTransaction, step: StepInput): void {
  const { operation } = transaction;
  if (!isConfirmed(operation, step)) return;
  if (operation.mode === 'observe') {
    if (transaction.tasks.every(hasTaskEnded))
      transaction.operation = { ...moveOperation(operation, 'observed'), endedAt: step.now };
    return;
  }
  if (transaction.tasks.some(awaitsFirstCount)) return;
  if (holdAtHourlyCap(transaction, step)) return;
  if (!holdAtResourceLimit(transaction, step)) beginChanges(transaction, step.now);
}

/**
 * True until the first run of the task has reported the count of its resources. If this run fails,
 * the operation starts without this count (safety rule "One stuck project stops no other").
 */
const awaitsFirstCount = ({ run, sequence, state }: Task): boolean =>
  state === 'planning' && sequence === 0 && run === 1;

/**
 * Begins the part of the operation that makes changes. A requested operation begins with state
 * `pre-delete` in two cases: its project is enabled, or its recovery window has disabled the
 * project and a task still needs the enabled project. Every other operation begins with state
 * `running`.
 */
export function beginChanges(transaction: OperationTransaction, now: number): void {
  const { operation } = transaction;
  const isEnabled = operation.request?.enabled === true;
  // The recovery window has disabled the project. Some resources can be removed only with a token
  // on the enabled project, so the operation enables the project again.
  const mustEnable =
    !isEnabled &&
    mayHaveDisabledAccount(operation.recovery) &&
    transaction.tasks.some((task) => task.preDelete === 'due' && !hasTaskEnded(task));
  const hasPreDelete = isRequestedOnLivingProject(operation) && (isEnabled || mustEnable);
  transaction.operation = {
    ...moveOperation(operation, hasPreDelete ? 'pre-delete' : 'running'),
    startedAt: operation.startedAt ?? now,
  };
  if (hasPreDelete) transaction.requestKeystoneAction(mustEnable ? 'enable' : 'assign-role', now);
}

/**
 * Requests the pre-delete runs once the propagator has a role on the project. Disables the project
 * when all these runs have ended.
 */
function advancePreDelete(transaction: OperationTransaction, step: StepInput): void {
  const { keystoneAction } = transaction.operation;
  if (keystoneAction?.what !== 'assign-role' || !keystoneAction.done) return;
  if (holdAtResourceLimit(transaction, step)) {
    transaction.requestKeystoneAction('revoke-role', step.now);
    return;
  }
  requestPreDeleteRuns(transaction, step);
  if (transaction.tasks.every((task) => task.preDelete !== 'due' || hasTaskEnded(task)))
    transaction.requestKeystoneAction('disable', step.now);
}

/**
 * Ends the operation when all its tasks have ended. A requested operation first deletes its project
 * in Keystone.
 */
function endWhenDone(transaction: OperationTransaction, step: StepInput): void {
  const { operation } = transaction;
  const { keystoneAction, state } = operation;
  if (state === 'closing' && keystoneAction?.what === 'delete' && keystoneAction.done) {
    endOperation(transaction, operation.isUnverified ? operation.hold : undefined, step);
    return;
  }
  // An operation without tasks also ends here: no service can have resources of its account.
  const isDone =
    state === 'running' &&
    !mustWaitForChildProjects(operation) &&
    operation.order.every(({ id }) => hasTaskEnded(transaction.task(id)));
  if (!isDone) return;
  if (isRequestedOnLivingProject(operation)) beginClosing(transaction, step);
  else endOperation(transaction, undefined, step);
}

/**
 * Ends the operation as `unverified` if resources may be left, otherwise as `finished`. `hold`: the
 * reason that the ended operation shows.
 */
function endOperation(
  transaction: OperationTransaction,
  hold: Hold | undefined,
  step: StepInput,
): void {
  const { operation, tasks } = transaction;
  const { unwaived, usedWaivers } = applyWaivers(leftoversOf(operation, tasks), step.waivers);
  const isUnverified = unwaived.length > 0 || operation.isUnverified;
  transaction.operation = {
    ...moveOperation(operation, isUnverified ? 'unverified' : 'finished'),
    waived: usedWaivers,
    endedAt: step.now,
    hold,
  };
}

/** Returns a text for each possible leftover that no waiver covers. */
const unwaivedLeftovers = (transaction: OperationTransaction, step: StepInput): string[] =>
  applyWaivers(leftoversOf(transaction.operation, transaction.tasks), step.waivers).unwaived.map(
    ({ text }) => text,
  );

/**
 * Begins the deletion of the project in Keystone. If resources may be left, the operation first
 * asks Keystone whether the project still exists. If the project exists, {@link holdForLeftovers}
 * holds the operation.
 */
function beginClosing(transaction: OperationTransaction, step: StepInput): void {
  if (unwaivedLeftovers(transaction, step).length > 0)
    transaction.messages.push(confirmMessage(transaction.operation));
  else {
    transaction.operation = moveOperation(transaction.operation, 'closing');
    transaction.requestKeystoneAction('delete', step.now);
  }
}

/**
 * Holds the operation when resources may be left. Some resources can be removed only with a token
 * on the project, and Keystone gives no token after its deletion. A person must therefore decide
 * about the deletion.
 */
export function holdForLeftovers(transaction: OperationTransaction, step: StepInput): void {
  const leftovers = unwaivedLeftovers(transaction, step);
  if (leftovers.length === 0) return;
  const reason = `the project is not deleted in Keystone yet: ${leftovers.join('; ')}`;
  const advice =
    'The listed services may still hold resources of this project: check them. A release ' +
    'deletes the project in Keystone in any case.';
  holdOperation(transaction, reason, step.now, { about: 'leftovers', advice });
}

/**
 * Publishes the end of the operation for subscribers and for the operation of the domain. If
 * another deletion of the account was announced during the operation, publishes this deletion
 * again, so that a new operation opens.
 */
export function announceEnd(transaction: OperationTransaction): void {
  const { id, state, parentId, nextDeletion, scope } = transaction.operation;
  transaction.messages.push({
    type: 'operation.finished',
    data: { operationId: id, state, ...(parentId ? { parentId } : {}) },
  });
  if (nextDeletion)
    transaction.messages.push({
      type: `account.${scope.type}.deleted`,
      data: { account: Account.parse(scope), cause: nextDeletion },
    });
}
