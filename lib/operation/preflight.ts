import type { DomainId } from '../../events/ids.ts';
import type { Condition, Phase } from '../../events/service.ts';
import type { KeystoneAction, Mode, Operation } from './model.ts';

/** The state of an account in Keystone. `absent`: Keystone answers 404. */
export type AccountState = 'absent' | 'enabled' | 'disabled';

/** The facts that decide whether a run or a Keystone action is forbidden now. */
export interface PreflightInput {
  readonly operation: Pick<Operation, 'request' | 'state' | 'hold'>;
  readonly mode: Mode;
  /** Why the account is protected; `undefined` if it is not. */
  readonly protectedBecause: string | undefined;
  /** The present state of the account in Keystone. */
  readonly accountState: AccountState;
  /** Set if a deletion hold applies to the account. */
  readonly deletionHold?: Condition | undefined;
  /** Set if the project itself is enabled and its domain is disabled. */
  readonly disabledDomain?: DomainId | undefined;
}

/**
 * Returns the reason that forbids a run with removals, or `undefined`. The check precedes each run,
 * because hours may lie between two runs. Four reasons are possible:
 *
 * - the mode (safety rule "Observe first")
 * - a new protection (safety rule "Never the cloud's own")
 * - a hold of the operation (safety rule "Caps and a stop switch"), or a deletion hold on the
 *   account
 * - an account whose state in Keystone has changed (safety rule "Keystone decides")
 */
export function runRefusal(phase: Phase, input: PreflightInput): Condition | undefined {
  if (phase === 'plan') return undefined;
  return (
    refusalInAnyState(input) ??
    heldOperationRefusal(input.operation) ??
    accountStateRefusal(phase, input)
  );
}

const heldOperationRefusal = ({
  state,
  hold,
}: PreflightInput['operation']): Condition | undefined =>
  state === 'held'
    ? blockedCondition(
        `the operation is held: ${hold?.reason ?? 'for a person'}`,
        'Release the operation, or leave it held.',
      )
    : undefined;

/** Returns a refusal if the present state of the account in Keystone forbids a run of the phase. */
function accountStateRefusal(
  phase: Exclude<Phase, 'plan'>,
  { operation, accountState, disabledDomain }: PreflightInput,
): Condition | undefined {
  if (accountState === 'absent') return undefined;
  if (!operation.request)
    return blockedCondition(
      'Keystone shows the account again, so the removals stop',
      'Find out which user restored it in Keystone.',
    );
  if (phase === 'pre-delete') return preDeleteRefusal(accountState, disabledDomain);
  // A run of phase `apply` needs a disabled project, in which no user can work.
  return accountState === 'disabled'
    ? undefined
    : blockedCondition(
        'the project was enabled again in Keystone, so the removals stop',
        'Disable the project in Keystone (openstack project set --disable). The operation ' +
          'then continues automatically.',
      );
}

/** A pre-delete run needs a token on the project: an enabled project in an enabled domain. */
function preDeleteRefusal(
  accountState: AccountState,
  disabledDomain: DomainId | undefined,
): Condition | undefined {
  if (disabledDomain !== undefined)
    return blockedCondition(
      `the domain ${disabledDomain} is disabled in Keystone, so the tasks that need a token on ` +
        'the project wait',
      `Type: openstack domain set --enable ${disabledDomain}. The operation then continues ` +
        'automatically.',
    );
  return accountState === 'enabled'
    ? undefined
    : blockedCondition(
        'the project is disabled in Keystone, so the tasks that need the enabled project wait',
        'Enable the project in Keystone (openstack project set --enable), or delete it ' +
          'there. The operation then continues automatically.',
      );
}

/**
 * Returns the reason that forbids a Keystone action, by the rules of {@link runRefusal}. The
 * revocation of a role is always allowed.
 */
export function keystoneActionRefusal(
  action: Exclude<KeystoneAction['what'], 'revoke-role'>,
  input: PreflightInput,
): Condition | undefined {
  if (action === 'disable' || action === 'enable') return refusalInAnyState(input);
  return runRefusal(action === 'assign-role' ? 'pre-delete' : 'apply', input);
}

/** Returns a refusal that does not depend on the state of the account in Keystone. */
function refusalInAnyState({
  mode,
  protectedBecause,
  deletionHold,
}: PreflightInput): Condition | undefined {
  if (mode === 'observe')
    return blockedCondition(
      'the mode is observe, so resources are only counted',
      'To continue, start the propagator with PROPAGATOR_MODE=enforce.',
    );
  return protectedBecause
    ? blockedCondition(
        `protected: ${protectedBecause}`,
        'Remove the protection, or leave the operation as it is.',
      )
    : deletionHold;
}

const blockedCondition = (message: string, advice: string): Condition => ({
  class: 'Blocked',
  message,
  actor: 'operator',
  advice,
  count: 1,
});
