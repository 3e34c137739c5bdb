import type { TaskId } from '../../events/ids.ts';
import { waitsForPeople } from './counts.ts';
import { type PlannedTask, TASK_ENDED, type Task } from './model.ts';
import { NO_REGION } from './order.ts';
import type { OperationTransaction } from './transaction.ts';
import { moveTask } from './transitions.ts';

/**
 * Within a short grace period the survey still tells where to begin; the end is proven by a look at
 * everything anyway.
 */
const SURVEY_IS_FRESH_MILLIS = 10 * 60_000;
/** Whoever has waited for people alone for so long is passed by those who only follow. */
const PEOPLE_MILLIS = 30_000;

export const isEnded = (task: Task | undefined): boolean =>
  task !== undefined && TASK_ENDED.includes(task.state);

/**
 * It can't be listed, was given up, or waits for a person, or for one of whom that is true: it must
 * not stop those who only follow it (safety rule: one stuck resource stops no other).
 */
function isHeldUp(transaction: OperationTransaction, id: TaskId, now: number): boolean {
  const task = transaction.task(id);
  if (!task || task.state === 'dead-lettered' || task.error) return true;
  if (task.state === 'pending') {
    const after = transaction.operation.order.find((planned) => planned.id === id)?.after ?? [];
    return after.some(
      (before) => !isEnded(transaction.task(before)) && isHeldUp(transaction, before, now),
    );
  }
  return (
    task.state === 'requested' &&
    waitsForPeople(task.conditions) &&
    now - task.progressAt >= PEOPLE_MILLIS
  );
}

/**
 * It is still being emptied, and its last pass has proven that nothing is left of what this one
 * waits for.
 */
function isVerifiedEmpty(
  transaction: OperationTransaction,
  { until }: PlannedTask,
  id: TaskId,
): boolean {
  const task = transaction.task(id);
  const awaited = until.find((edge) => edge.task === id)?.resourceTypes ?? [];
  if (task?.state !== 'requested' || task.phase !== 'apply' || awaited.length === 0) return false;
  return awaited.every((resourceType) => task.verifiedEmpty.includes(resourceType));
}

/**
 * Asks for every task whose turn it is: those before it have ended; those that it follows have
 * ended, are held up, or have nothing left of the resource types that it waits for alone.
 * What went ahead of one that has not ended, or stands behind one that did, is looked at once more
 * when that one has ended, in its turn: it may have made something meanwhile.
 */
export function requestReady(transaction: OperationTransaction, now: number): void {
  const { operation } = transaction;
  const isFresh = now - (operation.confirmedAt.at(0) ?? 0) < SURVEY_IS_FRESH_MILLIS;
  for (const task of transaction.tasks)
    if (
      task.ahead.length > 0 &&
      isEnded(task) &&
      task.ahead.every((id) => isEnded(transaction.task(id)))
    )
      reopen(transaction, task);
  for (const planned of operation.order) {
    const task = transaction.task(planned.id);
    if (task?.state !== 'pending' || !planned.after.every((id) => isEnded(transaction.task(id))))
      continue;
    const passed = planned.follows.filter((id) => !isEnded(transaction.task(id)));
    if (
      !passed.every(
        (id) => isHeldUp(transaction, id, now) || isVerifiedEmpty(transaction, planned, id),
      )
    )
      continue;
    const passedBefore = [...planned.after, ...planned.follows].flatMap(
      (id) => transaction.task(id)?.ahead ?? [],
    );
    const ahead = [...new Set([...passed, ...passedBefore])];
    ask(transaction, { ...task, ahead }, 'apply', now, isFresh && task.startedAt === undefined);
  }
}

/**
 * Somebody could work in the project meanwhile: nothing is proven any more, nor by a pass that is
 * under way and may have looked before. False when there is nothing to look at.
 */
export function invalidateVerifications(transaction: OperationTransaction): boolean {
  for (const task of transaction.tasks) {
    const isUnderWay = task.state === 'requested';
    if (isUnderWay || task.verifiedBeforeDeletion.length > 0 || task.verifiedEmpty.length > 0)
      transaction.put({
        ...task,
        verifiedBeforeDeletion: [],
        verifiedEmpty: [],
        stale: isUnderWay || undefined,
      });
    const now = transaction.task(task.id);
    if (now && isEnded(now)) reopen(transaction, now);
  }
  return transaction.tasks.some((task) => !isEnded(task));
}

export function reopen(transaction: OperationTransaction, task: Task): void {
  // Without a region there is nothing that could be listed again.
  if (task.state === 'skipped' || task.region === NO_REGION) return;
  transaction.put({
    ...moveTask(task, 'pending'),
    ahead: [],
    endedAt: undefined,
    because: undefined,
    stale: undefined,
  });
}

/** The same while the project lives, among those that have something to do then. */
export function requestPreDelete(transaction: OperationTransaction, now: number): void {
  const due = transaction.operation.order.filter(
    (planned) => transaction.task(planned.id)?.preDelete === 'due',
  );
  for (const planned of due) {
    const task = transaction.task(planned.id);
    if (task?.state === 'pending' && isPreDeleteTurn(planned, due, transaction, now))
      ask(transaction, task, 'pre-delete', now, false);
  }
}

function isPreDeleteTurn(
  planned: PlannedTask,
  due: readonly PlannedTask[],
  transaction: OperationTransaction,
  now: number,
): boolean {
  return due.every(({ id }) => {
    if (isEnded(transaction.task(id))) return true;
    return (
      !planned.after.includes(id) &&
      (!planned.follows.includes(id) || isHeldUp(transaction, id, now))
    );
  });
}

function ask(
  transaction: OperationTransaction,
  task: Task,
  phase: Task['phase'],
  now: number,
  isFresh: boolean,
): void {
  const requested: Task = {
    ...moveTask(task, 'requested'),
    phase,
    // What the survey or an early pass saw empty was seen before its turn.
    verifiedEmpty: [],
    stale: undefined,
    run: task.run + 1,
    sequence: 0,
    attempts: 0,
    progressAt: now,
    reportedAt: now,
    runProgressed: false,
    askedWaitMillis: 0,
    startedAt: task.startedAt ?? now,
    nextAt: now,
  };
  transaction.put(requested);
  transaction.messages.push(transaction.request(requested, isFresh));
}
