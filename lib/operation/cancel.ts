import { isIndependent } from './domain-project.ts';
import type { Operation } from './model.ts';
import { hasEnded } from './open.ts';
import { cancelRecoverable, isRecoverable } from './recovery.ts';
import type { OperationTransaction, Rules } from './transaction.ts';
import { moveOperation } from './transitions.ts';

/** Returns why an operation cannot be canceled, or `undefined` if it can. */
export function whyNotCanceled(operation: Operation): string | undefined {
  const { id, action, request, scope, state } = operation;
  if (hasEnded(operation)) return `${id} has ended: it is ${state}`;
  if (action !== 'cleanup' && action !== 'plan')
    return `${id} is a ${action}; it ends when Keystone shows another state of the ${scope.type}`;
  if (!request)
    return (
      `${scope.type} ${scope.id} was deleted in Keystone, so nothing can be taken back` +
      // A hold is about a project, a domain or a resource.
      (scope.type === 'user'
        ? ''
        : `; to keep its resources: propagator hold add --${scope.type} ${scope.id} --reason "…"`)
    );
  return state === 'closing'
    ? `${id} is closing: everything is removed, and Keystone deletes the ${scope.type}`
    : undefined;
}

/**
 * Applies the decision of a person to cancel an operation. No further removal begins. A removed
 * resource does not come back, and the counts of the tasks show how many were removed. A role on
 * the project is revoked. The operations that a domain opened for its projects are canceled as
 * well; `children` has them as they are stored. An independent operation about a project goes on.
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
  rules: Rules,
): void {
  const { operation } = transaction;
  if (whyNotCanceled(operation) !== undefined) return;
  if (isRecoverable(operation)) {
    cancelRecoverable(transaction, { by, reason }, rules);
    return;
  }
  const { scope, state, keystoneAction } = operation;
  // The action `disable` revokes the role first. Keystone may have refused that, too.
  const isDisableRefused =
    state === 'held' && keystoneAction?.what === 'disable' && !keystoneAction.done;
  const hasRole =
    scope.type === 'project' &&
    keystoneAction !== undefined &&
    (state === 'pre-delete' || isDisableRefused);
  const advice =
    operation.startedAt === undefined
      ? 'Nothing was changed.'
      : 'Resources that the counts show as removed are gone. A removal that was already sent is ' +
        'not taken back. If the ' +
        `${scope.type} is disabled in Keystone and is needed: ` +
        `openstack ${scope.type} set --enable ${scope.id}`;
  transaction.operation = {
    ...moveOperation(operation, 'canceled'),
    hold: { reason: `canceled by ${by}: ${reason}`, since: rules.now, advice },
    endedAt: rules.now,
  };
  if (hasRole) transaction.keystoneAction('revoke-role', rules.now);
  if (scope.type !== 'domain') return;
  const independent = new Set(
    children.filter((child) => isIndependent(child, operation)).map(({ id }) => id),
  );
  for (const operationId of operation.children)
    if (!independent.has(operationId))
      transaction.messages.push({
        type: 'operation.canceled',
        data: { operationId, by, reason: `${operation.id} is canceled: ${reason}`.slice(0, 1000) },
      });
}
