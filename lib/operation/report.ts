import type { ServiceReport } from '../../events/service.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { advanceOperation } from './advance.ts';
import {
  addIdCounts,
  holdsStillKnown,
  mergeCounts,
  newRemovalMaxima,
  runErrorOf,
  withConditionTimes,
} from './counts.ts';
import { withCorrectedIdleTime } from './elapsed.ts';
import type { Task } from './model.ts';
import { applyFailedRun, applyUnfinishedRun } from './next-run.ts';
import { reopenTask } from './ready.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveTask } from './transitions.ts';
import { afterPreDelete, applyVerification } from './verification.ts';

/**
 * Applies a report of a service to its task. Ignores a report of another run, and a progress report
 * that is older than one already applied.
 */
export function applyReport(
  transaction: OperationTransaction,
  report: ServiceReport,
  step: StepInput,
): void {
  const storedTask = transaction.task(report.data.taskId);
  if (!storedTask || !awaitsReport(storedTask, report.data.run)) return;
  const task = withCorrectedIdleTime(storedTask, step);
  if (report.type === 'service.progressed' && !report.data.again) {
    applyProgress(transaction, task, report, step.now);
    return;
  }
  const taskAfterRun = withReport(task, report, step.now);
  const error = runErrorOf(report);
  if (error && transaction.operation.action === 'plan' && isNotListable(task, error))
    endUnlistableTask(transaction, taskAfterRun, error, step.now);
  else if (task.partialRun?.state === 'running' && !foundEnabledProject(report))
    endPartialRun(transaction, taskAfterRun);
  else if (report.type === 'service.finished')
    applyFinishedRun(transaction, taskAfterRun, report, step.now);
  else if (report.type === 'service.failed')
    applyFailedRun(transaction, taskAfterRun, report.data.error, step);
  else if (report.data.again)
    applyUnfinishedRun(transaction, taskAfterRun, report.data.again, step);
  advanceOperation(transaction, step);
}

/** True if run number `run` of the task has not ended. */
const awaitsReport = (task: Task, run: number): boolean =>
  task.run === run && task.endedAt === undefined && task.state !== 'pending';

/** Applies the counts of a run that has not ended. */
function applyProgress(
  transaction: OperationTransaction,
  task: Task,
  report: Extract<ServiceReport, { type: 'service.progressed' }>,
  now: number,
): void {
  const { sequence } = report.data;
  if (sequence <= task.sequence) return;
  const counted = applyCounts(task, report, now);
  // A progress report may have no conditions, because they are known only at the end of a run.
  const conditions = report.data.conditions.length > 0 ? counted.conditions : task.conditions;
  transaction.putTask({ ...counted, conditions, sequence });
}

/** Returns the task with all data of the report of its ended run. */
function withReport(task: Task, report: ServiceReport, now: number): Task {
  const { appeared, fresh: newlyListed, seenIds = task.seenIds, verification = {} } = report.data;
  const counted = applyCounts(task, report, now);
  return {
    ...counted,
    sequence: 0,
    baseline: counted.counts,
    distinctIdCounts: addIdCounts(task.distinctIdCounts, newlyListed),
    seenIds,
    ...(appeared ? { appeared: { ...task.appeared, ...appeared } } : {}),
    verifications: applyVerification(task.verifications, verification, {
      phase: task.phase,
      now,
      isStale: task.run < task.validFromRun,
    }),
  };
}

/**
 * True if the run found the project enabled. The verifications of the task then become stale, and
 * the task runs again.
 */
const foundEnabledProject = (report: ServiceReport): boolean =>
  report.type === 'service.progressed' && report.data.again?.enabled === true;

/**
 * Ends the partial run of a task, even if the run failed. A partial run handles only some resource
 * types of the task. The task then waits for its dependencies again. Its full run later lists every
 * type and reports the errors that remain.
 */
function endPartialRun(transaction: OperationTransaction, task: Task): void {
  if (!task.partialRun) return;
  transaction.putTask({
    ...moveTask(task, 'pending'),
    partialRun: { ...task.partialRun, state: 'done', nextRun: task.run + 1 },
    // A duplicate message of the partial run must not start a run that handles all types. The new
    // run number makes such a message outdated.
    run: task.run + 1,
    runProgressed: false,
    // Keep the deletion holds, because other services wait for the held resources.
    conditions: task.conditions.filter(({ isHold }) => isHold),
    error: undefined,
    attempts: 0,
    totalRetryAfterMillis: 0,
    nextAt: undefined,
  });
}

/** How many runs a plan makes to list a service. */
const MAX_PLAN_RUNS = 2;
/**
 * True if a plan does not try again to list the service. A call that was denied is not repeated.
 */
const isNotListable = ({ run }: Task, error: ErrorReport): boolean =>
  run >= MAX_PLAN_RUNS || error.class === 'Denied';

/** Ends the task of a plan whose service cannot be listed. The plan shows the reason. */
function endUnlistableTask(
  transaction: OperationTransaction,
  task: Task,
  error: ErrorReport,
  now: number,
): void {
  transaction.putTask({
    ...moveTask(task, 'unreachable'),
    error,
    because: `it could not be listed: ${error.message}`,
    nextAt: undefined,
    endedAt: now,
  });
}

/**
 * Returns the task with the counts and conditions of the report. If the counts show progress, the
 * idle time and the attempts of the task begin again.
 */
function applyCounts(task: Task, report: ServiceReport, now: number): Task {
  const counts = mergeCounts(
    task.baseline,
    report.data.counts,
    task.distinctIdCounts,
    report.data.fresh,
  );
  const newMaxima = newRemovalMaxima(task.mostRemoved, counts);
  const counted = {
    ...task,
    counts,
    conditions: withConditionTimes(
      task.conditions,
      [...report.data.conditions, ...holdsStillKnown(task.conditions, report)],
      now,
    ),
  };
  if (Object.keys(newMaxima).length === 0) return counted;
  const mostRemoved = { ...task.mostRemoved, ...newMaxima };
  return {
    ...counted,
    mostRemoved,
    progressAt: now,
    runProgressed: true,
    totalRetryAfterMillis: 0,
    attempts: 0,
  };
}

/**
 * Ends the task, or lets it wait for its next phase. In mode `observe` a task ends after its count.
 */
function applyFinishedRun(
  transaction: OperationTransaction,
  task: Task,
  report: Extract<ServiceReport, { type: 'service.finished' }>,
  now: number,
): void {
  const taskWithoutError: Task = {
    ...task,
    error: undefined,
    attempts: 0,
    nextAt: undefined,
    because: report.data.because,
  };
  const mayContinue = report.data.result === 'finished' && transaction.operation.mode !== 'observe';
  if (mayContinue && task.phase === 'plan')
    transaction.putTask(moveTask(taskWithoutError, 'pending'));
  else if (mayContinue && task.phase === 'pre-delete')
    transaction.putTask({
      ...moveTask(taskWithoutError, 'pending'),
      preDelete: 'done',
      verifications: afterPreDelete(task.verifications, report.data.verification ?? {}),
    });
  else {
    // A skipped service has no resources, so its task need not run again.
    const overtook = report.data.result === 'skipped' ? [] : taskWithoutError.overtook;
    const endedTask: Task = {
      ...moveTask(taskWithoutError, report.data.result),
      overtook,
      endedAt: now,
    };
    transaction.putTask(endedTask);
    if (task.run < task.validFromRun) reopenTask(transaction, endedTask);
  }
}
