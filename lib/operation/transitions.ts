import type { Operation, OperationState, Task, TaskState } from './model.ts';

/** All allowed state changes of an operation. */
export const OPERATION_TRANSITIONS: Readonly<Record<OperationState, readonly OperationState[]>> = {
  recoverable: ['confirming', 'refused', 'superseded', 'canceled'],
  // To `recoverable`, in one of four cases:
  // - The deletion was requested with a recovery window.
  // - Keystone's 404 before the end of the window was wrong.
  // - Keystone shows the account as enabled at the end of the window.
  // - A canceled operation waits for the call that disables the account.
  confirming: [
    'recoverable',
    'pre-delete',
    'running',
    'waiting',
    'held',
    'observed',
    'refused',
    'superseded',
    'canceled',
  ],
  // To `confirming`: the operation was held because Keystone's lists may be wrong, and a person
  // released the operation or a notification announced the deletion.
  // To `refused`: Keystone lists the account again, or a newer request of an administrator replaces
  // the operation.
  held: [
    'confirming',
    'pre-delete',
    'running',
    'waiting',
    'closing',
    'refused',
    'superseded',
    'canceled',
  ],
  'pre-delete': ['held', 'running', 'canceled'],
  running: ['held', 'closing', 'finished', 'unverified', 'superseded', 'canceled'],
  // To `running`: the project was enabled again before its deletion, so the services are listed
  // again.
  // To `canceled`: a person canceled the operation, and Keystone still shows the account.
  closing: ['running', 'held', 'finished', 'unverified', 'canceled'],
  // To `closing`: the deletion of a domain was requested, and every project of it is deleted.
  // To `held`: Keystone refuses to disable the domain.
  waiting: [
    'held',
    'closing',
    'finished',
    'observed',
    'refused',
    'unverified',
    'superseded',
    'canceled',
  ],
  // To `confirming`: a later notification may be true, so the operation asks Keystone again.
  refused: ['confirming'],
  finished: [],
  observed: [],
  unverified: [],
  superseded: [],
  canceled: [],
};

/** All allowed state changes of a task. */
export const TASK_TRANSITIONS: Readonly<Record<TaskState, readonly TaskState[]>> = {
  planning: ['pending', 'dead-lettered', 'finished', 'skipped', 'unreachable'],
  pending: ['requested', 'finished'],
  // After its pre-delete run a task waits for its dependencies again.
  requested: ['pending', 'dead-lettered', 'finished', 'skipped', 'unreachable'],
  'dead-lettered': ['planning', 'requested', 'pending', 'finished', 'skipped', 'unreachable'],
  // To `pending`: the task overtook another task, or the project was enabled again. The task then
  // runs once more.
  finished: ['pending'],
  skipped: [],
  unreachable: ['pending'],
};

/**
 * Returns the operation in its next state. Throws `TypeError` for a change that the table does not
 * allow, which is a defect.
 */
export function moveOperation(operation: Operation, to: OperationState): Operation {
  if (!OPERATION_TRANSITIONS[operation.state].includes(to))
    throw new TypeError(
      `${operation.id}: the transition from ${operation.state} to ${to} is not allowed`,
    );
  return { ...operation, state: to };
}

/**
 * Returns the task in its next state. Throws `TypeError` for a change that the table does not
 * allow, which is a defect.
 */
export function moveTask(task: Task, to: TaskState): Task {
  if (!TASK_TRANSITIONS[task.state].includes(to))
    throw new TypeError(`${task.id}: the transition from ${task.state} to ${to} is not allowed`);
  return { ...task, state: to };
}
