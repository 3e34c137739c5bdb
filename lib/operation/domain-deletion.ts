import { hasEnded } from './ended.ts';
import type { Operation } from './model.ts';
import { isProjectDeleted, isProjectDisabled } from './project-deletion-state.ts';
import type { OperationTransaction } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/** The cleanups that belong to the operation of a domain whose deletion was requested. */
export interface DomainCleanups {
  /**
   * For each project of the plan: its cleanup, or `undefined` if no cleanup existed before this
   * step.
   */
  readonly plannedCleanups: readonly (Operation | undefined)[];
  /** All cleanups, including those that this step opened. */
  readonly allCleanups: readonly Operation[];
}

/**
 * Disables or deletes the domain, or ends its operation and keeps the domain, if the state of the
 * projects allows it.
 */
export function disableOrDeleteDomain(
  transaction: OperationTransaction,
  cleanups: DomainCleanups,
  now: number,
): void {
  switch (nextDomainStep(transaction.operation, cleanups)) {
    case 'disable':
      transaction.requestKeystoneAction('disable', now);
      break;
    case 'delete':
      deleteDomain(transaction, cleanups.allCleanups, now);
      break;
    case 'keep':
      endKeepingDomain(transaction, cleanups.allCleanups, now);
      break;
    case 'wait':
      break;
  }
}

/**
 * Returns what the operation of the domain does now. `keep`: it ends without deleting the domain.
 * `wait`: it does nothing.
 */
function nextDomainStep(
  { keystoneAction }: Operation,
  { plannedCleanups, allCleanups }: DomainCleanups,
): 'disable' | 'delete' | 'keep' | 'wait' {
  const haveAllEnded = allCleanups.every(hasEnded);
  if (!plannedCleanups.every(isProjectDisabled)) return haveAllEnded ? 'keep' : 'wait';
  if (keystoneAction === undefined || keystoneAction.what === 'enable') return 'disable';
  if (!haveAllEnded) return 'wait';
  if (!plannedCleanups.every(isProjectDeleted)) return 'keep';
  return keystoneAction.done ? 'delete' : 'wait';
}

function deleteDomain(
  transaction: OperationTransaction,
  cleanups: readonly Operation[],
  now: number,
): void {
  // A project may have resources left unless its cleanup is `finished`. This includes projects that
  // the plan does not list: if another client deleted the domain, `openCleanupsOfDeletedDomain`
  // opened a cleanup for each project of the inventory.
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
  const undeletedCleanups = cleanups.filter((cleanup) => !isProjectDeleted(cleanup));
  const names = [
    ...undeletedCleanups.map(
      ({ id, scope, state }) => `${scope.name ?? scope.id} (${id} is ${state})`,
    ),
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
