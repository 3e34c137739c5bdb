import type { TaskId } from '../../events/ids.ts';
import { waitsForPeople } from './accounting.ts';
import type { Draft } from './draft.ts';
import { type PlannedTask, TASK_ENDED, type Task } from './model.ts';
import { moveTask } from './transitions.ts';

/** Within a short grace period the survey still tells where to begin; the end is proven by a look at everything anyway. */
const SURVEY_IS_FRESH_MILLIS = 10 * 60_000;
/** Whoever has waited for people alone for so long is passed by those who only follow. */
const PEOPLE_MILLIS = 30_000;

export const isEnded = (task: Task | undefined): boolean => task !== undefined && TASK_ENDED.includes(task.state);

/** It can't be listed, was given up, or waits for a person, or for one of whom that is true: it must not stop those who only follow it (law 9). */
function isHeldUp(draft: Draft, id: TaskId, now: number): boolean {
  const task = draft.task(id);
  if (!task || task.state === 'errored' || task.error) return true;
  if (task.state === 'pending') {
    const after = draft.operation.order.find((planned) => planned.id === id)?.after ?? [];
    return after.some((before) => !isEnded(draft.task(before)) && isHeldUp(draft, before, now));
  }
  return task.state === 'requested' && waitsForPeople(task.conditions) && now - task.progressAt >= PEOPLE_MILLIS;
}

/** It is still being emptied, and its last pass has proven that nothing is left of what this one waits for. */
function isCleared(draft: Draft, { until }: PlannedTask, id: TaskId): boolean {
  const task = draft.task(id);
  const awaited = until.find((edge) => edge.task === id)?.kinds ?? [];
  if (task?.state !== 'requested' || task.phase !== 'clean' || awaited.length === 0) return false;
  return awaited.every((kind) => task.cleared.includes(kind));
}

/**
 * Asks for every task whose turn it is: those before it have ended; those that it follows have ended, are held up, or have nothing left of
 * the kinds that it waits for alone.
 * What went ahead of one that has not ended, or stands behind one that did, is looked at once more when that one has ended, in its turn:
 * it may have made something meanwhile.
 */
export function requestReady(draft: Draft, now: number): void {
  const { operation } = draft;
  const isFresh = now - (operation.confirmedAt.at(0) ?? 0) < SURVEY_IS_FRESH_MILLIS;
  for (const task of draft.tasks)
    if (task.ahead.length > 0 && isEnded(task) && task.ahead.every((id) => isEnded(draft.task(id)))) reopen(draft, task);
  for (const planned of operation.order) {
    const task = draft.task(planned.id);
    if (task?.state !== 'pending' || !planned.after.every((id) => isEnded(draft.task(id)))) continue;
    const passed = planned.follows.filter((id) => !isEnded(draft.task(id)));
    if (!passed.every((id) => isHeldUp(draft, id, now) || isCleared(draft, planned, id))) continue;
    const passedBefore = [...planned.after, ...planned.follows].flatMap((id) => draft.task(id)?.ahead ?? []);
    const ahead = [...new Set([...passed, ...passedBefore])];
    ask(draft, { ...task, ahead }, 'clean', now, isFresh && task.startedAt === undefined);
  }
}

/**
 * Somebody could work in the project meanwhile: nothing is proven any more, nor by a pass that is under way and may have looked before.
 * False when there is nothing to look at.
 */
export function lookAgain(draft: Draft): boolean {
  for (const task of draft.tasks) {
    const isUnderWay = task.state === 'requested';
    if (isUnderWay || task.provenEarly.length > 0 || task.cleared.length > 0)
      draft.put({ ...task, provenEarly: [], cleared: [], doubted: isUnderWay || undefined });
    const now = draft.task(task.id);
    if (now && isEnded(now)) reopen(draft, now);
  }
  return draft.tasks.some((task) => !isEnded(task));
}

export function reopen(draft: Draft, task: Task): void {
  // What the catalog lacks holds nothing.
  if (task.state === 'skipped') return;
  draft.put({ ...moveTask(task, 'pending'), ahead: [], endedAt: undefined, because: undefined, doubted: undefined });
}

/** The same while the project lives, among those that have something to do then. */
export function requestEarly(draft: Draft, now: number): void {
  const due = draft.operation.order.filter((planned) => draft.task(planned.id)?.early === 'due');
  for (const planned of due) {
    const task = draft.task(planned.id);
    if (task?.state === 'pending' && isEarlyTurn(planned, due, draft, now)) ask(draft, task, 'early', now, false);
  }
}

function isEarlyTurn(planned: PlannedTask, due: readonly PlannedTask[], draft: Draft, now: number): boolean {
  return due.every(({ id }) => {
    if (isEnded(draft.task(id))) return true;
    return !planned.after.includes(id) && (!planned.follows.includes(id) || isHeldUp(draft, id, now));
  });
}

function ask(draft: Draft, task: Task, phase: Task['phase'], now: number, isFresh: boolean): void {
  const requested: Task = {
    ...moveTask(task, 'requested'),
    phase,
    // What the survey or an early pass saw empty was seen before its turn.
    cleared: [],
    doubted: undefined,
    pass: task.pass + 1,
    sequence: 0,
    attempts: 0,
    progressAt: now,
    startedAt: task.startedAt ?? now,
    nextAt: now,
  };
  draft.put(requested);
  draft.messages.push(draft.request(requested, isFresh));
}
