import { total } from './accounting.ts';
import type { Draft, Rules } from './draft.ts';
import { type Operation, TASK_ENDED, type Task } from './model.ts';
import { moveOperation, moveTask } from './transitions.ts';

/** A released operation may pass the caps: a person has looked. */
const mayPassCaps = (operation: Operation): boolean => operation.released !== undefined;

/** Within a short grace period the survey still tells where to begin; the end is proven by a look at everything anyway. */
const SURVEY_IS_FRESH_MILLIS = 10 * 60_000;

/**
 * Moves an operation on as far as it can go now: from confirming to running (or observed), from one task to those behind it, to its end.
 * Called after every change; does nothing when nothing can move.
 */
export function advance(draft: Draft, rules: Rules): void {
  const hadEnded = draft.operation.endedAt !== undefined;
  if (draft.operation.state === 'confirming') start(draft, rules);
  if (draft.operation.state === 'running') {
    const cap = overCap(draft, rules);
    if (cap) hold(draft, cap, rules.now);
    else requestReady(draft, rules.now);
  }
  end(draft, rules.now);
  if (!hadEnded && draft.operation.endedAt !== undefined) announceEnd(draft);
}

/** Law 1: Keystone has answered 404 twice and apart, and the grace period is over. */
export function isConfirmed(operation: Operation, rules: Rules): boolean {
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
  else draft.operation = { ...moveOperation(operation, 'running'), startedAt: rules.now };
}

function overCap(draft: Draft, rules: Rules): string | undefined {
  const found = draft.tasks.reduce((sum, task) => sum + total(task.counts).found, 0);
  if (mayPassCaps(draft.operation) || found <= rules.mostThings) return undefined;
  return `it holds ${found} things, the cap is ${rules.mostThings}`;
}

function hold(draft: Draft, reason: string, now: number): void {
  const advice = `Look at it, then release it by name: propagator release ${draft.operation.id} --reason "…"`;
  draft.operation = { ...moveOperation(draft.operation, 'held'), hold: { reason, since: now, advice } };
}

/** Asks for every task whose predecessors have all ended and that was counted. */
function requestReady(draft: Draft, now: number): void {
  for (const planned of draft.operation.order) {
    const task = draft.task(planned.id);
    if (task?.state !== 'pending') continue;
    if (!planned.after.every((id) => isEnded(draft.task(id)))) continue;
    const requested: Task = {
      ...moveTask(task, 'requested'),
      phase: 'clean',
      pass: task.pass + 1,
      sequence: 0,
      attempts: 0,
      progressAt: now,
      startedAt: now,
      nextAt: now,
    };
    draft.put(requested);
    draft.messages.push(draft.request(requested, now - (draft.operation.confirmedAt.at(0) ?? 0) < SURVEY_IS_FRESH_MILLIS));
  }
}

const isEnded = (task: Task | undefined): boolean => task !== undefined && TASK_ENDED.includes(task.state);

/** Only when every task has ended by its own report does the operation end. */
function end(draft: Draft, now: number): void {
  const { operation } = draft;
  if (operation.state === 'running' && draft.tasks.length > 0 && draft.tasks.every(isEnded)) {
    const unknown = draft.tasks.some((task) => task.state === 'unreachable');
    draft.operation = { ...moveOperation(operation, unknown ? 'residue-unknown' : 'finished'), endedAt: now, hold: undefined };
  }
}

/** Tells whoever listens, and the domain that it belongs to. */
export function announceEnd(draft: Draft): void {
  const { id, state, parentId } = draft.operation;
  draft.messages.push({ type: 'operation.finished', data: { operationId: id, state, ...(parentId ? { parentId } : {}) } });
}
