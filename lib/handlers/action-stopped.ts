import type { Condition } from '../../events/service.ts';
import type { Operation } from '../operation/model.ts';
import type { AccountState } from '../operation/preflight.ts';
import type { ErrorReport } from '../shared/errors.ts';

/**
 * Returns the error that replaces the last step of a canceled operation. If the account is already
 * deleted, the cancellation came too late, and the operation ends as after a deletion.
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
