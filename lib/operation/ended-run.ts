import type { ServiceReport } from '../../events/service.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { runErrorOf } from './counts.ts';
import type { Task } from './model.ts';
import { applyFailedRun, applyUnfinishedRun } from './next-run.ts';
import { reopenTask } from './reopen.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveTask } from './transitions.ts';
import { verificationsAfterPreDelete } from './verification.ts';

/**
 * Decides what follows for a task after a run has ended: its end, its next phase, or another run.
 * `task`: the task with the data of the report.
 */
export function applyEndedRun(
  transaction: OperationTransaction,
  task: Task,
  report: ServiceReport,
  step: StepInput,
): void {
  const error = runErrorOf(report);
  if (error && transaction.operation.action === 'plan' && isLastListingAttempt(task, error))
    endUnlistableTask(transaction, task, error, step.now);
  else if (task.partialRun?.state === 'running' && !foundEnabledProject(report))
    endPartialRun(transaction, task, error, step.now);
  else if (report.type === 'service.finished')
    applyFinishedRun(transaction, task, report, step.now);
  else if (report.type === 'service.failed')
    applyFailedRun(transaction, task, report.data.error, step);
  else if (report.data.again) applyUnfinishedRun(transaction, task, report.data.again, step);
}

/**
 * True if the run found the project enabled. The verifications of the task then become stale, and
 * the task runs again.
 */
const foundEnabledProject = (report: ServiceReport): boolean =>
  report.type === 'service.progressed' && report.data.again?.enabled === true;

/**
 * The shortest time between two partial runs of a task. A later partial run finds more resources to
 * remove, because the awaited service has removed more of its own resources in the meantime.
 */
const MIN_INTERVAL_MILLIS = 10_000;
/** The shortest time to the next partial run after a partial run that removed nothing. */
const IDLE_INTERVAL_MILLIS = 30_000;

/**
 * Ends the partial run of a task, even if the run failed. A partial run handles only some resource
 * types of the task. The task then waits for its dependencies again. If the run had no error, the
 * task may have further partial runs. The full run later lists every type, reports the errors that
 * remain, and waits after an error as long as the service requests.
 */
function endPartialRun(
  transaction: OperationTransaction,
  task: Task,
  error: ErrorReport | undefined,
  now: number,
): void {
  if (!task.partialRun) return;
  const intervalMillis = task.runProgressed ? MIN_INTERVAL_MILLIS : IDLE_INTERVAL_MILLIS;
  transaction.putTask({
    ...moveTask(task, 'pending'),
    partialRun: {
      ...task.partialRun,
      state: 'done',
      nextRun: task.run + 1,
      nextPartialRunAt: error ? undefined : now + intervalMillis,
    },
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
 * True if the plan does not list the service again, because its runs are used up or the service has
 * denied the call.
 */
const isLastListingAttempt = ({ run }: Task, error: ErrorReport): boolean =>
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
      verifications: verificationsAfterPreDelete(
        task.verifications,
        report.data.verification ?? {},
      ),
    });
  else endTask(transaction, taskWithoutError, report.data.result, now);
}

/** Ends the task. If its verifications became stale during the run, the task is reopened. */
function endTask(
  transaction: OperationTransaction,
  task: Task,
  result: Extract<ServiceReport, { type: 'service.finished' }>['data']['result'],
  now: number,
): void {
  const endedTask: Task = {
    ...moveTask(task, result),
    // The end of the tasks in `overtook` would reopen this task. A skipped service has no
    // resources, so it needs no other run.
    overtook: result === 'skipped' ? [] : task.overtook,
    endedAt: now,
  };
  transaction.putTask(endedTask);
  if (task.run < task.validFromRun) reopenTask(transaction, endedTask);
}
