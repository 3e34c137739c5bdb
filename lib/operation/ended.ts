import { ENDED_OPERATION_STATES, type Operation } from './model.ts';
import { startAdvice } from './start-advice.ts';
import { moveOperation } from './transitions.ts';

/** True if the operation is in one of its end states. */
export const hasEnded = (operation: Operation): boolean =>
  ENDED_OPERATION_STATES.includes(operation.state);

/**
 * Returns the operations that this operation has opened, out of all `children`. Returns `undefined`
 * if one of these operations has not ended or is missing in `children`.
 */
export function childrenIfAllEnded(
  { children: ids }: Pick<Operation, 'children'>,
  children: readonly Operation[],
): readonly Operation[] | undefined {
  const ownChildren = children.filter(({ id }) => ids.includes(id));
  return ownChildren.length >= ids.length && ownChildren.every(hasEnded) ? ownChildren : undefined;
}

/** Ends an operation that must not continue. Its hold shows the reason. */
export function refuseOperation(operation: Operation, reason: string, now: number): Operation {
  return endRefused(operation, { reason, since: now, advice: refusalAdvice(operation) });
}

/** Ends an operation about a protected account. `because`: why the account is protected. */
export function refuseProtected(operation: Operation, because: string, now: number): Operation {
  const advice =
    'No resource was changed. A command is also refused while the account is protected. If the ' +
    'protection is wrong, change the settings or the policy file first.';
  return endRefused(operation, { reason: `protected: ${because}`, since: now, advice });
}

const endRefused = (operation: Operation, hold: NonNullable<Operation['hold']>): Operation => ({
  ...moveOperation(operation, 'refused'),
  hold,
  endedAt: hold.since,
});

function refusalAdvice({ action, id, recovery, scope }: Operation): string {
  if (action === 'plan') return 'No plan was made. The project itself was not changed.';
  if (recovery)
    return (
      'No resource was removed. The changes of the recovery window are reverted if Keystone ' +
      'still has the account: it is enabled and resumed as before.'
    );
  if (action === 'cleanup')
    return (
      'No resource was changed. If Keystone no longer has the account, run the operation again: ' +
      `propagator operation rerun ${id} --reason "…"`
    );
  return `No resource was changed. ${startAdvice(action, scope)}`;
}
