import type { ErrorReport } from '../errors.ts';
import { advance, hold } from './advance.ts';
import type { Draft, Rules } from './draft.ts';
import type { Act } from './model.ts';
import type { AccountNow } from './obstacle.ts';
import { lookAgain } from './ready.ts';
import { moveOperation } from './transitions.ts';

/** What became of an act: what Keystone showed right before it, and what kept it from being done. */
export interface Acted {
  readonly number: number;
  readonly shown?: AccountNow;
  readonly error?: ErrorReport;
}

const LONGEST_WAIT_SECONDS = 60;

/**
 * Takes in what became of an act in Keystone. What is transient or stands in the way for now is tried again; whatever else goes wrong
 * waits for a person, for the next step would build on it. An answer to an older act is left aside.
 */
export function takeActed(draft: Draft, { number, shown, error }: Acted, rules: Rules): void {
  const { act, state, hold: held } = draft.operation;
  if (!act || act.number !== number || act.done) return;
  if (error && act.what === 'delete' && shown === 'enabled' && lookAgain(draft)) {
    // Somebody works in it again: what was proven empty may not be any more.
    draft.operation = moveOperation({ ...draft.operation, act: { ...act, done: true } }, 'running');
    advance(draft, rules);
  } else if (error) takeFailure(draft, act, error, rules);
  else {
    draft.operation = { ...draft.operation, act: { ...act, done: true }, hold: state === 'held' ? held : undefined };
    // A disabled project gives no token, nor does one that somebody deleted: from here on it goes as after a deletion, but for what was proven before.
    const givesNoToken = act.what === 'disable' || (act.what === 'enter' && shown === 'absent');
    if (givesNoToken && state === 'early') draft.operation = moveOperation(draft.operation, 'running');
    advance(draft, rules);
  }
}

const DOING = {
  enter: 'taking a role on the project',
  leave: 'giving the role on the project back',
  disable: 'disabling the project',
  delete: 'deleting the project',
} as const;

function takeFailure(draft: Draft, act: Act, error: ErrorReport, rules: Rules): void {
  const isStopped = error.class === 'Blocked';
  const reason = `${DOING[act.what]} in Keystone ${isStopped ? 'waits' : 'failed'}: ${error.message}`;
  const { state } = draft.operation;
  const isUnderWay = state === 'early' || state === 'closing';
  // Giving a role back goes on in whatever state the operation is.
  if (!isUnderWay && act.what !== 'leave') return;
  // `Gone`: somebody deleted the project this very moment; the next try sees that.
  if (isUnderWay && !isStopped && error.class !== 'Transient' && error.class !== 'Gone') {
    hold(draft, reason, rules.now, { about: 'act', advice: error.advice });
    return;
  }
  if (isUnderWay)
    draft.operation = {
      ...draft.operation,
      hold: { reason, since: act.since, advice: error.advice, ...(isStopped ? { about: 'act' } : {}) },
    };
  const delaySeconds = Math.min(LONGEST_WAIT_SECONDS, Math.max(1, (rules.now - act.since) / 4000));
  draft.messages.push({
    type: 'operation.act',
    data: { operationId: draft.operation.id, what: act.what, number: act.number },
    delaySeconds,
  });
}
