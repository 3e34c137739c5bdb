import type { Condition, Phase } from '../../events/service.ts';
import type { KeystoneAction, Mode, Operation } from './model.ts';

/** What Keystone says of the account right before a pass that removes. */
export type AccountState = 'absent' | 'enabled' | 'disabled';

/**
 * What forbids a pass that removes now, asked again before each, for hours may lie between two of
 * them: the mode (safety rule: observe first), a protection that was set meanwhile (safety rule:
 * never the cloud itself), a cap that was passed meanwhile (safety rule: caps and a stop switch),
 * an account that Keystone shows otherwise than the operation was begun for (safety rule: Keystone
 * decides). `undefined`: nothing does.
 */
export function preflight(
  operation: Pick<Operation, 'request' | 'state' | 'hold'>,
  phase: Phase,
  mode: Mode,
  protectedBecause: string | undefined,
  shown: AccountState,
): Condition | undefined {
  if (phase === 'plan') return undefined;
  const forbidden = forbiddenBy(mode, protectedBecause);
  if (forbidden) return forbidden;
  if (operation.state === 'held')
    return stop(
      `the operation is held: ${operation.hold?.reason ?? 'for a person'}`,
      'Release it, or leave it as it is.',
    );
  if (shown === 'absent') return undefined;
  if (!operation.request)
    return stop(
      'Keystone shows it again: nothing more is removed',
      'Find out who restored it in Keystone.',
    );
  // An early pass works on the living project, any other on one that nobody can use any more.
  const wanted = phase === 'pre-delete' ? 'enabled' : 'disabled';
  if (shown === wanted) return undefined;
  return phase === 'pre-delete'
    ? stop(
        'somebody disabled the project: what needs it alive waits',
        'Enable it in Keystone to let this go on, or delete it there: the rest goes then.',
      )
    : stop(
        'somebody enabled the project again: nothing more is removed',
        'Disable it in Keystone to let this go on.',
      );
}

/** What forbids an act in Keystone now, likewise. Giving a role back is never forbidden. */
export function preflightAction(
  operation: Pick<Operation, 'request' | 'state' | 'hold'>,
  what: Exclude<KeystoneAction['what'], 'revoke-role'>,
  mode: Mode,
  protectedBecause: string | undefined,
  shown: AccountState,
): Condition | undefined {
  if (what === 'disable') return forbiddenBy(mode, protectedBecause);
  return preflight(
    operation,
    what === 'assign-role' ? 'pre-delete' : 'apply',
    mode,
    protectedBecause,
    shown,
  );
}

function forbiddenBy(mode: Mode, protectedBecause: string | undefined): Condition | undefined {
  if (mode === 'observe')
    return stop(
      'the mode is observe: nothing is removed',
      'Start with PROPAGATOR_MODE=enforce to let it go on.',
    );
  return protectedBecause
    ? stop(
        `protected: ${protectedBecause}`,
        'Take the protection away, or leave the operation as it is.',
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
