import { isProjectDeleted } from './domain-advance.ts';
import { isIndependentOf } from './domain-project.ts';
import type { Operation } from './model.ts';
import { hasEnded } from './open.ts';
import { cancelRecoverable } from './recovery-cancel.ts';
import { isRecoverable } from './recovery-window.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/** Returns why an operation cannot be canceled, or `undefined` if it can. */
export function whyNotCanceled(operation: Operation): string | undefined {
  const { id, action, request, scope, state } = operation;
  if (hasEnded(operation)) return `${id} has ended: it is ${state}`;
  if (action !== 'cleanup' && action !== 'plan')
    return `${id} is a ${action}; it ends when Keystone shows another state of the ${scope.type}`;
  if (!request)
    return (
      `${scope.type} ${scope.id} was deleted in Keystone, so its deletion cannot be canceled` +
      // Holds exist for projects, domains and resources.
      (scope.type === 'user'
        ? ''
        : `; to keep its resources: propagator hold add --${scope.type} ${scope.id} --reason "…"`)
    );
  if (state !== 'closing') return undefined;
  // If the operation has a hold, the call that deletes the account has failed or waits, so a
  // cancellation is still possible.
  return operation.hold
    ? undefined
    : `${id} is closing: everything is removed, and Keystone deletes the ${scope.type}`;
}

/**
 * Applies the decision of a person to cancel an operation. No further removal begins, and the role
 * on the project is revoked. Removed resources cannot be restored. The counts of the tasks show
 * their number. `children`: the stored operations of a domain's projects. The operations that the
 * domain opened are canceled, too. An independent operation about a project continues.
 */
export function applyCancel(
  transaction: OperationTransaction,
  {
    by,
    reason,
    children,
  }: {
    readonly by: string;
    readonly reason: string;
    readonly children: readonly Operation[];
  },
  step: StepInput,
): void {
  const { operation } = transaction;
  // The operation may have become `closing` after the API accepted the cancellation.
  if (operation.state !== 'closing' && whyNotCanceled(operation) !== undefined) return;
  if (isRecoverable(operation)) {
    cancelRecoverable(transaction, { by, reason }, step);
    return;
  }
  if (operation.state === 'closing') {
    transaction.operation = {
      ...operation,
      canceled: { by, reason, at: step.now },
      hold: {
        reason: `canceled by ${by}: ${reason}`,
        since: step.now,
        advice:
          `The call that deletes the ${operation.scope.type} may be under way. The operation ` +
          'ends with its answer, within a minute.',
      },
    };
    return;
  }
  endCanceled(transaction, { by, reason }, children, step);
}

/** Ends a canceled operation. Its hold tells the operator which resources or projects are gone. */
export function endCanceled(
  transaction: OperationTransaction,
  { by, reason }: { readonly by: string; readonly reason: string },
  children: readonly Operation[],
  step: StepInput,
): void {
  const { operation } = transaction;
  const { scope, state, keystoneAction } = operation;
  // The action `disable` first revokes the role. If the action failed, Keystone may have refused
  // the revocation.
  const isDisableRefused =
    state === 'held' && keystoneAction?.what === 'disable' && !keystoneAction.done;
  const hasRole =
    scope.type === 'project' &&
    keystoneAction !== undefined &&
    (state === 'pre-delete' || isDisableRefused);
  transaction.operation = {
    ...moveOperation(operation, 'canceled'),
    canceled: undefined,
    hold: {
      reason: `canceled by ${by}: ${reason}`,
      since: step.now,
      advice: removedText(operation, children),
    },
    endedAt: step.now,
  };
  if (hasRole) transaction.requestKeystoneAction('revoke-role', step.now);
  if (scope.type !== 'domain') return;
  const independent = new Set(
    children.filter((child) => isIndependentOf(child, operation)).map(({ id }) => id),
  );
  const ended = new Set(children.filter(hasEnded).map(({ id }) => id));
  for (const operationId of operation.children)
    if (!independent.has(operationId) && !ended.has(operationId) && state !== 'closing')
      transaction.messages.push({
        type: 'operation.canceled',
        data: { operationId, by, reason: `${operation.id} is canceled: ${reason}`.slice(0, 1000) },
      });
}

/**
 * Returns an ended operation with the advice for an account that Keystone does not show after the
 * cancellation. A 404 before the cancellation and another 404 after it confirm the deletion.
 * `isFollowed`: the cleanup of the deleted account was announced.
 */
export function withAbsenceAdvice(
  operation: Operation,
  isFollowed: boolean,
  now: number,
): Operation {
  const { id, confirmedAt, hold, scope, startedAt, state } = operation;
  const { type } = scope;
  const removed =
    startedAt === undefined
      ? 'The operation removed nothing.'
      : 'Resources that the counts show as removed are gone.';
  const list = `propagator operation list --${type} ${scope.id}`;
  const contents = type === 'domain' ? ', with its projects and users' : '';
  const next = isFollowed ? ', and its resources are removed' : '';
  const advice =
    confirmedAt.length > 0
      ? `The ${type} is deleted in Keystone${contents}, so nothing is put back. ` +
        (isFollowed
          ? `Its resources are removed: ${list}`
          : 'Its remaining resources stay. To remove them: propagator operation rerun ' +
            `${id} --reason "…"`)
      : `Keystone no longer shows the ${type}. If it is deleted, nothing is put back${next}. If ` +
        `this answer is wrong, the suspended resources are resumed. See: ${list}`;
  return {
    ...operation,
    hold: { reason: state, since: now, ...hold, advice: `${removed} ${advice}` },
  };
}

const MAX_NAMED_PROJECTS = 5;

/**
 * Returns a text about the resources that a canceled operation has removed and the command that
 * enables the account.
 */
function removedText(operation: Operation, children: readonly Operation[]): string {
  const { keystoneAction, projects = [], scope, startedAt } = operation;
  if (startedAt === undefined) return 'Nothing was changed.';
  const enable =
    `If the ${scope.type} is disabled in Keystone and is needed: ` +
    `openstack ${scope.type} set --enable ${scope.id}`;
  const isBeingDeleted = keystoneAction?.what === 'delete';
  if (scope.type === 'project')
    return isBeingDeleted
      ? `Every resource that was found is gone. The project itself stays. ${enable}`
      : 'Resources that the counts show as removed are gone. A removal that was already sent is ' +
          `not taken back. ${enable}`;
  const deleted = isBeingDeleted
    ? projects.map(({ id, name = id }) => name)
    : children.filter(isProjectDeleted).map((child) => child.scope.name ?? child.scope.id);
  const more =
    deleted.length > MAX_NAMED_PROJECTS ? ` and ${deleted.length - MAX_NAMED_PROJECTS} more` : '';
  const deletedText =
    deleted.length > 0
      ? `These projects are deleted, with all their resources: ${deleted
          .slice(0, MAX_NAMED_PROJECTS)
          .join(', ')}${more}.`
      : 'No project is deleted yet.';
  const remainingText = isBeingDeleted
    ? 'The roles and limits of the domain may be deleted. The domain itself stays.'
    : 'In the other projects, resources that the counts of their operations show as removed are ' +
      'gone. A removal that was already sent is not taken back.';
  return `${deletedText} ${remainingText} ${enable}`;
}
