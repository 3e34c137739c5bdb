import type { ProjectId } from '../../events/ids.ts';
import { confirmMessage } from './confirm-again.ts';
import { disableOrDeleteDomain } from './domain-deletion.ts';
import { mustWaitForChildProjects, openPlannedCleanup } from './domain-project.ts';
import { hasEnded } from './ended.ts';
import type { Operation } from './model.ts';
import {
  endedWithoutDeletion,
  isProjectDeleted,
  isProjectDisabled,
} from './project-deletion-state.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';

/**
 * The stored state of the projects of a requested domain: a domain whose deletion an administrator
 * requested under an approved plan.
 */
export interface DomainProgress {
  /** The stored cleanups that belong to the operation of the domain. */
  readonly children: readonly Operation[];
  /** For each project of the plan that is not in `children`: all its cleanups, newest first. */
  readonly allCleanupsByProject: ReadonlyMap<ProjectId, readonly Operation[]>;
  /** Only protected projects: why each must not be deleted now. */
  readonly protectionReasonByProject: ReadonlyMap<ProjectId, string>;
}

/** True for the operation of a requested domain while this operation deletes the projects. */
export const isDeletingProjects = ({ action, scope, request, state }: Operation): boolean =>
  action === 'cleanup' && scope.type === 'domain' && request !== undefined && state === 'waiting';

/**
 * Adds the message that requests the next step of the operation of a requested domain. The handler
 * of this message reads the state of the projects again and advances the operation.
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
 * If the cleanup of a project ends without deleting the project, the domain is kept. The cleanups
 * of the projects above this project are canceled, and the other cleanups continue.
 */
export function advanceDomain(
  transaction: OperationTransaction,
  { children, allCleanupsByProject, protectionReasonByProject }: DomainProgress,
  step: StepInput,
): void {
  if (!isDeletingProjects(transaction.operation)) return;
  const { projects = [], children: childIds } = transaction.operation;
  const childCleanups = children.filter(({ id }) => childIds.includes(id));
  const childCleanupByProject = new Map<string, Operation>(
    childCleanups.map((cleanup) => [cleanup.scope.id, cleanup]),
  );
  const openedCleanups: Operation[] = [];
  for (const project of projects) {
    const cleanup = childCleanupByProject.get(project.id);
    const cleanupsBelow = projects
      .filter(({ parentId }) => parentId === project.id)
      .map(({ id }) => childCleanupByProject.get(id));
    if (cleanup) advanceProject(transaction, cleanup, cleanupsBelow);
    else if (project.plan && cleanupsBelow.every(isProjectDisabled))
      openedCleanups.push(
        openPlannedCleanup(
          transaction,
          { ...project, waitsForChildProjects: !cleanupsBelow.every(isProjectDeleted) },
          allCleanupsByProject.get(project.id) ?? [],
          protectionReasonByProject.get(project.id),
          step.now,
        ),
      );
  }
  addChildren(transaction, openedCleanups);
  const plannedCleanups = projects.map(({ id }) => childCleanupByProject.get(id));
  const allCleanups = [...childCleanupByProject.values(), ...openedCleanups];
  disableOrDeleteDomain(transaction, { plannedCleanups, allCleanups }, step.now);
}

/** Records the opened cleanups as children of the operation. */
function addChildren(
  transaction: OperationTransaction,
  openedCleanups: readonly Operation[],
): void {
  if (openedCleanups.length === 0) return;
  const { operation } = transaction;
  const ids = openedCleanups.map(({ id }) => id);
  transaction.operation = { ...operation, children: [...operation.children, ...ids] };
}

/**
 * Lets the cleanup of a project continue, or cancels the cleanup. `cleanupsBelow`: for each child
 * project its cleanup, or `undefined` if the child project has none yet.
 */
function advanceProject(
  transaction: OperationTransaction,
  cleanup: Operation,
  cleanupsBelow: readonly (Operation | undefined)[],
): void {
  if (cleanup.waitsForChildProjects && cleanupsBelow.every(isProjectDeleted))
    startRemoval(transaction, cleanup);
  const failedChild = cleanupsBelow.find((one) => one !== undefined && endedWithoutDeletion(one));
  if (failedChild) cancelProjectAbove(transaction, cleanup, failedChild);
}

/** Starts the removal in a cleanup. Until now the cleanup waited for the child projects. */
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
