import type { Condition, Phase } from '../../events/service.ts';
import type { Mode, Operation } from './model.ts';

/** What Keystone says of the account right before a pass that removes. */
export type AccountNow = 'absent' | 'enabled' | 'disabled';

/**
 * What forbids a pass that removes now, asked again before each, for hours may lie between two of them:
 * the mode (law 11), a protection that was set meanwhile (law 7), an account that Keystone shows otherwise than the operation was
 * begun for (law 1). `undefined`: nothing does.
 */
export function obstacleTo(
  operation: Pick<Operation, 'request'>,
  phase: Phase,
  mode: Mode,
  protectedBecause: string | undefined,
  shown: AccountNow,
): Condition | undefined {
  if (phase === 'survey') return undefined;
  if (mode === 'observe') return stop('the mode is observe: nothing is removed', 'Start with PROPAGATOR_MODE=enforce to let it go on.');
  if (protectedBecause) return stop(`protected: ${protectedBecause}`, 'Take the protection away, or leave the operation as it is.');
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

const stop = (message: string, advice: string): Condition => ({ class: 'Blocked', message, actor: 'operator', advice, count: 1 });
