import type { Draft } from './draft.ts';
import { type PlannedTask, TASK_ENDED, type Task } from './model.ts';
import { moveTask } from './transitions.ts';

/** Within a short grace period the survey still tells where to begin; the end is proven by a look at everything anyway. */
const SURVEY_IS_FRESH_MILLIS = 10 * 60_000;
/** Whoever has waited for people alone for so long is passed by those who only follow. */
const PEOPLE_MILLIS = 30_000;

const isEnded = (task: Task | undefined): boolean => task !== undefined && TASK_ENDED.includes(task.state);

/** It can't be listed, was given up, or waits for a person: it must not stop those who only follow it (law 9). */
export function isHeldUp(task: Task | undefined, now: number): boolean {
  if (!task || task.state === 'errored' || task.error) return true;
  const onPeople = task.conditions.length > 0 && task.conditions.every((condition) => condition.actor !== 'nobody');
  return onPeople && task.state === 'requested' && now - task.progressAt >= PEOPLE_MILLIS;
}

/**
 * Asks for every task whose turn it is: those before it have ended, those that it follows have ended or are held up.
 * What went ahead of one that was held up is looked at once more when that one has ended, for it may have made something meanwhile.
 */
export function requestReady(draft: Draft, now: number): void {
  const { operation } = draft;
  const isFresh = now - (operation.confirmedAt.at(0) ?? 0) < SURVEY_IS_FRESH_MILLIS;
  for (const planned of operation.order) {
    const task = draft.task(planned.id);
    if (!task) continue;
    const passed = planned.follows.filter((id) => !isEnded(draft.task(id)));
    if (task.state === 'pending') {
      const isTurn = planned.after.every((id) => isEnded(draft.task(id))) && passed.every((id) => isHeldUp(draft.task(id), now));
      if (isTurn) ask(draft, { ...task, ahead: passed }, 'clean', now, isFresh);
    } else if (isEnded(task) && task.ahead.length > 0 && task.ahead.every((id) => isEnded(draft.task(id))))
      ask(draft, { ...task, ahead: [], endedAt: undefined, because: undefined }, 'clean', now, false);
  }
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
  const before = due.filter(({ id }) => planned.after.includes(id) || planned.follows.includes(id));
  return before.every(({ id }) => {
    const task = draft.task(id);
    return isEnded(task) || isHeldUp(task, now);
  });
}

function ask(draft: Draft, task: Task, phase: Task['phase'], now: number, isFresh: boolean): void {
  const requested: Task = {
    ...moveTask(task, 'requested'),
    phase,
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
