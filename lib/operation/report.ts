import type { ServiceReport } from '../../events/service.ts';
import { backoffMillis } from '../shared/backoff.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { advance } from './advance.ts';
import {
  addDistinct,
  holdsStillKnown,
  keepSince,
  mergeCounts,
  newRemovalMaxima,
  nextRunSeconds,
} from './counts.ts';
import { withCorrectedIdleTime } from './elapsed.ts';
import type { Task, TaskState } from './model.ts';
import { stillOvertaken } from './overtaking.ts';
import { invalidateVerifications, reopenTask } from './ready.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveTask } from './transitions.ts';
import {
  ALL_PHASES,
  afterPreDelete,
  applyVerification,
  staleVerifications,
} from './verification.ts';

/** The back-off after an unexpected error: 5 s, 10 s, 20 s … 300 s. */
const BACKOFF = { firstMillis: 5000, maxMillis: 300_000 };

/** How long a listing may still show removed resources before the task reports an error. */
const LAG_MILLIS = 30_000;
/**
 * A service may announce maintenance (`Retry-After`). The announced time does not count towards the
 * stall timeout, up to one day.
 */
const MAX_ASKED_WAIT_MILLIS = 24 * 3_600_000;

/** The state of a task in this phase while a run is under way. */
export const stateUnderWay = ({ phase }: Task): TaskState =>
  phase === 'plan' ? 'planning' : 'requested';

/**
 * Applies a report of a service to its task. A report of another run is ignored, and so is an
 * outdated report.
 */
export function applyReport(
  transaction: OperationTransaction,
  report: ServiceReport,
  step: StepInput,
): void {
  const known = transaction.task(report.data.taskId);
  if (
    !known ||
    known.run !== report.data.run ||
    known.endedAt !== undefined ||
    known.state === 'pending'
  )
    return;
  const task = withCorrectedIdleTime(known, step);
  if (report.type === 'service.progressed' && !report.data.again) {
    if (report.data.sequence <= task.sequence) return;
    const counted = applyCounts(task, report, step.now);
    // A progress report may have no conditions, because they are known only at the end of a run.
    const conditions = report.data.conditions.length > 0 ? counted.conditions : task.conditions;
    transaction.putTask({ ...counted, conditions, sequence: report.data.sequence });
    return;
  }
  const counted: Task = { ...applyCounts(task, report, step.now), sequence: 0 };
  const runEnded: Task = {
    ...counted,
    baseline: counted.counts,
    distinct: addDistinct(task.distinct, report.data.fresh),
    seenIds: report.data.seenIds ?? task.seenIds,
    ...(report.data.appeared ? { appeared: { ...task.appeared, ...report.data.appeared } } : {}),
    verifications: applyVerification(task.verifications, report.data.verification ?? {}, {
      phase: task.phase,
      now: step.now,
      isStale: task.run < task.validFromRun,
    }),
  };
  const error =
    report.type === 'service.failed'
      ? report.data.error
      : report.type === 'service.progressed'
        ? report.data.again?.error
        : undefined;
  if (error && transaction.operation.action === 'plan' && isNotListable(task, error))
    endUnlisted(transaction, runEnded, error, step.now);
  else if (task.partial?.state === 'running' && !hasEnabled(report))
    endPartial(transaction, runEnded);
  else if (report.type === 'service.finished')
    applyFinished(transaction, runEnded, report, step.now);
  else if (report.type === 'service.failed')
    applyFailed(transaction, runEnded, report.data.error, step);
  else if (report.data.again) applyUnfinished(transaction, runEnded, report.data.again, step);
  advance(transaction, step);
}

/**
 * True if the run found the project enabled. The verifications of the task then become stale, and
 * the task runs again.
 */
const hasEnabled = (report: ServiceReport): boolean =>
  report.type === 'service.progressed' && report.data.again?.enabled === true;

/**
 * Ends the partial run of a task, whatever the outcome of this run. A partial run handles only some
 * resource types of the task. The task then waits for its dependencies again. Its full run lists
 * the remaining resources and reports the remaining errors.
 */
function endPartial(transaction: OperationTransaction, task: Task): void {
  if (!task.partial) return;
  transaction.putTask({
    ...moveTask(task, 'pending'),
    partial: { ...task.partial, state: 'done', endedBefore: task.run + 1 },
    // Fence: a duplicate message of the partial run must not start a run that handles all types.
    run: task.run + 1,
    runProgressed: false,
    // Keep the holds, because other services wait for the held resources.
    conditions: task.conditions.filter(({ isHold }) => isHold),
    error: undefined,
    attempts: 0,
    askedWaitMillis: 0,
    nextAt: undefined,
  });
}

/** How often a plan tries to list a service. A refused call is not repeated. */
const PLAN_RUNS = 2;
const isNotListable = ({ run }: Task, error: ErrorReport): boolean =>
  run >= PLAN_RUNS || error.class === 'Denied';

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

function applyCounts(task: Task, report: ServiceReport, now: number): Task {
  const counts = mergeCounts(task.baseline, report.data.counts, task.distinct, report.data.fresh);
  const records = newRemovalMaxima(task.mostRemoved, counts);
  const counted = {
    ...task,
    counts,
    conditions: keepSince(
      task.conditions,
      [...report.data.conditions, ...holdsStillKnown(task.conditions, report)],
      now,
    ),
  };
  if (Object.keys(records).length === 0) return counted;
  const mostRemoved = { ...task.mostRemoved, ...records };
  return {
    ...counted,
    mostRemoved,
    progressAt: now,
    runProgressed: true,
    askedWaitMillis: 0,
    attempts: 0,
  };
}

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
  const continuesLater =
    report.data.result === 'finished' && transaction.operation.mode !== 'observe';
  if (continuesLater && task.phase === 'plan') transaction.putTask(moveTask(cleared, 'pending'));
  else if (continuesLater && task.phase === 'pre-delete')
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

type NextRun = NonNullable<Extract<ServiceReport, { type: 'service.progressed' }>['data']['again']>;

function applyUnfinished(
  transaction: OperationTransaction,
  reported: Task,
  next: NextRun,
  step: StepInput,
): void {
  if (next.enabled) invalidateVerifications(transaction);
  const task = next.enabled
    ? { ...reported, verifications: staleVerifications(reported.verifications, ALL_PHASES) }
    : reported;
  const idleMillis = step.now - task.progressAt;
  const lastingError = next.error ?? next.returned;
  if (lastingError && idleMillis - task.askedWaitMillis >= step.stallTimeoutMillis) {
    deadLetterTask(transaction, task, lastingError, step.now);
    return;
  }
  // For a short time after the removals, a listing may still show removed resources. A listing of
  // removed resources counts as an error only after `LAG_MILLIS`.
  const error = next.error ?? (idleMillis >= LAG_MILLIS ? next.returned : undefined);
  const askedSeconds = Math.min(next.afterSeconds, step.maxWaitMillis / 1000);
  const announced = next.error?.retryAfterSeconds ? askedSeconds * 1000 : 0;
  const askedWaitMillis = Math.min(MAX_ASKED_WAIT_MILLIS, task.askedWaitMillis + announced);
  requestNextRun(
    transaction,
    { ...task, error, attempts: 0, askedWaitMillis },
    nextRunSeconds(task, step.now, askedSeconds),
    step.now,
  );
}

function applyFailed(
  transaction: OperationTransaction,
  task: Task,
  error: ErrorReport,
  step: StepInput,
): void {
  // A run that removed a resource made progress, even if it ended with an error.
  const attempts = task.runProgressed ? 0 : task.attempts + 1;
  // The service would refuse the call again, so the operator must act first (class `Denied`).
  if (!task.runProgressed && (error.class === 'Denied' || attempts >= step.maxAttempts)) {
    deadLetterTask(transaction, { ...task, attempts }, error, step.now);
    return;
  }
  const askedSeconds = Math.min(error.retryAfterSeconds ?? 0, step.maxWaitMillis / 1000);
  const delaySeconds = Math.max(backoffMillis(Math.max(1, attempts), BACKOFF) / 1000, askedSeconds);
  requestNextRun(transaction, { ...task, error, attempts }, delaySeconds, step.now);
}

function requestNextRun(
  transaction: OperationTransaction,
  task: Task,
  delaySeconds: number,
  now: number,
): void {
  // The service may handle a redriven message before the coordinator receives the redrive. The task
  // is then still dead-lettered, and this report makes it active.
  const state = stateUnderWay(task);
  const active = task.state === state ? task : moveTask(task, state);
  const next: Task = {
    ...active,
    overtook: stillOvertaken(transaction, task),
    run: task.run + 1,
    runProgressed: false,
    nextAt: now + delaySeconds * 1000,
  };
  transaction.putTask(next);
  transaction.messages.push({ ...transaction.runRequest(next, now), delaySeconds });
}

/**
 * Dead-letters the task. The dead-letter message requests the next run, which begins when the
 * message is redriven.
 */
export function deadLetterTask(
  transaction: OperationTransaction,
  task: Task,
  error: ErrorReport,
  now: number,
): void {
  const dead = task.state === 'dead-lettered' ? task : moveTask(task, 'dead-lettered');
  const next: Task = {
    ...dead,
    run: task.run + 1,
    runProgressed: false,
    error,
    nextAt: undefined,
  };
  transaction.putTask(next);
  transaction.deadLetters.push({ message: transaction.runRequest(next, now), error });
}
