import type { ProjectId } from '../../events/ids.ts';
import { openProjectCleanup, waitsForProjects } from './domain-project.ts';
import type { Operation } from './model.ts';
import { hasEnded } from './open.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/** The stored state of the projects of a requested domain. */
export interface DomainProgress {
  /** The operations of the projects that the operation of the domain has opened. */
  readonly children: readonly Operation[];
  /** By project: its cleanups, newest first, for the projects without an operation. */
  readonly existing: ReadonlyMap<ProjectId, readonly Operation[]>;
  /** By project: why it must not be deleted now. */
  readonly protectedBecause: ReadonlyMap<ProjectId, string>;
}

/** True for the operation of a requested domain while it deletes the domain's projects. */
export const deletesProjects = ({ action, scope, request, state }: Operation): boolean =>
  action === 'cleanup' && scope.type === 'domain' && request !== undefined && state === 'waiting';

/** Sends a message that advances the operation with the present state of its projects. */
export function requestDomainProgress(transaction: OperationTransaction): void {
  const { id, confirmation } = transaction.operation;
  transaction.messages.push({ type: 'operation.confirm', data: { operationId: id, confirmation } });
}

/**
 * Advances the operation of a requested domain as far as possible now:
 *
 * - When all projects below a project are disabled or deleted, the operation of the project is
 *   opened. The operation runs phase `pre-delete` and then disables the project. This order is
 *   needed, because Keystone refuses to disable a project above an enabled project.
 * - When all projects below a project are deleted, the resources of the project are removed.
 * - When all projects of the domain are disabled or deleted, the domain is disabled. It is not
 *   disabled earlier, because phase `pre-delete` needs tokens on the projects, and Keystone gives
 *   none in a disabled domain. The domain stays enabled while a project is held or protected.
 * - When the domain is disabled and all its projects are deleted, the domain is deleted.
 *
 * If the operation of a project ends without deleting it, the operations of the projects above it
 * are canceled, and the domain is kept. Other projects continue.
 */
export function advanceDomain(
  transaction: OperationTransaction,
  { children, existing, protectedBecause }: DomainProgress,
  step: StepInput,
): void {
  if (!deletesProjects(transaction.operation)) return;
  const { projects = [] } = transaction.operation;
  const operationByProject = new Map(
    children
      .filter(({ id }) => transaction.operation.children.includes(id))
      .map((child) => [child.scope.id as string, child]),
  );
  const isGone = (id: ProjectId): boolean => isProjectDeleted(operationByProject.get(id));
  const isClosed = (id: ProjectId): boolean => isProjectDisabled(operationByProject.get(id));
  const openedOperations: Operation[] = [];
  for (const project of projects) {
    const below = projects.filter(({ parentId }) => parentId === project.id).map(({ id }) => id);
    const waitsBelow = !below.every(isGone);
    const child = operationByProject.get(project.id);
    if (child?.waitsBelow && !waitsBelow) startRemoval(transaction, child);
    const undeletedBelow = below
      .map((id) => operationByProject.get(id))
      .find((one) => one && endedWithoutDeletion(one));
    if (child && undeletedBelow) cancelProjectAbove(transaction, child, undeletedBelow);
    if (child || !project.plan || !below.every(isClosed)) continue;
    const earlier = existing.get(project.id) ?? [];
    const because = protectedBecause.get(project.id);
    openedOperations.push(
      openProjectCleanup(transaction, { ...project, waitsBelow }, earlier, because, step.now),
    );
  }
  if (openedOperations.length > 0) {
    const { operation } = transaction;
    const ids = openedOperations.map(({ id }) => id);
    transaction.operation = { ...operation, children: [...operation.children, ...ids] };
  }
  const allOperations = [...operationByProject.values(), ...openedOperations];
  const { keystoneAction } = transaction.operation;
  if (!projects.every(({ id }) => isClosed(id))) {
    if (allOperations.every(hasEnded)) endKeepingDomain(transaction, allOperations, step.now);
  } else if (keystoneAction === undefined || keystoneAction.what === 'enable')
    transaction.requestKeystoneAction('disable', step.now);
  else if (
    keystoneAction.done &&
    projects.every(({ id }) => isGone(id)) &&
    allOperations.every(hasEnded)
  )
    deleteDomain(transaction, allOperations, step.now);
  else if (
    allOperations.length > 0 &&
    allOperations.every(hasEnded) &&
    !projects.every(({ id }) => isGone(id))
  )
    endKeepingDomain(transaction, allOperations, step.now);
}

function startRemoval(transaction: OperationTransaction, child: Operation): void {
  transaction.putOtherOperation({ ...child, waitsBelow: undefined });
  const { id, confirmation } = child;
  transaction.messages.push({ type: 'operation.confirm', data: { operationId: id, confirmation } });
}

/** True if the operation has ended without deleting its project. */
const endedWithoutDeletion = (child: Operation): boolean =>
  hasEnded(child) && !isProjectDeleted(child);

/**
 * Cancels the operation of a project if the operation of a project below it ended without deleting
 * that project. Otherwise this operation and the operation of the domain would wait forever.
 */
function cancelProjectAbove(
  transaction: OperationTransaction,
  child: Operation,
  { id, scope, state }: Operation,
): void {
  if (hasEnded(child) || !waitsForProjects(child)) return;
  const name = scope.name ?? scope.id;
  transaction.messages.push({
    type: 'operation.canceled',
    data: {
      operationId: child.id,
      by: transaction.operation.id,
      reason: `a project below it was not deleted: ${name} (${id} is ${state})`,
    },
  });
}

function deleteDomain(
  transaction: OperationTransaction,
  children: readonly Operation[],
  now: number,
): void {
  // A child without a project in the plan is about a project that was deleted together with the
  // domain.
  const isUnverified = children.some(({ state }) => state !== 'finished');
  transaction.operation = {
    ...moveOperation(transaction.operation, 'closing'),
    ...(isUnverified ? { isUnverified } : {}),
  };
  transaction.requestKeystoneAction('delete', now);
}

/** True if the project is deleted, by its operation or by another client. */
export const isProjectDeleted = (child: Operation | undefined): boolean =>
  child !== undefined &&
  (child.state === 'finished' ||
    (child.state === 'unverified' &&
      (child.confirmedAt.length > 0 ||
        (child.keystoneAction?.what === 'delete' && child.keystoneAction.done))));

/** True if the project is disabled and no phase needs a token on it. */
function isProjectDisabled(child: Operation | undefined): boolean {
  if (!child || isProjectDeleted(child)) return child !== undefined;
  const { keystoneAction, startedAt, state } = child;
  if (state === 'running' || state === 'closing') return true;
  if (state !== 'held' || startedAt === undefined) return false;
  // If there is no action, the project was disabled before its operation began.
  return (
    keystoneAction === undefined ||
    keystoneAction.what === 'delete' ||
    (keystoneAction.what === 'disable' && keystoneAction.done)
  );
}

/**
 * Ends the operation of a domain and keeps the domain, because one of its projects was not deleted.
 * The recovery window may have suspended projects whose operations were never opened. Message
 * `operation.undo` resumes these projects.
 */
function endKeepingDomain(
  transaction: OperationTransaction,
  children: readonly Operation[],
  now: number,
): void {
  const { operation } = transaction;
  const { id: domain } = operation.scope;
  const remainingProjects = children.filter((child) => !isProjectDeleted(child));
  const names = [
    ...remainingProjects.map(
      ({ id, scope, state }) => `${scope.name ?? scope.id} (${id} is ${state})`,
    ),
    ...(operation.projects ?? []).flatMap(({ id, name, protectedBecause }) =>
      protectedBecause === undefined ? [] : [`${name ?? id} (protected: ${protectedBecause})`],
    ),
  ];
  const isOff = operation.keystoneAction?.what === 'disable' && operation.keystoneAction.done;
  const keep = isOff
    ? ` The domain is disabled. To enable it: openstack domain set --enable ${domain}`
    : '';
  transaction.operation = {
    ...moveOperation(operation, 'unverified'),
    hold: {
      reason: `the domain was not deleted, because these projects exist: ${names.join('; ')}`,
      since: now,
      advice: `Clear the cause of each, then plan again: propagator domain plan ${domain}.${keep}`,
    },
    endedAt: now,
  };
  if (operation.recovery)
    transaction.messages.push({ type: 'operation.undo', data: { operationId: operation.id } });
}
