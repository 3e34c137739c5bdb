import type { TaskDependency } from '../../events/dependency.ts';
import type { TaskId } from '../../events/ids.ts';
import { waitsOnlyForPeople } from './counts.ts';
import { ENDED_TASK_STATES, type Task } from './model.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { isVerifiedEmpty } from './verification.ts';

/** True if the task exists and is in one of its end states. */
export const hasTaskEnded = (task: Task | undefined): boolean =>
  task !== undefined && ENDED_TASK_STATES.includes(task.state);

/**
 * If a task has made no progress for this long and only a person can help, tasks with a preferred
 * dependency on it stop waiting.
 */
const OPERATOR_GRACE_MILLIS = 30_000;

export type OvertakingInput = Pick<StepInput, 'now' | 'heldTypes'>;

/**
 * True if the task is missing, has an error, is dead-lettered, waits for a person or requires a
 * stuck task. Tasks with a preferred dependency on a stuck task do not wait for it (safety rule
 * "One stuck project stops no other").
 */
function isStuck(transaction: OperationTransaction, id: TaskId, now: number): boolean {
  const task = transaction.task(id);
  if (!task || task.state === 'dead-lettered' || task.error) return true;
  if (task.state === 'pending')
    return requiredTasksOf(transaction, id).some(
      (required) =>
        !hasTaskEnded(transaction.task(required)) && isStuck(transaction, required, now),
    );
  return (
    task.state === 'requested' &&
    waitsOnlyForPeople(task.conditions) &&
    now - task.progressAt >= OPERATOR_GRACE_MILLIS
  );
}

/**
 * True if the task of the dependency has verified in phase `apply` that the awaited types are
 * empty. False unless that task is running, or is pending after a partial run. A partial run
 * handles the types that need not wait.
 */
function areAwaitedTypesEmpty(
  transaction: OperationTransaction,
  dependency: TaskDependency,
): boolean {
  const task = transaction.task(dependency.task);
  if (dependency.until !== 'empty' || task?.phase !== 'apply') return false;
  if (task.state !== 'requested' && task.partialRun?.state !== 'done') return false;
  return dependency.types.every((type) => isVerifiedEmpty(task.verifications, type));
}

/** True if a task with this dependency may begin before the end of the task that it depends on. */
export const mayOvertake = (
  transaction: OperationTransaction,
  dependency: TaskDependency,
  input: OvertakingInput,
): boolean =>
  mayOvertakeStuck(transaction, dependency, input) ||
  (dependency.strength === 'preferred' && areAwaitedTypesEmpty(transaction, dependency));

/**
 * True if phase `plan` counted no resources in this task and in the tasks that it depends on, after
 * Keystone's first 404. Then nothing in these tasks can create a resource, and a task that depends
 * on this task need not wait for it. Also true for an ended task.
 */
export function wasCountedEmpty(transaction: OperationTransaction, id: TaskId): boolean {
  const task = transaction.task(id);
  if (hasTaskEnded(task)) return true;
  if (!task || task.error || !['pending', 'requested'].includes(task.state)) return false;
  const types = Object.keys(task.verifications);
  const planned = transaction.operation.order.find((one) => one.id === id);
  return (
    types.length > 0 &&
    types.every((type) => isTypeCountedEmpty(transaction, task, type)) &&
    (planned?.dependsOn ?? []).every((one) => wasCountedEmpty(transaction, one.task))
  );
}

/**
 * Returns the overtaken tasks that may still create resources in the service of this task. This
 * task runs once more when they have ended. Omits an overtaken task that has ended for good: the
 * run that this task is about to make lists everything the other task created.
 */
export function stillOvertaken(
  transaction: OperationTransaction,
  { id, overtook }: Pick<Task, 'id' | 'overtook'>,
): readonly TaskId[] {
  // If a dependency of this task runs again, this task must run again after it. A task runs again
  // only if its list of overtaken tasks is not empty, so the list stays complete.
  if (mayDependencyStillRun(transaction, id)) return overtook;
  return overtook.filter((other) => mayStillRun(transaction, other));
}

/** True if a task that this task depends on may run again. */
function mayDependencyStillRun(transaction: OperationTransaction, id: TaskId): boolean {
  const planned = transaction.operation.order.find((one) => one.id === id);
  return planned?.dependsOn.some((one) => mayStillRun(transaction, one.task)) ?? false;
}

/**
 * True if the task has not ended. An overtaken task that has ended may run again if it has itself
 * overtaken a third task.
 */
function mayStillRun(transaction: OperationTransaction, id: TaskId): boolean {
  const task = transaction.task(id);
  return !hasTaskEnded(task) || (task?.overtook.length ?? 0) > 0;
}

/**
 * True for a preferred dependency on a stuck task, unless a deletion hold may keep a resource of
 * the awaited types. For example, Swift awaits Cinder's backups. A backup with a hold needs its
 * data in Swift until the hold ends.
 */
export const mayOvertakeStuck = (
  transaction: OperationTransaction,
  dependency: TaskDependency,
  input: OvertakingInput,
): boolean =>
  dependency.strength === 'preferred' &&
  isStuck(transaction, dependency.task, input.now) &&
  (dependency.until === 'done' ||
    isCountedEmpty(transaction, dependency) ||
    !mayHoldKeep(transaction, dependency.task, input.heldTypes, (type) =>
      dependency.types.some((awaited) => awaited === type),
    ));

/**
 * True if a deletion hold may keep a resource of the task whose type `isAwaited`, or any resource
 * of a task that it requires. A failing task cannot report a hold that began after its last
 * listing. Every stored hold of such a type therefore counts, unless the last listing of the type
 * was empty.
 */
function mayHoldKeep(
  transaction: OperationTransaction,
  id: TaskId,
  heldTypes: readonly string[],
  isAwaited: (type: string) => boolean,
): boolean {
  const task = transaction.task(id);
  if (!task || hasTaskEnded(task)) return false;
  const isReported = task.conditions.some(
    ({ isHold, resourceType }) => isHold && (resourceType === undefined || isAwaited(resourceType)),
  );
  const isStored = heldTypes.some(
    (type) =>
      type.startsWith(`${task.service}.`) &&
      isAwaited(type) &&
      !isTypeCountedEmpty(transaction, task, type),
  );
  return (
    isReported ||
    isStored ||
    requiredTasksOf(transaction, id).some((required) =>
      mayHoldKeep(transaction, required, heldTypes, () => true),
    )
  );
}

/** Returns the tasks that must end before this task begins. */
function requiredTasksOf({ operation }: OperationTransaction, id: TaskId): TaskId[] {
  const planned = operation.order.find((one) => one.id === id);
  return (planned?.dependsOn ?? [])
    .filter(({ strength }) => strength === 'required')
    .map(({ task }) => task);
}

/**
 * True if the last listing of each awaited type was empty, in any phase. The count of phase `plan`
 * is enough: after Keystone has confirmed the deletion of the account, no user can create resources
 * in it.
 */
export function isCountedEmpty(
  transaction: OperationTransaction,
  dependency: TaskDependency,
): boolean {
  const task = transaction.task(dependency.task);
  if (dependency.until !== 'empty' || !task) return false;
  return dependency.types.every((type) => isTypeCountedEmpty(transaction, task, type));
}

/** True if the last listing of this type was empty (see {@link isCountedEmpty}). */
function isTypeCountedEmpty(
  { operation }: OperationTransaction,
  { verifications }: Task,
  type: string,
): boolean {
  const verification = verifications[type];
  const [confirmedAt] = operation.confirmedAt;
  if (confirmedAt === undefined || verification === undefined) return false;
  const { stale, status, verifiedAt } = verification;
  return status === 'empty' && !stale && verifiedAt >= confirmedAt;
}
