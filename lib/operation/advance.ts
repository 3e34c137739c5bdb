import { Account } from '../../events/account.ts';
import { total } from './counts.ts';
import { waitsForProjects } from './domain-project.ts';
import { applyWaivers, leftoversOf } from './leftovers.ts';
import type { Hold, Operation } from './model.ts';
import { hasTaskEnded } from './overtaking.ts';
import { whyOverDrift } from './plan.ts';
import { requestPreDelete, requestReady } from './ready.ts';
import { hasDisabledAccount } from './recovery-window.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/**
 * A released operation ignores the caps, because a person has checked the operation. A resume and a
 * provision also ignore the caps, because they remove nothing and a customer waits for the result.
 */
const mayExceedCaps = (operation: Operation): boolean =>
  operation.released !== undefined ||
  operation.action === 'resume' ||
  operation.action === 'provision';

/**
 * True if an administrator requested the operation and Keystone still has the project. The
 * operation disables and deletes the project itself.
 */
export const isOnLivingProject = (operation: Operation): boolean =>
  operation.request !== undefined && operation.confirmedAt.length === 0;

/**
 * Advances an operation as far as possible now: starts it, requests its tasks, or ends it. Called
 * after every change.
 */
export function advance(transaction: OperationTransaction, step: StepInput): void {
  if (transaction.operation.state === 'confirming') startWhenConfirmed(transaction, step);
  if (transaction.operation.state === 'pre-delete') advancePreDelete(transaction, step);
  if (transaction.operation.state === 'running' && !waitsForProjects(transaction.operation)) {
    if (!holdAtLimit(transaction, step)) requestReady(transaction, step);
  }
  endWhenDone(transaction, step);
}

/**
 * True if Keystone has confirmed the change (safety rule "Keystone decides"). After a deletion,
 * Keystone answered 404 twice, with the confirmation interval between the answers, and the grace
 * period is over. For a request of an administrator, Keystone has shown the project in the
 * requested state.
 */
export function isConfirmed(operation: Operation, step: StepInput): boolean {
  if (isOnLivingProject(operation)) return operation.order.length > 0;
  const [first, last] = [operation.confirmedAt.at(0), operation.confirmedAt.at(-1)];
  // One answer that shows the project is enough for a provision, because a provision only adds.
  if (operation.action === 'provision')
    return first !== undefined && step.now >= operation.notBefore;
  return (
    first !== undefined &&
    last !== undefined &&
    last - first >= step.confirmationIntervalMillis &&
    step.now >= operation.notBefore
  );
}

function startWhenConfirmed(transaction: OperationTransaction, step: StepInput): void {
  const { operation } = transaction;
  if (!isConfirmed(operation, step)) return;
  if (operation.mode === 'observe') {
    if (transaction.tasks.every(hasTaskEnded))
      transaction.operation = { ...moveOperation(operation, 'observed'), endedAt: step.now };
    return;
  }
  // Wait for the first count of each service. If a count fails, the operation continues without it
  // (safety rule "One stuck project stops no other").
  const uncounted = transaction.tasks.filter(
    (task) => task.state === 'planning' && task.sequence === 0 && task.run === 1,
  );
  if (uncounted.length > 0) return;
  // A person has released the deletion of this account, so the hourly cap does not apply.
  const isExempt = mayExceedCaps(operation) || operation.cause.suspicious === true;
  if (!isExempt && step.startedLastHour >= step.maxOperationsPerHour) {
    holdOperation(
      transaction,
      `${step.startedLastHour} operations have started within the last hour, the cap is ` +
        `${step.maxOperationsPerHour}`,
      step.now,
    );
    return;
  }
  if (!holdAtLimit(transaction, step)) beginChanges(transaction, step.now);
}

/**
 * Begins the part of the operation that makes changes. A requested operation on an enabled project
 * begins with phase `pre-delete`. Every other operation begins with its tasks.
 */
export function beginChanges(transaction: OperationTransaction, now: number): void {
  const { operation } = transaction;
  const isEnabled = operation.request?.enabled === true;
  // The recovery window has disabled the project. Some resources can be removed only with a token
  // on the project, so the operation enables it again.
  const isEnabledAgain =
    !isEnabled &&
    hasDisabledAccount(operation.recovery) &&
    transaction.tasks.some((task) => task.preDelete === 'due' && !hasTaskEnded(task));
  const isAlive = isOnLivingProject(operation) && (isEnabled || isEnabledAgain);
  transaction.operation = {
    ...moveOperation(operation, isAlive ? 'pre-delete' : 'running'),
    startedAt: operation.startedAt ?? now,
  };
  if (isAlive) transaction.requestKeystoneAction(isEnabled ? 'assign-role' : 'enable', now);
}

/** Requests the pre-delete runs, and disables the project when all of them have ended. */
function advancePreDelete(transaction: OperationTransaction, step: StepInput): void {
  const { keystoneAction } = transaction.operation;
  if (keystoneAction?.what !== 'assign-role' || !keystoneAction.done) return;
  if (holdAtLimit(transaction, step)) {
    transaction.requestKeystoneAction('revoke-role', step.now);
    return;
  }
  requestPreDelete(transaction, step);
  if (transaction.tasks.every((task) => task.preDelete !== 'due' || hasTaskEnded(task)))
    transaction.requestKeystoneAction('disable', step.now);
}

/** Holds an operation that is over a cap or over its approved plan. Returns true if it is held. */
function holdAtLimit(transaction: OperationTransaction, step: StepInput): boolean {
  const { plan, scope, startedAt } = transaction.operation;
  const drift = whyOverDrift(transaction.operation, transaction.tasks);
  const reason = drift ?? whyOverCap(transaction, step);
  if (reason === undefined) return false;
  const replanAdvice =
    startedAt === undefined
      ? ` If not, plan again (propagator project plan ${scope.id}): the approval of that plan ` +
        'replaces this operation.'
      : '';
  const advice =
    `Compare the plan (propagator operation show ${plan?.of}) with the project. ` +
    `To remove also the resources that appeared, release the operation.${replanAdvice}`;
  holdOperation(transaction, reason, step.now, drift ? { about: 'drift', advice } : {});
  return true;
}

function whyOverCap(transaction: OperationTransaction, step: StepInput): string | undefined {
  const found = transaction.tasks.reduce((sum, task) => sum + total(task.counts).found, 0);
  if (mayExceedCaps(transaction.operation) || found <= step.maxResourcesPerOperation)
    return undefined;
  return `it holds ${found} resources, the cap is ${step.maxResourcesPerOperation}`;
}

/** Holds the operation until a person releases it by name. */
export function holdOperation(
  transaction: OperationTransaction,
  reason: string,
  now: number,
  more: { about?: Hold['about']; advice?: string } = {},
): void {
  const release = `propagator operation release ${transaction.operation.id} --reason "…"`;
  const advice =
    more.advice === undefined
      ? `Check the operation, then release it: ${release}`
      : `${more.advice} Then: ${release}`;
  transaction.operation = {
    ...moveOperation(transaction.operation, 'held'),
    hold: { reason, since: now, advice, about: more.about ?? 'cap' },
  };
}

/** Ends the operation when the report of every task has ended the task. */
function endWhenDone(transaction: OperationTransaction, step: StepInput): void {
  const { operation } = transaction;
  // If no service has resources of the account, the operation has no tasks and ends here.
  if (
    operation.state === 'running' &&
    !waitsForProjects(operation) &&
    operation.order.every(({ id }) => hasTaskEnded(transaction.task(id)))
  ) {
    if (isOnLivingProject(operation)) beginClosing(transaction, step);
    else
      transaction.operation = {
        ...inEndState(transaction, step),
        endedAt: step.now,
        hold: undefined,
      };
  } else if (
    operation.state === 'closing' &&
    operation.keystoneAction?.what === 'delete' &&
    operation.keystoneAction.done
  ) {
    const hold = operation.isUnverified ? operation.hold : undefined;
    transaction.operation = { ...inEndState(transaction, step), endedAt: step.now, hold };
  }
}

function inEndState(transaction: OperationTransaction, step: StepInput): Operation {
  const { unwaived: open, usedWaivers: waived } = applyWaivers(
    leftoversOf(transaction.operation, transaction.tasks),
    step.waivers,
  );
  return {
    ...moveOperation(
      transaction.operation,
      open.length > 0 || transaction.operation.isUnverified ? 'unverified' : 'finished',
    ),
    waived,
  };
}

/**
 * Returns the leftovers that no waiver covers. After the deletion of the project, these leftovers
 * could never be removed.
 */
const unwaivedLeftovers = (transaction: OperationTransaction, step: StepInput): string[] =>
  applyWaivers(leftoversOf(transaction.operation, transaction.tasks), step.waivers).unwaived.map(
    ({ what }) => what,
  );

/**
 * Deletes the project in Keystone. If resources may be left, a person must decide about the
 * deletion. Before that, the operation asks Keystone, because another client may already have
 * deleted the project.
 */
function beginClosing(transaction: OperationTransaction, step: StepInput): void {
  const { id, confirmation } = transaction.operation;
  if (unwaivedLeftovers(transaction, step).length > 0)
    transaction.messages.push({
      type: 'operation.confirm',
      data: { operationId: id, confirmation },
    });
  else {
    transaction.operation = moveOperation(transaction.operation, 'closing');
    transaction.requestKeystoneAction('delete', step.now);
  }
}

/**
 * Holds the operation when resources may be left, because a person must then decide about the
 * deletion of the project.
 */
export function holdForLeftovers(transaction: OperationTransaction, step: StepInput): void {
  const unknown = unwaivedLeftovers(transaction, step);
  if (unknown.length === 0) return;
  const advice =
    'The listed services may still hold resources of this project: check them. A release ' +
    'deletes the project in Keystone in any case.';
  holdOperation(
    transaction,
    `the project is not deleted in Keystone yet: ${unknown.join('; ')}`,
    step.now,
    {
      about: 'leftovers',
      advice,
    },
  );
}

/** Publishes the end of the operation for subscribers and for the operation of the domain. */
export function announceEnd(transaction: OperationTransaction): void {
  const { id, state, parentId, next, scope } = transaction.operation;
  transaction.messages.push({
    type: 'operation.finished',
    data: { operationId: id, state, ...(parentId ? { parentId } : {}) },
  });
  // Another deletion of the account was announced during this operation.
  if (next)
    transaction.messages.push({
      type: `account.${scope.type}.deleted`,
      data: { account: Account.parse(scope), cause: next },
    });
}
