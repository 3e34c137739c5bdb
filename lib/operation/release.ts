import { advance, begin } from './advance.ts';
import type { Draft, Rules } from './draft.ts';
import { moveOperation } from './transitions.ts';

/** `since`: of the hold that the person saw; older releases did not tell. */
interface Released {
  readonly by: string;
  readonly reason: string;
  readonly since?: number | undefined;
}

/** A person let a held operation pass: over a cap, once more to Keystone, or to its end although something could not be reached. */
export function takeRelease(draft: Draft, { by, reason, since }: Released, rules: Rules): void {
  const { operation } = draft;
  const { hold, act } = operation;
  if (operation.state !== 'held' || (since !== undefined && since !== hold?.since)) return;
  draft.operation = { ...operation, hold: undefined, released: { by, reason, at: rules.now } };
  if (hold?.about === 'residue') {
    draft.operation = moveOperation(draft.operation, 'closing');
    draft.act('delete', rules.now);
  } else if (hold?.about === 'act' && act) {
    draft.operation = moveOperation(draft.operation, act.what === 'delete' ? 'closing' : 'early');
    draft.act(act.what, rules.now);
  } else if (operation.scope.type === 'domain') draft.operation = moveOperation(draft.operation, 'running');
  // What was disabled before it was held is not entered again.
  else if (act?.what === 'disable' || act?.what === 'delete') draft.operation = moveOperation(draft.operation, 'running');
  else begin(draft, rules.now);
  advance(draft, rules);
}
