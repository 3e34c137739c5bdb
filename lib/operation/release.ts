import { advanceOperation, beginChanges } from './advance.ts';
import { releaseDomain } from './domain-project.ts';
import type { KeystoneAction, Operation } from './model.ts';
import { isHeldForListingProblem } from './open-cleanup.ts';
import { endWindow } from './recovery.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/** The decision of a person to release an operation. */
interface ReleaseDecision {
  readonly by: string;
  readonly reason: string;
  /** The `since` of the hold that the person saw; absent in messages of an older version. */
  readonly since?: number | undefined;
  /** The suspend and resume operations of an account whose recovery window the release ends. */
  readonly suspendsAndResumes?: readonly Operation[];
}

/**
 * Applies the release of a held operation by a person. The reason of the hold decides how the
 * operation continues. A release of another hold than the present one has no effect.
 */
export function applyRelease(
  transaction: OperationTransaction,
  { by, reason, since, suspendsAndResumes = [] }: ReleaseDecision,
  step: StepInput,
): void {
  const { operation } = transaction;
  const { hold } = operation;
  if (operation.state === 'recoverable' && since === hold?.since) {
    releaseWindow(transaction, { by, reason }, suspendsAndResumes, step);
    return;
  }
  if (operation.state !== 'held' || (since !== undefined && since !== hold?.since)) return;
  if (isHeldForListingProblem(operation)) {
    releaseListingProblem(transaction, { by, reason });
    return;
  }
  const decision = { by, reason, at: step.now };
  // If the operation was held because of drift, the release accepts the resources that appeared.
  // The caps still apply.
  transaction.operation =
    hold?.about === 'drift' && operation.plan
      ? { ...operation, hold: undefined, plan: { ...operation.plan, driftAccepted: decision } }
      : { ...operation, hold: undefined, released: decision };
  continueReleased(transaction, hold, step.now);
  advanceOperation(transaction, step);
}

/**
 * Releases an operation that was held because Keystone's lists may be wrong. Keystone must still
 * confirm the deletion. The caps still apply, because the person has not decided about them.
 */
function releaseListingProblem(
  transaction: OperationTransaction,
  { by, reason }: Pick<ReleaseDecision, 'by' | 'reason'>,
): void {
  const { operation } = transaction;
  transaction.operation = {
    ...moveOperation(operation, 'confirming'),
    cause: { ...operation.cause, note: `released by ${by}: ${reason}`.slice(0, 1500) },
    hold: undefined,
  };
  transaction.messages.push({
    type: 'operation.confirm',
    data: { operationId: operation.id, confirmation: operation.confirmation },
  });
}

/** Moves a released operation to the state in which it continues. `hold`: the released hold. */
function continueReleased(
  transaction: OperationTransaction,
  hold: Operation['hold'],
  now: number,
): void {
  const { keystoneAction, request, scope } = transaction.operation;
  if (scope.type === 'domain' && request) releaseDomain(transaction, now);
  else if (hold?.about === 'leftovers') requestAction(transaction, 'delete', now);
  else if (hold?.about === 'keystoneAction' && keystoneAction)
    // The failed action is tried again.
    requestAction(transaction, keystoneAction.what, now);
  else if (scope.type === 'domain' || isPreDeleteOver(transaction.operation))
    transaction.operation = moveOperation(transaction.operation, 'running');
  else beginChanges(transaction, now);
}

/** Requests the Keystone action, and moves the operation to the state in which it is awaited. */
function requestAction(
  transaction: OperationTransaction,
  what: KeystoneAction['what'],
  now: number,
): void {
  const state = what === 'delete' ? 'closing' : 'pre-delete';
  transaction.operation = moveOperation(transaction.operation, state);
  transaction.requestKeystoneAction(what, now);
}

/**
 * True if the operation disabled the project before the hold, so that its phase `pre-delete` is
 * over. An action `disable` before the start of the operation belongs to its recovery window, and
 * does not count.
 */
const isPreDeleteOver = ({ keystoneAction, startedAt }: Operation): boolean =>
  startedAt !== undefined &&
  (keystoneAction?.what === 'disable' || keystoneAction?.what === 'delete');

/**
 * Ends a recovery window immediately. If the operation waits because the account was enabled again
 * after the window, the release accepts the enabled account.
 */
function releaseWindow(
  transaction: OperationTransaction,
  { by, reason }: Pick<ReleaseDecision, 'by' | 'reason'>,
  suspendsAndResumes: readonly Operation[],
  step: StepInput,
): void {
  const { hold, recovery } = transaction.operation;
  if (transaction.operation.canceled) return;
  endWindow(transaction, suspendsAndResumes, step);
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
