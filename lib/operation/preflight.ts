import type { DomainId } from '../../events/ids.ts';
import type { Condition, Phase } from '../../events/service.ts';
import type { KeystoneAction, Mode, Operation } from './model.ts';

/** The state of an account in Keystone. `absent`: Keystone answers 404. */
export type AccountState = 'absent' | 'enabled' | 'disabled';

/**
 * Returns the reason that forbids a run with removals, or `undefined`. The check precedes each run,
 * because hours may lie between two runs. Four reasons are possible:
 *
 * - the mode (safety rule "Observe first")
 * - a new protection (safety rule "Never the cloud's own")
 * - a hold of the operation (safety rule "Caps and a stop switch"), or a deletion hold on the
 *   account (`held`)
 * - an account whose state in Keystone has changed (safety rule "Keystone decides")
 *
 * `shown`: the present state in Keystone. `disabledDomain`: set if the project itself is enabled
 * and its domain is disabled.
 */
export function preflight(
  operation: Pick<Operation, 'request' | 'state' | 'hold'>,
  phase: Phase,
  mode: Mode,
  protectedBecause: string | undefined,
  shown: AccountState,
  held?: Condition,
  disabledDomain?: DomainId,
): Condition | undefined {
  if (phase === 'plan') return undefined;
  const forbidden = forbiddenBy(mode, protectedBecause) ?? held;
  if (forbidden) return forbidden;
  if (operation.state === 'held')
    return stop(
      `the operation is held: ${operation.hold?.reason ?? 'for a person'}`,
      'Release the operation, or leave it held.',
    );
  if (shown === 'absent') return undefined;
  if (!operation.request)
    return stop(
      'Keystone shows the account again, so the removals stop',
      'Find out which user restored it in Keystone.',
    );
  // A pre-delete run needs an enabled project. Every other run needs a disabled project, in which
  // no user can work.
  if (phase === 'pre-delete' && disabledDomain !== undefined)
    return stop(
      `the domain ${disabledDomain} is disabled in Keystone, so the tasks that need a token on ` +
        'the project wait',
      `Type: openstack domain set --enable ${disabledDomain}. The operation then continues ` +
        'automatically.',
    );
  const requiredState = phase === 'pre-delete' ? 'enabled' : 'disabled';
  if (shown === requiredState) return undefined;
  return phase === 'pre-delete'
    ? stop(
        'the project is disabled in Keystone, so the tasks that need the enabled project wait',
        'Enable the project in Keystone (openstack project set --enable), or delete it ' +
          'there. The operation then continues automatically.',
      )
    : stop(
        'the project was enabled again in Keystone, so the removals stop',
        'Disable the project in Keystone (openstack project set --disable). The operation ' +
          'then continues automatically.',
      );
}

/**
 * Returns the reason that forbids a Keystone action, by the rules of {@link preflight}. The
 * revocation of a role is always allowed.
 */
export function preflightAction(
  operation: Pick<Operation, 'request' | 'state' | 'hold'>,
  what: Exclude<KeystoneAction['what'], 'revoke-role'>,
  mode: Mode,
  protectedBecause: string | undefined,
  shown: AccountState,
  held?: Condition,
  disabledDomain?: DomainId,
): Condition | undefined {
  if (what === 'disable' || what === 'enable') return forbiddenBy(mode, protectedBecause) ?? held;
  return preflight(
    operation,
    what === 'assign-role' ? 'pre-delete' : 'apply',
    mode,
    protectedBecause,
    shown,
    held,
    disabledDomain,
  );
}

function forbiddenBy(mode: Mode, protectedBecause: string | undefined): Condition | undefined {
  if (mode === 'observe')
    return stop(
      'the mode is observe, so resources are only counted',
      'To continue, start the propagator with PROPAGATOR_MODE=enforce.',
    );
  return protectedBecause
    ? stop(
        `protected: ${protectedBecause}`,
        'Remove the protection, or leave the operation as it is.',
      )
    : undefined;
}

const stop = (message: string, advice: string): Condition => ({
  class: 'Blocked',
  message,
  actor: 'operator',
  advice,
  count: 1,
});
