import type { ServiceReport } from '../../events/service.ts';
import { advanceOperation } from './advance.ts';
import {
  addIdCounts,
  holdsStillKnown,
  mergeCounts,
  newRemovalMaxima,
  withConditionTimes,
} from './counts.ts';
import { withCorrectedIdleTime } from './elapsed.ts';
import { applyEndedRun } from './ended-run.ts';
import type { Task } from './model.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { mergeVerifications } from './verification.ts';

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
  // A progress report with `again` is the last report of its run: the task needs another run.
  if (report.type === 'service.progressed' && !report.data.again) {
    applyProgress(transaction, task, report, step.now);
    return;
  }
  applyEndedRun(transaction, withReport(task, report, step.now), report, step);
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
  const countedTask = withReportedCounts(task, report, now);
  // A run knows its conditions only at its end. A progress report without conditions therefore
  // keeps the earlier conditions.
  const conditions = report.data.conditions.length > 0 ? countedTask.conditions : task.conditions;
  transaction.putTask({ ...countedTask, conditions, sequence });
}

/** Returns the task with all data of the report of its ended run. */
function withReport(task: Task, report: ServiceReport, now: number): Task {
  const { appeared, fresh: newlyListed, seenIds = task.seenIds, verification = {} } = report.data;
  const countedTask = withReportedCounts(task, report, now);
  return {
    ...countedTask,
    sequence: 0,
    baseline: countedTask.counts,
    distinctIdCounts: addIdCounts(task.distinctIdCounts, newlyListed),
    seenIds,
    ...(appeared ? { appeared: { ...task.appeared, ...appeared } } : {}),
    verifications: mergeVerifications(task.verifications, verification, {
      phase: task.phase,
      now,
      isStale: task.run < task.validFromRun,
    }),
  };
}

/**
 * Returns the task with the counts and conditions of the report. If the counts show progress, the
 * idle time and the attempts of the task begin again.
 */
function withReportedCounts(task: Task, report: ServiceReport, now: number): Task {
  const counts = mergeCounts(
    task.baseline,
    report.data.counts,
    task.distinctIdCounts,
    report.data.fresh,
  );
  const newMaxima = newRemovalMaxima(task.mostRemoved, counts);
  const countedTask = {
    ...task,
    counts,
    conditions: withConditionTimes(
      task.conditions,
      [...report.data.conditions, ...holdsStillKnown(task.conditions, report)],
      now,
    ),
  };
  if (Object.keys(newMaxima).length === 0) return countedTask;
  const mostRemoved = { ...task.mostRemoved, ...newMaxima };
  return {
    ...countedTask,
    mostRemoved,
    progressAt: now,
    runProgressed: true,
    totalRetryAfterMillis: 0,
    attempts: 0,
  };
}
