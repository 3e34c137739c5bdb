import type { Condition, Phase } from '../../events/service.ts';
import type { Act, Mode, Operation } from './model.ts';

/** What Keystone says of the account right before a pass that removes. */
export type AccountNow = 'absent' | 'enabled' | 'disabled';

/**
 * What forbids a pass that removes now, asked again before each, for hours may lie between two of them:
 * the mode (law 11), a protection that was set meanwhile (law 7), a cap that was passed meanwhile (law 10), an account that Keystone
 * shows otherwise than the operation was begun for (law 1). `undefined`: nothing does.
 */
export function obstacleTo(
  operation: Pick<Operation, 'request' | 'state' | 'hold'>,
  phase: Phase,
  mode: Mode,
  protectedBecause: string | undefined,
  shown: AccountNow,
): Condition | undefined {
  if (phase === 'survey') return undefined;
  const forbidden = forbiddenBy(mode, protectedBecause);
  if (forbidden) return forbidden;
  if (operation.state === 'held')
    return stop(`the operation is held: ${operation.hold?.reason ?? 'for a person'}`, 'Release it, or leave it as it is.');
  if (shown === 'absent') return undefined;
  if (!operation.request) return stop('Keystone shows it again: nothing more is removed', 'Find out who restored it in Keystone.');
  // An early pass works on the living project, any other on one that nobody can use any more.
  const wanted = phase === 'early' ? 'enabled' : 'disabled';
  if (shown === wanted) return undefined;
  return phase === 'early'
    ? stop(
        'somebody disabled the project: what needs it alive waits',
        'Enable it in Keystone to let this go on, or delete it there: the rest goes then.',
      )
    : stop('somebody enabled the project again: nothing more is removed', 'Disable it in Keystone to let this go on.');
}

/** What forbids an act in Keystone now, likewise. Giving a role back is never forbidden. */
export function obstacleToAct(
  operation: Pick<Operation, 'request' | 'state' | 'hold'>,
  what: Exclude<Act['what'], 'leave'>,
  mode: Mode,
  protectedBecause: string | undefined,
  shown: AccountNow,
): Condition | undefined {
  if (what === 'disable') return forbiddenBy(mode, protectedBecause);
  return obstacleTo(operation, what === 'enter' ? 'early' : 'clean', mode, protectedBecause, shown);
}

function forbiddenBy(mode: Mode, protectedBecause: string | undefined): Condition | undefined {
  if (mode === 'observe') return stop('the mode is observe: nothing is removed', 'Start with PROPAGATOR_MODE=enforce to let it go on.');
  return protectedBecause
    ? stop(`protected: ${protectedBecause}`, 'Take the protection away, or leave the operation as it is.')
    : undefined;
}

const stop = (message: string, advice: string): Condition => ({ class: 'Blocked', message, actor: 'operator', advice, count: 1 });
