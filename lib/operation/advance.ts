import { total } from './accounting.ts';
import { residueOf, weigh } from './coverage.ts';
import type { Draft, Rules } from './draft.ts';
import type { Hold, Operation } from './model.ts';
import { isEnded, requestEarly, requestReady } from './ready.ts';
import { moveOperation } from './transitions.ts';

/** A released operation may pass the caps: a person has looked. */
const mayPassCaps = (operation: Operation): boolean => operation.released !== undefined;

/** An administrator asked for it, and Keystone still has the project: it is disabled and deleted by us. */
export const lives = (operation: Operation): boolean => operation.request !== undefined && operation.confirmedAt.length === 0;

/**
 * Moves an operation on as far as it can go now: from confirming to running (or observed), from one task to those behind it, to its end.
 * Called after every change; does nothing when nothing can move.
 */
export function advance(draft: Draft, rules: Rules): void {
  const hadEnded = draft.operation.endedAt !== undefined;
  if (draft.operation.state === 'confirming') start(draft, rules);
  if (draft.operation.state === 'early') early(draft, rules);
  if (draft.operation.state === 'running') {
    const cap = overCap(draft, rules);
    if (cap) hold(draft, cap, rules.now);
    else requestReady(draft, rules.now);
  }
  end(draft, rules);
  if (!hadEnded && draft.operation.endedAt !== undefined) announceEnd(draft);
}

/**
 * Law 1: Keystone has answered 404 twice and apart, and the grace period is over;
 * or an administrator asked for it, and Keystone has shown the project as he said.
 */
export function isConfirmed(operation: Operation, rules: Rules): boolean {
  if (lives(operation)) return operation.order.length > 0;
  const [first, last] = [operation.confirmedAt.at(0), operation.confirmedAt.at(-1)];
  return first !== undefined && last !== undefined && last - first >= rules.apartMillis && rules.now >= operation.notBefore;
}

function start(draft: Draft, rules: Rules): void {
  const { operation } = draft;
  if (!isConfirmed(operation, rules)) return;
  if (operation.mode === 'observe') {
    if (draft.tasks.every(isEnded)) draft.operation = { ...moveOperation(operation, 'observed'), endedAt: rules.now };
    return;
  }
  // A service that can't be counted now stops no other (law 9): its first failed try is enough to go on without it.
  const uncounted = draft.tasks.filter((task) => task.state === 'surveying' && task.sequence === 0 && task.pass === 1);
  if (uncounted.length > 0) return;
  if (!mayPassCaps(operation) && rules.startedLastHour >= rules.mostOperationsAnHour) {
    hold(
      draft,
      `${rules.startedLastHour} operations have started within the last hour, the cap is ${rules.mostOperationsAnHour}`,
      rules.now,
    );
    return;
  }
  const cap = overCap(draft, rules);
  if (cap) hold(draft, cap, rules.now);
  else begin(draft, rules.now);
}

/** The first thing that changes anything: alive, if an administrator wants so; else on what Keystone has forgotten or disabled. */
export function begin(draft: Draft, now: number): void {
  const { operation } = draft;
  const isAlive = lives(operation) && operation.request?.enabled === true;
  draft.operation = { ...moveOperation(operation, isAlive ? 'early' : 'running'), startedAt: operation.startedAt ?? now };
  if (isAlive) draft.act('enter', now);
}

/** What needs the project alive; when all of it is done, the project is disabled. */
function early(draft: Draft, rules: Rules): void {
  const { act } = draft.operation;
  if (act?.what !== 'enter' || !act.done) return;
  const cap = overCap(draft, rules);
  if (cap) {
    hold(draft, cap, rules.now);
    draft.act('leave', rules.now);
    return;
  }
  requestEarly(draft, rules.now);
  if (draft.tasks.every((task) => task.early !== 'due' || isEnded(task))) draft.act('disable', rules.now);
}

function overCap(draft: Draft, rules: Rules): string | undefined {
  const found = draft.tasks.reduce((sum, task) => sum + total(task.counts).found, 0);
  if (mayPassCaps(draft.operation) || found <= rules.mostThings) return undefined;
  return `it holds ${found} things, the cap is ${rules.mostThings}`;
}

/** Lets the operation stand still until a person releases it by name. */
export function hold(draft: Draft, reason: string, now: number, more: { about?: Hold['about']; advice?: string } = {}): void {
  const release = `propagator release ${draft.operation.id} --reason "…"`;
  const advice = more.advice === undefined ? `Look at it, then release it by name: ${release}` : `${more.advice} Then: ${release}`;
  draft.operation = { ...moveOperation(draft.operation, 'held'), hold: { reason, since: now, advice, about: more.about ?? 'cap' } };
}

/** Only when every task has ended by its own report does the operation end. */
function end(draft: Draft, rules: Rules): void {
  const { operation } = draft;
  // An account of which no service holds anything has no tasks.
  if (operation.state === 'running' && operation.order.every(({ id }) => isEnded(draft.task(id)))) {
    if (lives(operation)) close(draft, rules);
    else draft.operation = { ...ended(draft, rules), endedAt: rules.now, hold: undefined };
  } else if (operation.state === 'closing' && operation.act?.what === 'delete' && operation.act.done)
    draft.operation = { ...ended(draft, rules), endedAt: rules.now, hold: undefined };
}

function ended(draft: Draft, rules: Rules): Operation {
  const { open, waived } = weigh(residueOf(draft.operation, draft.tasks), rules.waivers);
  return { ...moveOperation(draft.operation, open.length > 0 ? 'residue-unknown' : 'finished'), waived };
}

/** What may be left, and would be out of reach for good once the project is deleted. */
const residue = (draft: Draft, rules: Rules): string[] =>
  weigh(residueOf(draft.operation, draft.tasks), rules.waivers).open.map(({ what }) => what);

/** Deletes the project in Keystone. Is something out of reach, Keystone is asked first: where somebody has deleted it, nothing is to be decided. */
function close(draft: Draft, rules: Rules): void {
  const { id, look } = draft.operation;
  if (residue(draft, rules).length > 0) draft.messages.push({ type: 'operation.look', data: { operationId: id, look } });
  else {
    draft.operation = moveOperation(draft.operation, 'closing');
    draft.act('delete', rules.now);
  }
}

/** Whether to delete a project of which something may be left is for a person to decide. */
export function holdForResidue(draft: Draft, rules: Rules): void {
  const unknown = residue(draft, rules);
  if (unknown.length === 0) return;
  const advice =
    'What is listed may still hold things of this project: look there. Releasing it deletes the project in Keystone all the same.';
  hold(draft, `the project is not deleted in Keystone yet: ${unknown.join('; ')}`, rules.now, { about: 'residue', advice });
}

/** Tells whoever listens, and the domain that it belongs to. */
export function announceEnd(draft: Draft): void {
  const { id, state, parentId } = draft.operation;
  draft.messages.push({ type: 'operation.finished', data: { operationId: id, state, ...(parentId ? { parentId } : {}) } });
}
