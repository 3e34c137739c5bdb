import type { ErrorReport } from '../errors.ts';
import { advance, hold } from './advance.ts';
import type { Draft, Rules } from './draft.ts';
import { moveOperation } from './transitions.ts';

const LONGEST_WAIT_SECONDS = 60;

/**
 * Takes in what became of an act in Keystone. What is transient is tried again; whatever else goes wrong waits for a person,
 * for the next step would build on it. An answer to an older act is left aside.
 */
export function takeActed(draft: Draft, number: number, error: ErrorReport | undefined, rules: Rules): void {
  const { act } = draft.operation;
  if (!act || act.number !== number || act.done) return;
  if (error) takeFailure(draft, act, error, rules);
  else {
    const wasHeldByIt = draft.operation.state !== 'held';
    draft.operation = { ...draft.operation, act: { ...act, done: true }, ...(wasHeldByIt ? { hold: undefined } : {}) };
    // A disabled project gives no token: from here on it goes as after a deletion, but for what was proven before.
    if (act.what === 'disable' && draft.operation.state === 'early') draft.operation = moveOperation(draft.operation, 'running');
    advance(draft, rules);
  }
}

const DOING = {
  enter: 'taking a role on the project',
  leave: 'giving the role on the project back',
  disable: 'disabling the project',
  delete: 'deleting the project',
} as const;

function takeFailure(draft: Draft, act: NonNullable<Draft['operation']['act']>, error: ErrorReport, rules: Rules): void {
  const reason = `${DOING[act.what]} in Keystone failed: ${error.message}`;
  const { state } = draft.operation;
  if (error.class !== 'Transient' && (state === 'early' || state === 'closing')) {
    hold(draft, reason, rules.now, { about: 'act', advice: error.advice });
    return;
  }
  // Giving a role back goes on in whatever state the operation is.
  if (state === 'early' || state === 'closing')
    draft.operation = { ...draft.operation, hold: { reason, since: act.since, advice: error.advice } };
  const delaySeconds = Math.min(LONGEST_WAIT_SECONDS, Math.max(1, (rules.now - act.since) / 4000));
  draft.messages.push({
    type: 'operation.act',
    data: { operationId: draft.operation.id, what: act.what, number: act.number },
    delaySeconds,
  });
}
