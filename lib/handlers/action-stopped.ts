import type { Condition } from '../../events/service.ts';
import type { Operation } from '../operation/model.ts';
import type { AccountState } from '../operation/preflight.ts';
import type { ErrorReport } from '../shared/errors.ts';

/**
 * The error that ends a canceled operation instead of its last step. If the account is gone, the
 * cancellation came too late, and the operation ends as after the deletion.
 */
export const canceledError = (
  { canceled, state }: Operation,
  shown: AccountState,
): ErrorReport | undefined =>
  canceled && state === 'closing' && shown !== 'absent'
    ? stoppedBy({ message: `canceled by ${canceled.by}`, advice: 'No action is needed.' })
    : undefined;

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
