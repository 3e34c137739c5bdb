import type { ServiceReport } from '../../events/service.ts';
import { backoffMillis } from '../shared/backoff.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { nextRunDelaySeconds } from './counts.ts';
import type { Task, TaskState } from './model.ts';
import { tasksStillOvertaken } from './overtaking.ts';
import { invalidateVerifications } from './reopen.ts';
import type { OperationTransaction, StepInput } from './transaction.ts';
import { moveTask } from './transitions.ts';
import { ALL_PHASES, withStalePhases } from './verification.ts';

/** The back-off after an unexpected error: 5 s, 10 s, 20 s … 300 s. */
const BACKOFF = { firstMillis: 5000, maxMillis: 300_000 };

/** How long a listing may show removed resources before the task shows this as an error. */
const LISTING_LAG_MILLIS = 30_000;
/**
 * A service may ask for a long delay (`Retry-After`), for example during maintenance. These delays
 * do not count towards the stall timeout, as long as their sum is at most this time.
 */
const MAX_TOTAL_RETRY_AFTER_MILLIS = 24 * 3_600_000;

/** Returns the state of the task while a run of its phase is under way. */
export const stateUnderWay = ({ phase }: Task): TaskState =>
  phase === 'plan' ? 'planning' : 'requested';

type NextRun = NonNullable<Extract<ServiceReport, { type: 'service.progressed' }>['data']['again']>;

/**
 * Requests the next run of a task whose run ended with work left. If the run reported an error or
 * listed removed resources again, and the task has made no progress for the stall timeout, the task
 * is dead-lettered instead.
 */
export function applyUnfinishedRun(
  transaction: OperationTransaction,
  reportedTask: Task,
  next: NextRun,
  step: StepInput,
): void {
  if (next.enabled) invalidateVerifications(transaction);
  const task = next.enabled
    ? { ...reportedTask, verifications: withStalePhases(reportedTask.verifications, ALL_PHASES) }
    : reportedTask;
  const idleMillis = step.now - task.progressAt;
  const lastingError = next.error ?? next.returned;
  if (lastingError && idleMillis - task.totalRetryAfterMillis >= step.stallTimeoutMillis) {
    deadLetterTask(transaction, task, lastingError, step.now);
    return;
  }
  // `returned` is set if a listing still shows resources that were removed. This is normal for a
  // short time, so it counts as an error only after `LISTING_LAG_MILLIS`.
  const error = next.error ?? (idleMillis >= LISTING_LAG_MILLIS ? next.returned : undefined);
  const requestedSeconds = Math.min(next.afterSeconds, step.maxWaitMillis / 1000);
  const retryAfterMillis = next.error?.retryAfterSeconds ? requestedSeconds * 1000 : 0;
  const totalRetryAfterMillis = Math.min(
    MAX_TOTAL_RETRY_AFTER_MILLIS,
    task.totalRetryAfterMillis + retryAfterMillis,
  );
  requestNextRun(
    transaction,
    { ...task, error, attempts: 0, totalRetryAfterMillis },
    nextRunDelaySeconds(task, step.now, requestedSeconds),
    step.now,
  );
}

/** Requests the next run after a failed run, or dead-letters the task. */
export function applyFailedRun(
  transaction: OperationTransaction,
  task: Task,
  error: ErrorReport,
  step: StepInput,
): void {
  // A run that removed a resource made progress, even if it ended with an error.
  const attempts = task.runProgressed ? 0 : task.attempts + 1;
  // Class `Denied`: the service would refuse the call again, so an operator must act first.
  if (!task.runProgressed && (error.class === 'Denied' || attempts >= step.maxAttempts)) {
    deadLetterTask(transaction, { ...task, attempts }, error, step.now);
    return;
  }
  const requestedSeconds = Math.min(error.retryAfterSeconds ?? 0, step.maxWaitMillis / 1000);
  const delaySeconds = Math.max(
    backoffMillis(Math.max(1, attempts), BACKOFF) / 1000,
    requestedSeconds,
  );
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
  const activeTask = task.state === state ? task : moveTask(task, state);
  const nextTask: Task = {
    ...activeTask,
    overtook: tasksStillOvertaken(transaction, task),
    run: task.run + 1,
    runProgressed: false,
    nextAt: now + delaySeconds * 1000,
  };
  transaction.putTask(nextTask);
  transaction.messages.push({ ...transaction.runRequest(nextTask, now), delaySeconds });
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
  const deadLetteredTask = task.state === 'dead-lettered' ? task : moveTask(task, 'dead-lettered');
  const nextTask: Task = {
    ...deadLetteredTask,
    run: task.run + 1,
    runProgressed: false,
    error,
    nextAt: undefined,
  };
  transaction.putTask(nextTask);
  transaction.deadLetters.push({ message: transaction.runRequest(nextTask, now), error });
}
