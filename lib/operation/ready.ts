import type { TaskDependency } from '../../events/dependency.ts';
import type { TaskId } from '../../events/ids.ts';
import { total, waitsForPeople } from './counts.ts';
import { type PlannedTask, TASK_ENDED, type Task } from './model.ts';
import { NO_REGION } from './order.ts';
import type { OperationTransaction, Rules } from './transaction.ts';
import { moveTask } from './transitions.ts';
import { ALL_PHASES, isVerifiedEmpty, staleVerifications } from './verification.ts';

/**
 * Once a task has been blocked for this long only by things that a person must fix, tasks with a
 * preferred dependency on it stop waiting.
 */
const OPERATOR_GRACE_MILLIS = 30_000;

type ReadyRules = Pick<Rules, 'now' | 'heldTypes'>;

/** True if the task exists and is in one of its end states. */
export const isEnded = (task: Task | undefined): boolean =>
  task !== undefined && TASK_ENDED.includes(task.state);

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
const mayOvertake = (
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
function hasCountedNothing(transaction: OperationTransaction, id: TaskId): boolean {
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
  { overtook }: Pick<Task, 'overtook'>,
): readonly TaskId[] =>
  overtook.filter((id) => {
    const task = transaction.task(id);
    // If the overtaken task overtook another one, it may run again.
    return !isEnded(task) || (task?.overtook.length ?? 0) > 0;
  });

/**
 * True for a preferred dependency on a stuck task, unless a hold may keep a resource of the awaited
 * types. For example, Swift awaits Cinder's backups. A backup with a hold needs its data in Swift
 * until the hold ends.
 */
const needNotWait = (
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
 * Requests every task whose dependencies have ended or may be overtaken. When an overtaken task has
 * ended, the task that overtook it and all tasks that depend on that task run once more, because
 * the overtaken task may have created resources.
 */
export function requestReady(transaction: OperationTransaction, rules: ReadyRules): void {
  const { operation } = transaction;
  for (const task of transaction.tasks)
    if (
      task.overtook.length > 0 &&
      isEnded(task) &&
      task.overtook.every((id) => isEnded(transaction.task(id)))
    )
      reopen(transaction, task);
  for (const { id, dependsOn } of operation.order) {
    const task = transaction.task(id);
    if (task?.state !== 'pending') continue;
    const open = dependsOn.filter((one) => !isEnded(transaction.task(one.task)));
    const hasResources = total(task.counts).left > 0;
    const mayBegin = (one: TaskDependency): boolean =>
      mayOvertake(transaction, one, rules) ||
      (hasResources && one.strength === 'preferred' && hasCountedNothing(transaction, one.task));
    if (!open.every(mayBegin)) {
      requestPartial(transaction, task, open, rules);
      continue;
    }
    const overtakenByThem = dependsOn.flatMap((one) => transaction.task(one.task)?.overtook ?? []);
    const overtook = [...new Set([...open.map((one) => one.task), ...overtakenByThem])];
    requestRun(transaction, { ...task, overtook }, 'apply', rules.now);
  }
}

/**
 * Requests the partial run of a task if all of these conditions are met:
 *
 * - each open dependency leaves some types of the task independent, may be overtaken, or awaits
 *   types that were counted empty
 * - at least one independent type is not verified empty
 * - the tasks that these types are independent of are removing all their resources. For example, a
 *   server with a hold is kept and needs its router and floating IPs, so Neutron has no partial run
 *   then
 */
function requestPartial(
  transaction: OperationTransaction,
  task: Task,
  open: readonly TaskDependency[],
  rules: ReadyRules,
): void {
  if (task.partial || task.startedAt !== undefined) return;
  const independent = open.filter(
    (one) => one.until === 'done' && one.independentTypes !== undefined,
  );
  const isBlocking = (one: TaskDependency): boolean =>
    !independent.includes(one) &&
    !mayOvertake(transaction, one, rules) &&
    !isCountedEmpty(transaction, one);
  if (independent.length === 0 || open.some(isBlocking)) return;
  if (!independent.every((one) => isRemoving(transaction.task(one.task)))) return;
  const typeSets = independent.map((one) =>
    one.until === 'done' ? (one.independentTypes ?? []) : [],
  );
  const types = (typeSets[0] ?? []).filter((type) => typeSets.every((set) => set.includes(type)));
  const isEmpty = (type: string): boolean => {
    const known = task.verifications[type];
    return known !== undefined && known.status === 'empty' && !known.stale;
  };
  if (types.every(isEmpty)) return;
  const awaiting = independent.flatMap((one) => transaction.task(one.task)?.service ?? []);
  const partial: Task = {
    ...task,
    partial: { state: 'running', awaiting: [...new Set(awaiting)] },
  };
  requestRun(transaction, partial, 'apply', rules.now);
}

/**
 * True if the task has reported deletions in progress and no resource that failed or waits for a
 * person.
 */
const isRemoving = (task: Task | undefined): boolean =>
  task?.state === 'requested' &&
  task.phase === 'apply' &&
  task.error === undefined &&
  task.conditions.some(({ class: kind }) => kind === 'InProgress') &&
  !task.conditions.some(({ actor, class: kind }) => actor !== 'none' && kind !== 'Unsupported');

/**
 * True if the last listing of each awaited type was empty, in any phase. The count of phase `plan`
 * is enough: after Keystone has confirmed the deletion of the account, no user can create resources
 * in it.
 */
function isCountedEmpty(transaction: OperationTransaction, dependency: TaskDependency): boolean {
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
  return operation.confirmedAt.length > 0 && known?.status === 'empty' && !known.stale;
}

/**
 * Marks all verifications as stale, because users could work in the project. This includes the
 * verifications of a run in progress, which may have listed its types earlier. Returns true if a
 * task must run again.
 */
export function invalidateVerifications(transaction: OperationTransaction): boolean {
  for (const task of transaction.tasks) {
    const isUnderWay = task.state === 'requested';
    const invalid: Task = {
      ...task,
      verifications: staleVerifications(task.verifications, ALL_PHASES),
      validFromRun: isUnderWay ? task.run + 1 : task.validFromRun,
    };
    if (isUnderWay || Object.values(task.verifications).some(({ stale }) => !stale))
      transaction.put(invalid);
    if (isEnded(invalid)) reopen(transaction, invalid);
  }
  return transaction.tasks.some((task) => !isEnded(task));
}

/**
 * Sets an ended task to `pending`, so that it runs once more and lists every type. A skipped task
 * is not changed.
 */
export function reopen(transaction: OperationTransaction, task: Task): void {
  // A service without a region cannot be listed again.
  if (task.state === 'skipped' || task.region === NO_REGION) return;
  transaction.put({
    ...moveTask(task, 'pending'),
    overtook: [],
    verifications: staleVerifications(task.verifications, ['plan', 'apply']),
    endedAt: undefined,
    because: undefined,
  });
}

/** Requests every task of the pre-delete phase whose dependencies allow it. */
export function requestPreDelete(transaction: OperationTransaction, rules: ReadyRules): void {
  const due = transaction.operation.order.filter(
    (planned) => transaction.task(planned.id)?.preDelete === 'due',
  );
  for (const planned of due) {
    const task = transaction.task(planned.id);
    if (task?.state === 'pending' && mayRunBeforeDeletion(planned, due, transaction, rules))
      requestRun(transaction, task, 'pre-delete', rules.now);
  }
}

function mayRunBeforeDeletion(
  planned: PlannedTask,
  due: readonly PlannedTask[],
  transaction: OperationTransaction,
  rules: ReadyRules,
): boolean {
  return planned.dependsOn.every(
    (one) =>
      isEnded(transaction.task(one.task)) ||
      !due.some(({ id }) => id === one.task) ||
      needNotWait(transaction, one, rules),
  );
}

function requestRun(
  transaction: OperationTransaction,
  task: Task,
  phase: Task['phase'],
  now: number,
): void {
  // The verifications of the count remain valid in the first run after Keystone's confirmation. A
  // partial run does not invalidate them, because its types create no resources and the full run
  // lists every type again.
  const isFirst = task.startedAt === undefined || task.run === task.partial?.endedBefore;
  const isCountValid = transaction.operation.confirmedAt.length > 0 && isFirst;
  const requested: Task = {
    ...moveTask(task, 'requested'),
    phase,
    verifications: isCountValid
      ? task.verifications
      : staleVerifications(task.verifications, ['plan']),
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
  transaction.messages.push(transaction.request(requested, now));
}
