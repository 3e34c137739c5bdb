import { confirmMessage } from './confirm-again.ts';
import { hasEnded } from './ended.ts';
import type { DomainPlanEntry, Operation } from './model.ts';
import { openCleanup } from './open-cleanup.ts';
import type { OperationTransaction } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/** True for a cleanup that is part of the requested deletion of a whole domain. */
export const isPartOfDomainDeletion = ({ action, parentId, request, scope }: Operation): boolean =>
  action === 'cleanup' &&
  scope.type === 'project' &&
  parentId !== undefined &&
  request !== undefined;

/**
 * True if a project's cleanup was not opened by the operation of the project's domain (`domain`).
 * The operation of the domain only waits for the end of such a cleanup.
 */
export const isIndependentOf = ({ action, cause }: Operation, domain: Operation): boolean =>
  action === 'cleanup' && !cause.messageId.startsWith(`${domain.id}/`);

/**
 * Opens the cleanup of one project of a domain whose deletion was requested. If the project already
 * has an open cleanup, that cleanup becomes part of the domain's operation instead. `cleanups`: all
 * cleanups of the project, newest first. `waitsForChildProjects`: true while child projects of the
 * project are not deleted.
 */
export function openPlannedCleanup(
  transaction: OperationTransaction,
  project: DomainPlanEntry & { readonly waitsForChildProjects: boolean },
  cleanups: readonly Operation[],
  protectedBecause: string | undefined,
  now: number,
): Operation {
  const { id, name, plan, enabled, waitsForChildProjects } = project;
  const { id: parentId, scope: domain, request } = transaction.operation;
  if (domain.type !== 'domain' || !request)
    throw new TypeError(`${parentId}: only a requested domain opens projects`);
  const lastCleanup = cleanups[0];
  if (lastCleanup && !hasEnded(lastCleanup)) {
    const linkedCleanup = { ...lastCleanup, parentId };
    transaction.putOtherOperation(linkedCleanup);
    return linkedCleanup;
  }
  const opened = openCleanup({
    scope: { type: 'project', id, ...(name === undefined ? {} : { name }), domainId: domain.id },
    cause: {
      messageId: `${parentId}/${id}`,
      eventType: 'requested',
      at: now,
      note: `${request.by}: ${request.reason}`,
    },
    cleanups,
    mode: transaction.operation.mode,
    now,
    gracePeriodMillis: 0,
    protectedBecause,
    parentId,
    request: { ...request, enabled: enabled !== false },
  });
  if (!opened) throw new TypeError(`${parentId}: the cleanup of ${id} was opened twice`);
  const operation: Operation = {
    ...opened.operation,
    ...(plan ? { plan } : {}),
    ...(waitsForChildProjects ? { waitsForChildProjects: true } : {}),
  };
  transaction.putOtherOperation(operation);
  transaction.messages.push(...opened.messages);
  return operation;
}

/**
 * Tells the operation of the domain that the project of this cleanup is now disabled. The domain's
 * operation may then open the cleanup of the parent project, or disable the domain.
 * `cleanupBefore`: the cleanup before this step.
 */
export function announceDisabled(
  transaction: OperationTransaction,
  cleanupBefore: Operation,
): void {
  const { operation } = transaction;
  const { parentId, state } = operation;
  if (parentId === undefined || !isPartOfDomainDeletion(operation)) return;
  if (state !== 'running' || cleanupBefore.state === 'running') return;
  transaction.messages.push({
    type: 'operation.confirm',
    data: { operationId: parentId, confirmation: 1 },
  });
}

/**
 * True if the cleanup must not remove resources yet, because a project below its project exists.
 * The cleanup no longer waits if another client has deleted its project.
 */
export const mustWaitForChildProjects = (operation: Operation): boolean =>
  operation.waitsForChildProjects === true && operation.confirmedAt.length === 0;

/** Continues the requested deletion of a domain after a successful Keystone action. */
export function continueDomain(transaction: OperationTransaction): void {
  const { operation } = transaction;
  if (operation.scope.type !== 'domain' || operation.state !== 'waiting') return;
  transaction.messages.push(confirmMessage(operation));
}

/** Continues the requested deletion of a domain after a person released its operation. */
export function releaseDomain(transaction: OperationTransaction, now: number): void {
  const { keystoneAction } = transaction.operation;
  const isDeletion = keystoneAction?.what === 'delete';
  transaction.operation = moveOperation(transaction.operation, isDeletion ? 'closing' : 'waiting');
  if (keystoneAction && !keystoneAction.done)
    transaction.requestKeystoneAction(keystoneAction.what, now);
  continueDomain(transaction);
}
