import { advance, beginChanges } from './advance.ts';
import { releaseDomain } from './domain-project.ts';
import type { Operation } from './model.ts';
import { isHeldForListingProblem } from './open.ts';
import { endWindow } from './recovery.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/** `since`: the time of the hold that the person saw; absent in older messages. */
interface Released {
  readonly by: string;
  readonly reason: string;
  readonly since?: number | undefined;
  /** The suspensions and resumes of an account whose recovery window the release ends. */
  readonly lifecycles?: readonly Operation[];
}

/**
 * Applies the release of a held operation by a person. The reason of the hold decides how the
 * operation continues.
 */
export function applyRelease(
  transaction: OperationTransaction,
  { by, reason, since, lifecycles = [] }: Released,
  step: StepInput,
): void {
  const { operation } = transaction;
  const { hold, keystoneAction } = operation;
  if (operation.state === 'recoverable' && since === hold?.since) {
    releaseWindow(transaction, { by, reason }, lifecycles, step);
    return;
  }
  if (operation.state !== 'held' || (since !== undefined && since !== hold?.since)) return;
  if (isHeldForListingProblem(operation)) {
    // After this release Keystone must confirm the deletion. The caps still apply, because the
    // person has not decided about them.
    transaction.operation = {
      ...moveOperation(operation, 'confirming'),
      cause: { ...operation.cause, note: `released by ${by}: ${reason}`.slice(0, 1500) },
      hold: undefined,
    };
    transaction.messages.push({
      type: 'operation.confirm',
      data: { operationId: operation.id, confirmation: operation.confirmation },
    });
    return;
  }
  const decision = { by, reason, at: step.now };
  // If the operation was held because of drift, the release accepts the resources that appeared.
  // The caps still apply.
  transaction.operation =
    hold?.about === 'drift' && operation.plan
      ? { ...operation, hold: undefined, plan: { ...operation.plan, driftAccepted: decision } }
      : { ...operation, hold: undefined, released: decision };
  if (operation.scope.type === 'domain' && operation.request) releaseDomain(transaction, step.now);
  else if (hold?.about === 'leftovers') {
    transaction.operation = moveOperation(transaction.operation, 'closing');
    transaction.requestKeystoneAction('delete', step.now);
  } else if (hold?.about === 'keystoneAction' && keystoneAction) {
    transaction.operation = moveOperation(
      transaction.operation,
      keystoneAction.what === 'delete' ? 'closing' : 'pre-delete',
    );
    transaction.requestKeystoneAction(keystoneAction.what, step.now);
  } else if (operation.scope.type === 'domain')
    transaction.operation = moveOperation(transaction.operation, 'running');
  // The project was disabled before the hold, so its pre-delete phase is over. If the operation has
  // not started, the recovery window disabled the project, and the operation begins now.
  else if (
    operation.startedAt !== undefined &&
    (keystoneAction?.what === 'disable' || keystoneAction?.what === 'delete')
  )
    transaction.operation = moveOperation(transaction.operation, 'running');
  else beginChanges(transaction, step.now);
  advance(transaction, step);
}

/**
 * Ends a recovery window immediately. The person has decided, so the account is deleted even if
 * Keystone shows it as enabled again.
 */
function releaseWindow(
  transaction: OperationTransaction,
  { by, reason }: Pick<Released, 'by' | 'reason'>,
  lifecycles: readonly Operation[],
  step: StepInput,
): void {
  const { hold, recovery } = transaction.operation;
  if (transaction.operation.canceled) return;
  endWindow(transaction, lifecycles, step);
  const { operation } = transaction;
  const { request } = operation;
  transaction.operation = {
    ...operation,
    hold: undefined,
    ...(recovery ? { recovery: { ...recovery, remainingMillis: 0 } } : {}),
    cause: { ...operation.cause, note: `released by ${by}: ${reason}`.slice(0, 1500) },
    ...(request && hold?.about === 'enabled' ? { request: { ...request, enabled: true } } : {}),
  };
}
