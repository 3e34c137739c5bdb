import type { Condition } from '../../events/service.ts';
import type { Reads } from '../engine/port.ts';
import { isIndependentOf, isPartOfDomainDeletion } from '../operation/domain-project.ts';
import { hasEnded } from '../operation/ended.ts';
import {
  KEPT_AFTER_CANCEL_CODE,
  UNCONFIRMED_ABSENCE_CODE,
} from '../operation/keystone-action-model.ts';
import type { KeystoneAction, KeystoneActionResult, Operation } from '../operation/model.ts';
import type { AccountState } from '../operation/preflight.ts';
import type { StepInput } from '../operation/transaction.ts';
import type { ErrorReport } from '../shared/errors.ts';

/**
 * In these states, an accepted cancellation stops the next Keystone action. The operation has
 * stored the cancellation, and ends when it handles a later message. The message of the Keystone
 * action may arrive before this later message.
 */
const CANCELABLE_STATES = ['pre-delete', 'waiting', 'closing'];

/** The dependencies of {@link canceledError}. */
export interface CanceledErrorDeps {
  readonly limits: Pick<StepInput, 'confirmationIntervalMillis'>;
  now(): number;
}

/**
 * Returns the error that stops the next Keystone action of an operation, or `undefined` if the
 * action is allowed. All actions of an operation that is not canceled are allowed. After a
 * cancellation, two actions are still allowed:
 *
 * - the deletion of the account, if two 404 answers of Keystone with the confirmation interval
 *   between them have shown that the account is already deleted. The cancellation is then too late;
 * - the action `disable` in a recovery window, because the cancellation waits for the end of this
 *   action.
 */
export function canceledError(
  { canceled, keystoneAction, scope, state }: Operation,
  accountState: AccountState,
  { limits, now }: CanceledErrorDeps,
): ErrorReport | undefined {
  if (!canceled || !CANCELABLE_STATES.includes(state)) return undefined;
  if (accountState !== 'absent' || state !== 'closing')
    return {
      ...actionStoppedError({
        message: `canceled by ${canceled.by}`,
        advice: 'No action is needed.',
      }),
      code: KEPT_AFTER_CANCEL_CODE,
    };
  const { absentSince } = keystoneAction ?? {};
  const isConfirmed =
    absentSince !== undefined && now() - absentSince >= limits.confirmationIntervalMillis;
  return isConfirmed
    ? undefined
    : {
        ...actionStoppedError({
          message: `Keystone does not show the ${scope.type}, and a single 404 may be wrong`,
          advice: '',
        }),
        code: UNCONFIRMED_ABSENCE_CODE,
      };
}

/**
 * Returns the error that stops a Keystone action on a project if the deletion of its domain is
 * canceled. The cancellation is sent to the operations of the domain's projects one after another,
 * and may not have reached this operation yet. A cleanup that the operation of the domain has not
 * opened continues.
 */
export async function domainCanceledError(
  operation: Operation,
  { engine }: { readonly engine: { readonly reads: Pick<Reads, 'operation'> } },
): Promise<ErrorReport | undefined> {
  const { id, parentId } = operation;
  if (parentId === undefined || !isPartOfDomainDeletion(operation)) return undefined;
  const domainOperation = await engine.reads.operation(parentId);
  if (!domainOperation || isIndependentOf(operation, domainOperation)) return undefined;
  const isCanceled =
    domainOperation.state === 'canceled' ||
    (domainOperation.canceled && !hasEnded(domainOperation));
  if (!isCanceled) return undefined;
  return actionStoppedError({
    message: `the deletion of its domain is canceled (${parentId})`,
    advice:
      'The operation ends within a minute. If it does not: propagator operation cancel ' +
      `${id} --reason "…"`,
  });
}

/**
 * Returns the field `accountState` for the result of a `disable` that failed or was stopped.
 * Returns an empty object for any other action, and if Keystone has not shown the state of the
 * account. `accountState`: the state before the attempt.
 */
export const stateBeforeDisable = (
  what: KeystoneAction['what'],
  accountState: AccountState | undefined,
): Pick<KeystoneActionResult, 'accountState'> =>
  what === 'disable' && accountState !== undefined ? { accountState } : {};

/**
 * Returns the error of a Keystone action that was not sent. With the code of this error, the action
 * is retried later.
 */
export const actionStoppedError = ({
  message,
  advice = '',
}: Pick<Condition, 'message' | 'advice'>): ErrorReport => ({
  code: 'operation.keystone-action.stopped',
  class: 'Blocked',
  message,
  advice,
  service: 'keystone',
});
