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
 * True if the awaited task (the task that the dependency names) has verified in phase `apply` that
 * the awaited types are empty. The verifications count only while a run of that task is in
 * progress, or while that task is pending after its partial run.
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
 * True if phase `plan`, after Keystone's first 404, counted no resources in this task nor in any
 * task that it depends on directly or indirectly. None of these tasks can then create a resource,
 * so a dependent need not wait for this task. Also true for an ended task.
 */
export function isChainCountedEmpty(transaction: OperationTransaction, id: TaskId): boolean {
  const task = transaction.task(id);
  if (hasTaskEnded(task)) return true;
  if (!task || task.error || !['pending', 'requested'].includes(task.state)) return false;
  const types = Object.keys(task.verifications);
  const plannedTask = transaction.operation.order.find((one) => one.id === id);
  return (
    types.length > 0 &&
    types.every((type) => isTypeCountedEmpty(transaction, task, type)) &&
    (plannedTask?.dependsOn ?? []).every((one) => isChainCountedEmpty(transaction, one.task))
  );
}

/**
 * Returns the overtaken tasks that may still create resources in the service of this task. This
 * task runs once more when they have ended. An overtaken task that cannot run again is omitted: all
 * resources that it created already exist, so the next run of this task lists them.
 */
export function tasksStillOvertaken(
  transaction: OperationTransaction,
  { id, overtook }: Pick<Task, 'id' | 'overtook'>,
): readonly TaskId[] {
  // If a dependency of this task runs again, this task must run again after it. A task runs again
  // only if its list of overtaken tasks is not empty, so the list keeps all its tasks.
  if (mayDependencyStillRun(transaction, id)) return overtook;
  return overtook.filter((other) => mayStillRun(transaction, other));
}

/** True if a task that this task depends on may run again. */
function mayDependencyStillRun(transaction: OperationTransaction, id: TaskId): boolean {
  const plannedTask = transaction.operation.order.find((one) => one.id === id);
  return plannedTask?.dependsOn.some((one) => mayStillRun(transaction, one.task)) ?? false;
}

/**
 * True if the task has not ended, or if it runs again because it has itself overtaken another task.
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
    areAwaitedTypesCountedEmpty(transaction, dependency) ||
    !mayHoldKeepResources(transaction, dependency.task, input.heldTypes, (type) =>
      dependency.types.some((awaited) => awaited === type),
    ));

/**
 * True if a deletion hold may keep a resource of the task, or of a task that the task requires. In
 * the task itself only the types that `isAwaited` accepts count. A failing task cannot report a
 * hold that began after its last listing. Every stored hold on a resource of such a type therefore
 * counts, unless the last listing of the type was empty.
 */
export function mayHoldKeepResources(
  transaction: OperationTransaction,
  id: TaskId,
  heldTypes: readonly string[],
  isAwaited: (type: string) => boolean,
): boolean {
  const task = transaction.task(id);
  if (!task || hasTaskEnded(task)) return false;
  const hasReportedHold = task.conditions.some(
    ({ isHold, resourceType }) => isHold && (resourceType === undefined || isAwaited(resourceType)),
  );
  const hasStoredHold = heldTypes.some(
    (type) =>
      type.startsWith(`${task.service}.`) &&
      isAwaited(type) &&
      !isTypeCountedEmpty(transaction, task, type),
  );
  return (
    hasReportedHold ||
    hasStoredHold ||
    requiredTasksOf(transaction, id).some((required) =>
      mayHoldKeepResources(transaction, required, heldTypes, () => true),
    )
  );
}

/** Returns the tasks that must end before this task begins. */
function requiredTasksOf({ operation }: OperationTransaction, id: TaskId): TaskId[] {
  const plannedTask = operation.order.find((one) => one.id === id);
  return (plannedTask?.dependsOn ?? [])
    .filter(({ strength }) => strength === 'required')
    .map(({ task }) => task);
}

/**
 * True if the last listing of each awaited type was empty, in any phase. The count of phase `plan`
 * is enough: after Keystone has confirmed the deletion of the account, no user can create resources
 * in it.
 */
export function areAwaitedTypesCountedEmpty(
  transaction: OperationTransaction,
  dependency: TaskDependency,
): boolean {
  const task = transaction.task(dependency.task);
  if (dependency.until !== 'empty' || !task) return false;
  return dependency.types.every((type) => isTypeCountedEmpty(transaction, task, type));
}

/**
 * True if the last listing of this type was empty, and was made after Keystone's first answer that
 * confirmed the deletion (see {@link areAwaitedTypesCountedEmpty}).
 */
export function isTypeCountedEmpty(
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
