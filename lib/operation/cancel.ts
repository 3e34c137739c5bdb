import { isIndependentOf } from './domain-project.ts';
import { hasEnded } from './ended.ts';
import type { Operation } from './model.ts';
import { isProjectDeleted } from './project-deletion-state.ts';
import { cancelInRecoveryWindow } from './recovery-cancel.ts';
import { hasWindowAndNoRemoval } from './recovery-window.ts';
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
      // No deletion hold can name a user.
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

/** The decision of a person to cancel an operation. */
interface Cancellation {
  readonly by: string;
  readonly reason: string;
}

/**
 * Applies the decision of a person to cancel an operation. No further removal begins, and the
 * propagator revokes its own role on the project. Removed resources cannot be restored. The counts
 * of the tasks show how many resources were removed. `children`, for a domain: the stored
 * operations of its projects.
 */
export function applyCancel(
  transaction: OperationTransaction,
  { by, reason, children }: Cancellation & { readonly children: readonly Operation[] },
  step: StepInput,
): void {
  const { operation } = transaction;
  // The operation may have become `closing` after the API accepted the cancellation.
  if (operation.state !== 'closing' && whyNotCanceled(operation) !== undefined) return;
  if (hasWindowAndNoRemoval(operation)) {
    cancelInRecoveryWindow(transaction, { by, reason }, step);
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
          `The call that deletes the ${operation.scope.type} may be in progress. The operation ` +
          'ends within a minute, after the answer to this call.',
      },
    };
    return;
  }
  endCanceled(transaction, { by, reason }, children, step);
}

/** Ends a canceled operation. Its hold tells the operator which resources or projects are gone. */
export function endCanceled(
  transaction: OperationTransaction,
  { by, reason }: Cancellation,
  children: readonly Operation[],
  step: StepInput,
): void {
  const { operation } = transaction;
  const { scope, state, keystoneAction } = operation;
  // The action `disable` first revokes the propagator's role on the project. If the action failed,
  // Keystone may have refused to revoke the role.
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
  if (scope.type === 'domain' && state !== 'closing')
    cancelChildren(transaction, { by, reason }, children);
}

/**
 * Cancels the operations that the operation of a domain has opened. An independent operation about
 * a project of the domain continues.
 */
function cancelChildren(
  { messages, operation }: OperationTransaction,
  { by, reason }: Cancellation,
  children: readonly Operation[],
): void {
  const notCanceled = new Set(
    children
      .filter((child) => isIndependentOf(child, operation) || hasEnded(child))
      .map(({ id }) => id),
  );
  for (const operationId of operation.children)
    if (!notCanceled.has(operationId))
      messages.push({
        type: 'operation.canceled',
        data: { operationId, by, reason: `${operation.id} is canceled: ${reason}`.slice(0, 1000) },
      });
}

/**
 * Returns a canceled operation with advice for the case that Keystone no longer shows the account.
 * If the operation has recorded an earlier 404, the deletion of the account is confirmed.
 * `willCleanUp`: true if a new cleanup of the deleted account opens.
 */
export function withAbsenceAdvice(
  operation: Operation,
  willCleanUp: boolean,
  now: number,
): Operation {
  const { id, confirmedAt, hold, scope, startedAt, state } = operation;
  const { type } = scope;
  const removalText =
    startedAt === undefined
      ? 'The operation removed nothing.'
      : 'Resources that the counts show as removed are gone.';
  const listCommand = `propagator operation list --${type} ${scope.id}`;
  const isDeletionConfirmed = confirmedAt.length > 0;
  const domainContents = type === 'domain' ? ', with its projects and users' : '';
  const absenceText = isDeletionConfirmed
    ? `The ${type} is deleted in Keystone${domainContents}, so nothing is put back. ` +
      (willCleanUp
        ? `Its resources are removed: ${listCommand}`
        : 'Its remaining resources stay. To remove them: propagator operation rerun ' +
          `${id} --reason "…"`)
    : `Keystone no longer shows the ${type}. If it is deleted, nothing is put back` +
      `${willCleanUp ? ', and its resources are removed' : ''}. If this answer is wrong, the ` +
      `suspended resources are resumed. See: ${listCommand}`;
  return {
    ...operation,
    hold: { reason: state, since: now, ...hold, advice: `${removalText} ${absenceText}` },
  };
}

const MAX_NAMED_PROJECTS = 5;

/**
 * Returns a text that says which resources or projects a canceled operation has removed, with the
 * command that enables the account.
 */
function removedText(operation: Operation, children: readonly Operation[]): string {
  const { scope, startedAt } = operation;
  if (startedAt === undefined) return 'Nothing was changed.';
  const accountText =
    scope.type === 'project'
      ? projectRemovedText(operation)
      : domainRemovedText(operation, children);
  return (
    `${accountText} If the ${scope.type} is disabled in Keystone and is needed: ` +
    `openstack ${scope.type} set --enable ${scope.id}`
  );
}

const projectRemovedText = (operation: Operation): string =>
  isAccountDeletionDue(operation)
    ? 'Every resource that was found is gone. The project itself stays.'
    : 'Resources that the counts show as removed are gone. A removal that was already sent ' +
      'cannot be stopped.';

function domainRemovedText(operation: Operation, children: readonly Operation[]): string {
  const deletedNames = deletedProjectNames(operation, children);
  const unnamedCount = deletedNames.length - MAX_NAMED_PROJECTS;
  const namesText = deletedNames.slice(0, MAX_NAMED_PROJECTS).join(', ');
  const deletedText =
    deletedNames.length > 0
      ? `These projects are deleted, with all their resources: ${namesText}` +
        `${unnamedCount > 0 ? ` and ${unnamedCount} more` : ''}.`
      : 'No project is deleted yet.';
  const remainingText = isAccountDeletionDue(operation)
    ? 'The roles and limits of the domain may be deleted. The domain itself stays.'
    : 'In the other projects, resources that the counts of their operations show as removed are ' +
      'gone. A removal that was already sent cannot be stopped.';
  return `${deletedText} ${remainingText}`;
}

/** True if the last step is due: the deletion of the account itself in Keystone. */
const isAccountDeletionDue = ({ keystoneAction }: Operation): boolean =>
  keystoneAction?.what === 'delete';

/** Returns the names of the deleted projects. The domain itself is deleted after all projects. */
const deletedProjectNames = (
  operation: Operation,
  children: readonly Operation[],
): readonly string[] =>
  isAccountDeletionDue(operation)
    ? (operation.projects ?? []).map(({ id, name = id }) => name)
    : children.filter(isProjectDeleted).map(({ scope: { id, name = id } }) => name);
