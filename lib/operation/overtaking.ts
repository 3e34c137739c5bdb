import type { TaskDependency } from '../../events/dependency.ts';
import type { TaskId } from '../../events/ids.ts';
import { waitsForPeople } from './counts.ts';
import { TASK_ENDED, type Task } from './model.ts';
import type { OperationTransaction, Rules } from './transaction.ts';
import { isVerifiedEmpty } from './verification.ts';

/** True if the task exists and is in one of its end states. */
export const isEnded = (task: Task | undefined): boolean =>
  task !== undefined && TASK_ENDED.includes(task.state);

/**
 * Once a task has been blocked for this long only by things that a person must fix, tasks with a
 * preferred dependency on it stop waiting.
 */
const OPERATOR_GRACE_MILLIS = 30_000;

export type ReadyRules = Pick<Rules, 'now' | 'heldTypes'>;

/**
 * True if the task is missing, failed, is dead-lettered, waits for a person, or requires such a
 * task. Tasks with a preferred dependency on a stuck task do not wait for it (safety rule "One
 * stuck project stops no other").
 */
function isStuck(transaction: OperationTransaction, id: TaskId, now: number): boolean {
  const task = transaction.task(id);
  if (!task || task.state === 'dead-lettered' || task.error) return true;
  if (task.state === 'pending') {
    const planned = transaction.operation.order.find((one) => one.id === id);
    return (planned?.dependsOn ?? []).some(
      ({ task: other, strength }) =>
        strength === 'required' &&
        !isEnded(transaction.task(other)) &&
        isStuck(transaction, other, now),
    );
  }
  return (
    task.state === 'requested' &&
    waitsForPeople(task.conditions) &&
    now - task.progressAt >= OPERATOR_GRACE_MILLIS
  );
}

/**
 * True if no resource of the awaited types is left. The other task has not ended: it is running, or
 * it waits after its partial run.
 */
function isNothingLeft(transaction: OperationTransaction, dependency: TaskDependency): boolean {
  const task = transaction.task(dependency.task);
  if (dependency.until !== 'empty' || task?.phase !== 'apply') return false;
  if (task.state !== 'requested' && task.partial?.state !== 'done') return false;
  return dependency.types.every((type) => isVerifiedEmpty(task.verifications, type));
}

/** True if the task may begin before the end of the task that it depends on. */
export const mayOvertake = (
  transaction: OperationTransaction,
  dependency: TaskDependency,
  rules: ReadyRules,
): boolean =>
  needNotWait(transaction, dependency, rules) ||
  (dependency.strength === 'preferred' && isNothingLeft(transaction, dependency));

/**
 * True if the count listed every type of the task as empty after Keystone had confirmed the
 * deletion, and the same is true for each task that it waits for. No resource of such a task can
 * then create others, so a task with resources need not wait for it.
 */
export function hasCountedNothing(transaction: OperationTransaction, id: TaskId): boolean {
  const task = transaction.task(id);
  if (isEnded(task)) return true;
  if (!task || task.error || !['pending', 'requested'].includes(task.state)) return false;
  const types = Object.keys(task.verifications);
  const planned = transaction.operation.order.find((one) => one.id === id);
  return (
    types.length > 0 &&
    types.every((type) => isTypeCountedEmpty(transaction, task, type)) &&
    (planned?.dependsOn ?? []).every((one) => hasCountedNothing(transaction, one.task))
  );
}

/**
 * Returns what the task has overtaken and what may still create resources for it. A run that is
 * requested after the end of an overtaken task lists what that task has left.
 */
export const stillOvertaken = (
  transaction: OperationTransaction,
  { id, overtook }: Pick<Task, 'id' | 'overtook'>,
): readonly TaskId[] => {
  // If an overtaken task overtook another one, it may run again.
  const mayRun = (other: TaskId): boolean =>
    !isEnded(transaction.task(other)) || (transaction.task(other)?.overtook.length ?? 0) > 0;
  // A dependency that overtook the same task runs again, and this task must run after it.
  const planned = transaction.operation.order.find((one) => one.id === id);
  return planned?.dependsOn.some((one) => mayRun(one.task)) ? overtook : overtook.filter(mayRun);
};

/**
 * True for a preferred dependency on a stuck task, unless a hold may keep a resource of the awaited
 * types. For example, Swift awaits Cinder's backups. A backup with a hold needs its data in Swift
 * until the hold ends.
 */
export const needNotWait = (
  transaction: OperationTransaction,
  dependency: TaskDependency,
  rules: ReadyRules,
): boolean =>
  dependency.strength === 'preferred' &&
  isStuck(transaction, dependency.task, rules.now) &&
  (dependency.until === 'done' ||
    isCountedEmpty(transaction, dependency) ||
    !waitsForHold(transaction, dependency.task, rules.heldTypes, dependency.types));

/**
 * True if a hold may keep a resource of these types (default: of any type) in the task, or in a
 * task that it requires. A failing task cannot report a hold that began after its last listing.
 * Every stored hold of an awaited type therefore counts, except if the last listing of this type
 * was empty.
 */
function waitsForHold(
  transaction: OperationTransaction,
  id: TaskId,
  heldTypes: readonly string[],
  types?: readonly string[],
): boolean {
  const task = transaction.task(id);
  if (!task || isEnded(task)) return false;
  const isAwaited = (type: string | undefined): boolean =>
    !types || type === undefined || types.includes(type);
  if (task.conditions.some((one) => one.isHold && isAwaited(one.resourceType))) return true;
  const isOfTask = (type: string): boolean => type.startsWith(`${task.service}.`);
  const isHeld = (type: string): boolean =>
    isOfTask(type) && isAwaited(type) && !isTypeCountedEmpty(transaction, task, type);
  if (heldTypes.some(isHeld)) return true;
  const planned = transaction.operation.order.find((one) => one.id === id);
  return (planned?.dependsOn ?? []).some(
    ({ task: other, strength }) =>
      strength === 'required' && waitsForHold(transaction, other, heldTypes),
  );
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

/** As {@link isCountedEmpty}, for one type. */
function isTypeCountedEmpty(
  { operation }: OperationTransaction,
  { verifications }: Task,
  type: string,
): boolean {
  const known = verifications[type];
  const [confirmedAt] = operation.confirmedAt;
  if (confirmedAt === undefined || known === undefined) return false;
  return known.status === 'empty' && !known.stale && known.verifiedAt >= confirmedAt;
}
