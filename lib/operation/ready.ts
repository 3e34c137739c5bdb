import type { TaskDependency } from '../../events/dependency.ts';
import type { ResourceTypeName, TaskId } from '../../events/ids.ts';
import { totalCounts } from './counts.ts';
import type { PlannedTask, Task } from './model.ts';
import { NO_REGION } from './order.ts';
import {
  areAwaitedTypesCountedEmpty,
  hasTaskEnded,
  isChainCountedEmpty,
  mayOvertake,
  mayOvertakeStuck,
  type OvertakingInput,
} from './overtaking.ts';
import type { OperationTransaction } from './transaction.ts';
import { moveTask } from './transitions.ts';
import { ALL_PHASES, staleVerifications } from './verification.ts';

/** Requests a run of every pending task whose dependencies have ended or may be overtaken. */
export function requestReadyRuns(transaction: OperationTransaction, input: OvertakingInput): void {
  reopenOvertakingTasks(transaction);
  for (const { id, dependsOn } of transaction.operation.order) {
    const task = transaction.task(id);
    if (task?.state !== 'pending') continue;
    const openDependencies = dependsOn.filter((one) => !hasTaskEnded(transaction.task(one.task)));
    const isReady = openDependencies.every((dependency) =>
      mayRunBeforeDependency(transaction, task, dependency, input),
    );
    if (isReady) {
      const overtook = overtakenTasks(transaction, dependsOn, openDependencies);
      requestRun(transaction, { ...task, overtook }, 'apply', input.now);
    } else requestPartialRun(transaction, task, openDependencies, input);
  }
}

/**
 * Returns the tasks that a task overtakes if it begins now: its open dependencies, and the tasks
 * that its dependencies have overtaken. A dependency that overtook a third task runs again after
 * the end of the third task. The task must then run again too.
 */
function overtakenTasks(
  transaction: OperationTransaction,
  dependsOn: readonly TaskDependency[],
  openDependencies: readonly TaskDependency[],
): TaskId[] {
  const overtakenByDependencies = dependsOn.flatMap(
    (dependency) => transaction.task(dependency.task)?.overtook ?? [],
  );
  return [...new Set([...openDependencies.map(({ task }) => task), ...overtakenByDependencies])];
}

/**
 * True if the task may run before its dependency has ended. A task that has resources also runs
 * before a preferred dependency that has none, because such a dependency could only delay the task.
 */
function mayRunBeforeDependency(
  transaction: OperationTransaction,
  task: Task,
  dependency: TaskDependency,
  input: OvertakingInput,
): boolean {
  const hasResources = totalCounts(task.counts).left > 0;
  return (
    mayOvertake(transaction, dependency, input) ||
    (hasResources &&
      dependency.strength === 'preferred' &&
      isChainCountedEmpty(transaction, dependency.task))
  );
}

/**
 * Reopens each ended task when all tasks that it overtook have ended, because an overtaken task may
 * have created resources in the service of the overtaking task.
 */
function reopenOvertakingTasks(transaction: OperationTransaction): void {
  for (const task of transaction.tasks)
    if (
      task.overtook.length > 0 &&
      hasTaskEnded(task) &&
      task.overtook.every((id) => hasTaskEnded(transaction.task(id)))
    )
      reopenTask(transaction, task);
}

/**
 * Requests the partial run of a task, which removes only the types that are independent of the
 * services that the task still waits for. All of these conditions must be met:
 *
 * - The task has had no run, apart from the count of phase `plan`.
 * - Each open dependency is one of these: it leaves some types of the task independent; it may be
 *   overtaken; or the task needs from it only types that were counted empty.
 * - At least one of the independent types is not verified empty.
 * - Each dependency that leaves types independent is removing all its resources. If Nova keeps a
 *   server because of a hold, the server still needs its router and floating IPs. Neutron then has
 *   no partial run.
 */
function requestPartialRun(
  transaction: OperationTransaction,
  task: Task,
  openDependencies: readonly TaskDependency[],
  input: OvertakingInput,
): void {
  if (task.partialRun || task.startedAt !== undefined) return;
  const independentDependencies = openDependencies.filter(hasIndependentTypes);
  if (independentDependencies.length === 0) return;
  const otherDependencies = openDependencies.filter((one) => !hasIndependentTypes(one));
  const mayIgnore = (dependency: TaskDependency): boolean =>
    mayOvertake(transaction, dependency, input) ||
    areAwaitedTypesCountedEmpty(transaction, dependency);
  if (!otherDependencies.every(mayIgnore)) return;
  if (!independentDependencies.every((one) => isRemoving(transaction.task(one.task)))) return;
  const independentTypes = typesIndependentOfAll(independentDependencies);
  if (independentTypes.every((type) => isVerifiedEmptyInAnyPhase(task, type))) return;
  const awaitedServices = independentDependencies.flatMap(
    (one) => transaction.task(one.task)?.service ?? [],
  );
  const taskWithPartialRun: Task = {
    ...task,
    partialRun: { state: 'running', awaitedServices: [...new Set(awaitedServices)] },
  };
  requestRun(transaction, taskWithPartialRun, 'apply', input.now);
}

type DependencyWithIndependentTypes = Extract<TaskDependency, { until: 'done' }> & {
  readonly independentTypes: readonly ResourceTypeName[];
};

const hasIndependentTypes = (one: TaskDependency): one is DependencyWithIndependentTypes =>
  one.until === 'done' && one.independentTypes !== undefined;

/** Returns the types that all these dependencies leave independent. */
const typesIndependentOfAll = ([
  first,
  ...otherDependencies
]: readonly DependencyWithIndependentTypes[]): ResourceTypeName[] =>
  (first?.independentTypes ?? []).filter((type) =>
    otherDependencies.every(({ independentTypes }) => independentTypes.includes(type)),
  );

const isVerifiedEmptyInAnyPhase = ({ verifications }: Task, type: ResourceTypeName): boolean =>
  verifications[type]?.status === 'empty' && !verifications[type].stale;

/**
 * True if the task has reported deletions in progress, and none of its resources needs a person.
 */
const isRemoving = (task: Task | undefined): boolean =>
  task?.state === 'requested' &&
  task.phase === 'apply' &&
  task.error === undefined &&
  task.conditions.some(({ class: kind }) => kind === 'InProgress') &&
  !task.conditions.some(({ actor, class: kind }) => actor !== 'none' && kind !== 'Unsupported');

/**
 * Marks all verifications as stale and reopens the ended tasks, because the project was enabled and
 * users could work in it. A run in progress may have listed its types while the project was
 * enabled, so the verifications in the report of this run will also be stale. Returns true if at
 * least one task has not ended afterwards.
 */
export function invalidateVerifications(transaction: OperationTransaction): boolean {
  for (const task of transaction.tasks) {
    const isUnderWay = task.state === 'requested';
    const invalidatedTask: Task = {
      ...task,
      verifications: staleVerifications(task.verifications, ALL_PHASES),
      validFromRun: isUnderWay ? task.run + 1 : task.validFromRun,
    };
    if (isUnderWay || Object.values(task.verifications).some(({ stale }) => !stale))
      transaction.putTask(invalidatedTask);
    if (hasTaskEnded(invalidatedTask)) reopenTask(transaction, invalidatedTask);
  }
  return transaction.tasks.some((task) => !hasTaskEnded(task));
}

/**
 * Sets an ended task to `pending`, so that it runs once more and lists every type. A skipped task,
 * and a task whose service has no region, cannot run and are not changed.
 */
export function reopenTask(transaction: OperationTransaction, task: Task): void {
  if (task.state === 'skipped' || task.region === NO_REGION) return;
  transaction.putTask({
    ...moveTask(task, 'pending'),
    overtook: [],
    verifications: staleVerifications(task.verifications, ['plan', 'apply']),
    endedAt: undefined,
    because: undefined,
  });
}

/** Requests each due pre-delete run whose dependencies allow it. */
export function requestPreDeleteRuns(
  transaction: OperationTransaction,
  input: OvertakingInput,
): void {
  const dueTasks = transaction.operation.order.filter(
    (planned) => transaction.task(planned.id)?.preDelete === 'due',
  );
  for (const planned of dueTasks) {
    const task = transaction.task(planned.id);
    if (task?.state === 'pending' && mayStartPreDelete(planned, dueTasks, transaction, input))
      requestRun(transaction, task, 'pre-delete', input.now);
  }
}

/** True if each dependency has ended, has no due pre-delete run, or may be overtaken. */
function mayStartPreDelete(
  planned: PlannedTask,
  due: readonly PlannedTask[],
  transaction: OperationTransaction,
  input: OvertakingInput,
): boolean {
  return planned.dependsOn.every(
    (one) =>
      hasTaskEnded(transaction.task(one.task)) ||
      !due.some(({ id }) => id === one.task) ||
      mayOvertakeStuck(transaction, one, input),
  );
}

function requestRun(
  transaction: OperationTransaction,
  task: Task,
  phase: Task['phase'],
  now: number,
): void {
  // The verifications that phase `plan` stored remain valid until the first full run after
  // Keystone's confirmation. An earlier partial run does not make them stale, because its types
  // create no resources and the full run lists every type again.
  const isBeforeFullRun = isFirstRun(task) || wasLastRunPartial(task);
  const arePlanVerificationsValid = transaction.operation.confirmedAt.length > 0 && isBeforeFullRun;
  const requestedTask: Task = {
    ...moveTask(task, 'requested'),
    phase,
    verifications: arePlanVerificationsValid
      ? task.verifications
      : staleVerifications(task.verifications, ['plan']),
    run: task.run + 1,
    sequence: 0,
    attempts: 0,
    progressAt: now,
    reportedAt: now,
    runProgressed: false,
    totalRetryAfterMillis: 0,
    startedAt: task.startedAt ?? now,
    nextAt: now,
  };
  transaction.putTask(requestedTask);
  transaction.messages.push(transaction.runRequest(requestedTask, now));
}

const isFirstRun = ({ startedAt }: Task): boolean => startedAt === undefined;

const wasLastRunPartial = ({ partialRun, run }: Task): boolean => run === partialRun?.nextRun;
