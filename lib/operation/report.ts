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
import { applyFailed, applyUnfinished } from './next-run.ts';
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
  const stored = transaction.task(report.data.taskId);
  if (!stored || !awaitsReport(stored, report.data.run)) return;
  const task = withCorrectedIdleTime(stored, step);
  if (report.type === 'service.progressed' && !report.data.again) {
    applyProgress(transaction, task, report, step.now);
    return;
  }
  const reported = afterRun(task, report, step.now);
  const error = runErrorOf(report);
  if (error && transaction.operation.action === 'plan' && isNotListable(task, error))
    endUnlisted(transaction, reported, error, step.now);
  else if (task.partial?.state === 'running' && !foundEnabledProject(report))
    endPartial(transaction, reported);
  else if (report.type === 'service.finished')
    applyFinished(transaction, reported, report, step.now);
  else if (report.type === 'service.failed')
    applyFailed(transaction, reported, report.data.error, step);
  else if (report.data.again) applyUnfinished(transaction, reported, report.data.again, step);
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
function afterRun(task: Task, report: ServiceReport, now: number): Task {
  const { appeared, fresh: newlyListed, seenIds = task.seenIds, verification = {} } = report.data;
  const counted = applyCounts(task, report, now);
  return {
    ...counted,
    sequence: 0,
    baseline: counted.counts,
    distinct: addIdCounts(task.distinct, newlyListed),
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
function endPartial(transaction: OperationTransaction, task: Task): void {
  if (!task.partial) return;
  transaction.putTask({
    ...moveTask(task, 'pending'),
    partial: { ...task.partial, state: 'done', endedBefore: task.run + 1 },
    // A duplicate message of the partial run must not start a run that handles all types. The new
    // run number makes such a message outdated.
    run: task.run + 1,
    runProgressed: false,
    // Keep the deletion holds, because other services wait for the held resources.
    conditions: task.conditions.filter(({ isHold }) => isHold),
    error: undefined,
    attempts: 0,
    askedWaitMillis: 0,
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
function endUnlisted(
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
  const counts = mergeCounts(task.baseline, report.data.counts, task.distinct, report.data.fresh);
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
    askedWaitMillis: 0,
    attempts: 0,
  };
}

/**
 * Ends the task, or lets it wait for its next phase. In mode `observe` a task ends after its count.
 */
function applyFinished(
  transaction: OperationTransaction,
  task: Task,
  report: Extract<ServiceReport, { type: 'service.finished' }>,
  now: number,
): void {
  const cleared: Task = {
    ...task,
    error: undefined,
    attempts: 0,
    nextAt: undefined,
    because: report.data.because,
  };
  const mayContinue = report.data.result === 'finished' && transaction.operation.mode !== 'observe';
  if (mayContinue && task.phase === 'plan') transaction.putTask(moveTask(cleared, 'pending'));
  else if (mayContinue && task.phase === 'pre-delete')
    transaction.putTask({
      ...moveTask(cleared, 'pending'),
      preDelete: 'done',
      verifications: afterPreDelete(task.verifications, report.data.verification ?? {}),
    });
  else {
    // A skipped service has no resources, so its task need not run again.
    const overtook = report.data.result === 'skipped' ? [] : cleared.overtook;
    const ended: Task = { ...moveTask(cleared, report.data.result), overtook, endedAt: now };
    transaction.putTask(ended);
    if (task.run < task.validFromRun) reopenTask(transaction, ended);
  }
}
