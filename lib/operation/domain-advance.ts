import type { ProjectId } from '../../events/ids.ts';
import { confirmMessage } from './confirm-again.ts';
import { mustWaitForChildProjects, openPlannedCleanup } from './domain-project.ts';
import { hasEnded } from './ended.ts';
import type { Operation } from './model.ts';
import {
  endedWithoutDeletion,
  isProjectDeleted,
  isProjectDisabled,
} from './project-deletion-state.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/** The stored state of the projects of a requested domain. */
export interface DomainProgress {
  /** The stored cleanups that belong to the operation of the domain. */
  readonly children: readonly Operation[];
  /** For each project of the plan that is not in `children`: all its cleanups, newest first. */
  readonly cleanupsByProject: ReadonlyMap<ProjectId, readonly Operation[]>;
  /** For each protected project: why the project must not be deleted now. */
  readonly protectedBecause: ReadonlyMap<ProjectId, string>;
}

/** True for the operation of a requested domain while it deletes the projects of the domain. */
export const deletesProjects = ({ action, scope, request, state }: Operation): boolean =>
  action === 'cleanup' && scope.type === 'domain' && request !== undefined && state === 'waiting';

/**
 * Requests the next step of the operation of a requested domain. The handler of the message reads
 * the state of the projects again and advances the operation.
 */
export function scheduleDomainAdvance(transaction: OperationTransaction): void {
  transaction.messages.push(confirmMessage(transaction.operation));
}

/**
 * Advances the operation of a requested domain as far as possible now:
 *
 * - When all projects below a project are disabled or deleted, the cleanup of the project opens.
 *   The cleanup runs phase `pre-delete` and then disables the project. This order is needed,
 *   because Keystone refuses to disable a project above an enabled project.
 * - When all projects below a project are deleted, the cleanup removes the resources of the
 *   project.
 * - When all projects of the domain are disabled or deleted, the domain is disabled. It is not
 *   disabled earlier, because phase `pre-delete` needs tokens on the projects, and Keystone gives
 *   none in a disabled domain. The domain stays enabled while a project is held or protected.
 * - When the domain is disabled and all its projects are deleted, the domain is deleted.
 *
 * If the cleanup of a project ends without deleting the project, the cleanups of the projects above
 * it are canceled, and the domain is kept. Other projects continue.
 */
export function advanceDomain(
  transaction: OperationTransaction,
  { children, cleanupsByProject, protectedBecause }: DomainProgress,
  step: StepInput,
): void {
  if (!deletesProjects(transaction.operation)) return;
  const { projects = [], children: childIds } = transaction.operation;
  const cleanups = new Map<string, Operation>(
    children.filter(({ id }) => childIds.includes(id)).map((child) => [child.scope.id, child]),
  );
  const openedCleanups: Operation[] = [];
  for (const project of projects) {
    const childCleanups = projects
      .filter(({ parentId }) => parentId === project.id)
      .map(({ id }) => cleanups.get(id));
    const cleanup = cleanups.get(project.id);
    if (cleanup) advanceProject(transaction, cleanup, childCleanups);
    else if (project.plan && childCleanups.every(isProjectDisabled))
      openedCleanups.push(
        openPlannedCleanup(
          transaction,
          { ...project, waitsForChildProjects: !childCleanups.every(isProjectDeleted) },
          cleanupsByProject.get(project.id) ?? [],
          protectedBecause.get(project.id),
          step.now,
        ),
      );
  }
  if (openedCleanups.length > 0) {
    const { operation } = transaction;
    const ids = openedCleanups.map(({ id }) => id);
    transaction.operation = { ...operation, children: [...operation.children, ...ids] };
  }
  disableOrDeleteDomain(
    transaction,
    projects.map(({ id }) => cleanups.get(id)),
    [...cleanups.values(), ...openedCleanups],
    step.now,
  );
}

/**
 * Lets the cleanup of a project continue or cancels it. `childCleanups`: one item for each child
 * project: its cleanup, or `undefined` if no cleanup of it is open yet.
 */
function advanceProject(
  transaction: OperationTransaction,
  cleanup: Operation,
  childCleanups: readonly (Operation | undefined)[],
): void {
  if (cleanup.waitsForChildProjects && childCleanups.every(isProjectDeleted))
    startRemoval(transaction, cleanup);
  const failedChild = childCleanups.find((one) => one !== undefined && endedWithoutDeletion(one));
  if (failedChild) cancelProjectAbove(transaction, cleanup, failedChild);
}

/**
 * Disables or deletes the domain, or ends its operation, if the state of the projects allows it.
 * `cleanupsOfPlan`: for each project of the plan its cleanup, or `undefined` if it did not exist
 * before this step. `all`: all cleanups of the operation, including those that this step opened.
 */
function disableOrDeleteDomain(
  transaction: OperationTransaction,
  cleanupsOfPlan: readonly (Operation | undefined)[],
  all: readonly Operation[],
  now: number,
): void {
  const step = nextDomainStep(transaction.operation, cleanupsOfPlan, all);
  if (step === 'disable') transaction.requestKeystoneAction('disable', now);
  if (step === 'delete') deleteDomain(transaction, all, now);
  if (step === 'keep') endKeepingDomain(transaction, all, now);
}

/** Returns what the operation of the domain does now. `wait`: nothing. */
function nextDomainStep(
  { keystoneAction }: Operation,
  cleanupsOfPlan: readonly (Operation | undefined)[],
  all: readonly Operation[],
): 'disable' | 'delete' | 'keep' | 'wait' {
  const haveAllEnded = all.every(hasEnded);
  if (!cleanupsOfPlan.every(isProjectDisabled)) return haveAllEnded ? 'keep' : 'wait';
  if (keystoneAction === undefined || keystoneAction.what === 'enable') return 'disable';
  if (!haveAllEnded) return 'wait';
  if (!cleanupsOfPlan.every(isProjectDeleted)) return 'keep';
  return keystoneAction.done ? 'delete' : 'wait';
}

/** Starts the removal in a cleanup. Until now it waited for the projects below its project. */
function startRemoval(transaction: OperationTransaction, cleanup: Operation): void {
  transaction.putOtherOperation({ ...cleanup, waitsForChildProjects: undefined });
  transaction.messages.push(confirmMessage(cleanup));
}

/**
 * Cancels the cleanup of a project, because the cleanup of a child project (`failedChild`) ended
 * without deleting the child project. Without the cancellation, the cleanup and the operation of
 * the domain would wait forever.
 */
function cancelProjectAbove(
  transaction: OperationTransaction,
  cleanup: Operation,
  failedChild: Operation,
): void {
  if (hasEnded(cleanup) || !mustWaitForChildProjects(cleanup)) return;
  const { id, scope, state } = failedChild;
  const name = scope.name ?? scope.id;
  transaction.messages.push({
    type: 'operation.canceled',
    data: {
      operationId: cleanup.id,
      by: transaction.operation.id,
      reason: `a project below it was not deleted: ${name} (${id} is ${state})`,
    },
  });
}

function deleteDomain(
  transaction: OperationTransaction,
  cleanups: readonly Operation[],
  now: number,
): void {
  // Projects that the plan does not list may have cleanups, too: if another client deleted the
  // domain, `openCleanupsOfDeletedDomain` opened a cleanup for each project of the inventory. A
  // project may have resources left unless its cleanup is `finished`.
  const isUnverified = cleanups.some(({ state }) => state !== 'finished');
  transaction.operation = {
    ...moveOperation(transaction.operation, 'closing'),
    ...(isUnverified ? { isUnverified } : {}),
  };
  transaction.requestKeystoneAction('delete', now);
}

/**
 * Ends the operation of a domain and keeps the domain, because one of its projects was not deleted.
 * The recovery window may have suspended projects whose cleanups were never opened. The message
 * `operation.undo` resumes these projects.
 */
function endKeepingDomain(
  transaction: OperationTransaction,
  cleanups: readonly Operation[],
  now: number,
): void {
  const { operation } = transaction;
  const { id: domain } = operation.scope;
  const undeleted = cleanups.filter((cleanup) => !isProjectDeleted(cleanup));
  const names = [
    ...undeleted.map(({ id, scope, state }) => `${scope.name ?? scope.id} (${id} is ${state})`),
    ...(operation.projects ?? []).flatMap(({ id, name, protectedBecause }) =>
      protectedBecause === undefined ? [] : [`${name ?? id} (protected: ${protectedBecause})`],
    ),
  ];
  const isDomainDisabled =
    operation.keystoneAction?.what === 'disable' && operation.keystoneAction.done;
  const enableAdvice = isDomainDisabled
    ? ` The domain is disabled. To enable it: openstack domain set --enable ${domain}`
    : '';
  transaction.operation = {
    ...moveOperation(operation, 'unverified'),
    hold: {
      reason: `the domain was not deleted, because these projects exist: ${names.join('; ')}`,
      since: now,
      advice:
        `Clear the cause of each, then plan again: propagator domain plan ${domain}.` +
        enableAdvice,
    },
    endedAt: now,
  };
  if (operation.recovery)
    transaction.messages.push({ type: 'operation.undo', data: { operationId: operation.id } });
}
