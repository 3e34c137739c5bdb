import type { Operation, OperationState, Task, TaskState } from './model.ts';

/** Every legal move of an operation. What is not here cannot happen. */
export const OPERATION_TRANSITIONS: Readonly<Record<OperationState, readonly OperationState[]>> = {
  confirming: ['pre-delete', 'running', 'waiting', 'held', 'observed', 'refused'],
  // Held before Keystone was asked: it is asked when a person releases it. Refused: Keystone lists
  // it again, or an administrator asks for the cleanup of a project that Keystone shows.
  held: ['confirming', 'pre-delete', 'running', 'waiting', 'closing', 'refused'],
  'pre-delete': ['held', 'running'],
  running: ['held', 'closing', 'finished', 'unverified'],
  // Somebody enabled the project before it was deleted.
  closing: ['running', 'held', 'finished', 'unverified'],
  waiting: ['finished', 'observed', 'unverified'],
  // A later notification may be the true one: Keystone is asked again.
  refused: ['confirming'],
  finished: [],
  observed: [],
  unverified: [],
};

/** Every legal move of a task. */
export const TASK_TRANSITIONS: Readonly<Record<TaskState, readonly TaskState[]>> = {
  planning: ['pending', 'dead-lettered', 'finished', 'skipped', 'unreachable'],
  pending: ['requested', 'finished'],
  // After its early pass it waits for its turn again.
  requested: ['pending', 'dead-lettered', 'finished', 'skipped', 'unreachable'],
  'dead-lettered': ['planning', 'requested', 'pending', 'finished', 'skipped', 'unreachable'],
  // It went ahead of one that was held up, or somebody enabled the project meanwhile: it is looked
  // at once more, in its turn.
  finished: ['pending'],
  skipped: [],
  unreachable: ['pending'],
};

/**
 * The operation in its next state. Throws `TypeError` on a move that the table does not know: that
 * is a defect.
 */
export function moveOperation(operation: Operation, to: OperationState): Operation {
  if (!OPERATION_TRANSITIONS[operation.state].includes(to))
    throw new TypeError(`${operation.id}: no way from ${operation.state} to ${to}`);
  return { ...operation, state: to };
}

/**
 * The task in its next state. Throws `TypeError` on a move that the table does not know: that is a
 * defect.
 */
export function moveTask(task: Task, to: TaskState): Task {
  if (!TASK_TRANSITIONS[task.state].includes(to))
    throw new TypeError(`${task.id}: no way from ${task.state} to ${to}`);
  return { ...task, state: to };
}
