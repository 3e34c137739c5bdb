import type { Condition } from '../../events/service.ts';
import type { Reads } from '../engine/port.ts';
import { isIndependent, isPartOfDomain } from '../operation/domain-project.ts';
import { CANCELED, UNCONFIRMED_ABSENCE } from '../operation/keystone-actions.ts';
import type { Operation } from '../operation/model.ts';
import { hasEnded } from '../operation/open.ts';
import type { AccountState } from '../operation/preflight.ts';
import type { Rules } from '../operation/transaction.ts';
import type { ErrorReport } from '../shared/errors.ts';

/** The states in which the message of an accepted cancellation may come after that of an action. */
const STOPPED_STATES = ['pre-delete', 'waiting', 'closing'];

/** The dependencies of {@link canceledError}. */
export interface CanceledDeps {
  readonly limits: Pick<Rules, 'confirmationIntervalMillis'>;
  now(): number;
}

/**
 * Returns the error that replaces the next action of a canceled operation. One 404 of Keystone may
 * be wrong. Only if Keystone answers 404 twice and apart, the cancellation came too late, and the
 * operation ends as after a deletion. A recovery window completes its `disable`, because its
 * cancellation waits for the answer.
 */
export function canceledError(
  { canceled, keystoneAction, scope, state }: Operation,
  shown: AccountState,
  { limits, now }: CanceledDeps,
): ErrorReport | undefined {
  if (!canceled || !STOPPED_STATES.includes(state)) return undefined;
  if (shown !== 'absent' || state !== 'closing')
    return {
      ...stoppedBy({ message: `canceled by ${canceled.by}`, advice: 'No action is needed.' }),
      code: CANCELED,
    };
  const { absentSince } = keystoneAction ?? {};
  const isConfirmed =
    absentSince !== undefined && now() - absentSince >= limits.confirmationIntervalMillis;
  return isConfirmed
    ? undefined
    : {
        ...stoppedBy({
          message: `Keystone does not show the ${scope.type}, and one such answer may be wrong`,
          advice: '',
        }),
        code: UNCONFIRMED_ABSENCE,
      };
}

/**
 * Returns the error that stops a Keystone action on a project whose domain is canceled. The domain
 * sends the cancellation to its projects one after another, so the cancellation of this project may
 * come later. The operation of a person who requested the deletion of this project alone continues.
 */
export async function domainCanceledError(
  operation: Operation,
  { engine }: { readonly engine: { readonly reads: Pick<Reads, 'operation'> } },
): Promise<ErrorReport | undefined> {
  const { id, parentId } = operation;
  if (parentId === undefined || !isPartOfDomain(operation)) return undefined;
  const domain = await engine.reads.operation(parentId);
  if (!domain || isIndependent(operation, domain)) return undefined;
  if (domain.state !== 'canceled' && (hasEnded(domain) || !domain.canceled)) return undefined;
  return stoppedBy({
    message: `the deletion of its domain is canceled (${parentId})`,
    advice:
      'The operation ends with it, within a minute. If it does not: propagator operation cancel ' +
      `${id} --reason "…"`,
  });
}

/** The error of a Keystone action that was not carried out, and is tried again. */
export const stoppedBy = ({
  message,
  advice = '',
}: Pick<Condition, 'message' | 'advice'>): ErrorReport => ({
  code: 'operation.keystone-action.stopped',
  class: 'Blocked',
  message,
  advice,
  service: 'keystone',
});
