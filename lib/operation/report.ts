import { ResourceTypeName, type TaskId } from '../../events/ids.ts';
import type { Counts, ServiceReport } from '../../events/service.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { advance } from './advance.ts';
import { addDistinct, keepSince, mergeCounts, newRecords, nextRunSeconds } from './counts.ts';
import { withElapsed } from './elapsed.ts';
import type { Task, TaskState } from './model.ts';
import { invalidateVerifications, reopen } from './ready.ts';
import type { OperationTransaction, Rules } from './transaction.ts';
import { moveTask } from './transitions.ts';

/** Seconds before the next try of a pass that failed for no known reason: 5, 10, 20, 40 … */
const retrySeconds = (attempts: number): number => Math.min(300, 5 * 2 ** (attempts - 1));

/** So long may a listing lag behind a removal without an error being shown. */
const LAG_MILLIS = 30_000;
/** A maintenance that a service announces (`Retry-After`) is waited for, at most for a day. */
const MAX_ASKED_WAIT_MILLIS = 24 * 3_600_000;

/** How a task of this phase is called while a pass is on its way. */
const underWay = ({ phase }: Task): TaskState => (phase === 'plan' ? 'planning' : 'requested');

/**
 * Takes in what a service says of its task. A report of another pass, or one that came before, is
 * left aside.
 */
export function applyReport(
  transaction: OperationTransaction,
  report: ServiceReport,
  rules: Rules,
): void {
  const known = transaction.task(report.data.taskId);
  if (
    !known ||
    known.run !== report.data.run ||
    known.endedAt !== undefined ||
    known.state === 'pending'
  )
    return;
  const task = withElapsed(known, rules);
  if (report.type === 'service.progressed' && !report.data.again) {
    if (report.data.sequence <= task.sequence) return;
    const counted = applyCounts(task, report, rules.now);
    // Counts on the way say nothing of what stands in the way: that is known at the end of a pass.
    const conditions = report.data.conditions.length > 0 ? counted.conditions : task.conditions;
    transaction.put({ ...counted, conditions, sequence: report.data.sequence });
    return;
  }
  const counted: Task = { ...applyCounts(task, report, rules.now), sequence: 0 };
  const runEnded: Task = {
    ...counted,
    baseline: counted.counts,
    distinct: addDistinct(task.distinct, report.data.fresh),
    seenIds: report.data.seenIds ?? task.seenIds,
  };
  if (report.type === 'service.finished') finish(transaction, runEnded, report, rules.now);
  else if (report.type === 'service.failed') fail(transaction, runEnded, report.data.error, rules);
  else if (report.data.again) again(transaction, runEnded, report.data.again, rules);
  advance(transaction, rules);
}

function applyCounts(task: Task, report: ServiceReport, now: number): Task {
  const counts = mergeCounts(task.baseline, report.data.counts, task.distinct, report.data.fresh);
  const records = newRecords(task.mostRemoved, counts);
  const counted = {
    ...task,
    counts,
    conditions: keepSince(task.conditions, report.data.conditions, now),
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

function finish(
  transaction: OperationTransaction,
  task: Task,
  report: Extract<ServiceReport, { type: 'service.finished' }>,
  now: number,
): void {
  const calm: Task = {
    ...task,
    error: undefined,
    attempts: 0,
    nextAt: undefined,
    because: report.data.because,
  };
  const waits = report.data.result === 'finished' && transaction.operation.mode !== 'observe';
  if (waits && task.phase === 'plan') transaction.put(moveTask(calm, 'pending'));
  else if (waits && task.phase === 'pre-delete')
    transaction.put({
      ...moveTask(calm, 'pending'),
      preDelete: 'done',
      verifiedBeforeDeletion: verifiedEmpty(report.data.counts),
    });
  else {
    // What the catalog lacks holds nothing, whatever others make.
    const ahead = report.data.result === 'skipped' ? [] : calm.ahead;
    const over: Task = { ...moveTask(calm, report.data.result), ahead, endedAt: now };
    transaction.put(over);
    if (task.stale) reopen(transaction, over);
  }
}

/**
 * Only what the very pass that ended so has listed: a project that was deleted under its hands
 * proves nothing (safety rule: list again before finished).
 */
const verifiedEmpty = (counts: Counts): ResourceTypeName[] =>
  Object.entries(counts).flatMap(([resourceType, { left }]) =>
    left === 0 ? [ResourceTypeName.parse(resourceType)] : [],
  );

type Wish = NonNullable<Extract<ServiceReport, { type: 'service.progressed' }>['data']['again']>;

function again(transaction: OperationTransaction, reported: Task, wish: Wish, rules: Rules): void {
  if (wish.enabled) invalidateVerifications(transaction);
  const seen: Task = {
    ...reported,
    verifiedEmpty: reported.stale ? [] : (wish.verifiedEmpty ?? []),
  };
  const task = wish.enabled ? { ...seen, verifiedBeforeDeletion: [] } : seen;
  const idleMillis = rules.now - task.progressAt;
  const lasting = wish.error ?? wish.returned;
  if (lasting && idleMillis - task.askedWaitMillis >= rules.stallTimeoutMillis) {
    giveUp(transaction, task, lasting);
    return;
  }
  // A listing that lags behind shows what was removed for a moment: that is no error.
  const error = wish.error ?? (idleMillis >= LAG_MILLIS ? wish.returned : undefined);
  const askedSeconds = Math.min(wish.afterSeconds, rules.maxWaitMillis / 1000);
  const announced = wish.error?.retryAfterSeconds ? askedSeconds * 1000 : 0;
  const askedWaitMillis = Math.min(MAX_ASKED_WAIT_MILLIS, task.askedWaitMillis + announced);
  askAgain(
    transaction,
    { ...task, error, attempts: 0, askedWaitMillis },
    nextRunSeconds(task, rules.now, askedSeconds),
    rules.now,
  );
}

function fail(
  transaction: OperationTransaction,
  task: Task,
  error: ErrorReport,
  rules: Rules,
): void {
  // A run that removed something is progress, whatever its last error was.
  const attempts = task.runProgressed ? 0 : task.attempts + 1;
  // A call that was refused is refused again: the operator must act first (class Denied).
  if (!task.runProgressed && (error.class === 'Denied' || attempts >= rules.maxAttempts)) {
    giveUp(transaction, { ...task, attempts }, error);
    return;
  }
  const askedSeconds = Math.min(error.retryAfterSeconds ?? 0, rules.maxWaitMillis / 1000);
  const delaySeconds = Math.max(retrySeconds(Math.max(1, attempts)), askedSeconds);
  askAgain(transaction, { ...task, error, attempts }, delaySeconds, rules.now);
}

function askAgain(
  transaction: OperationTransaction,
  task: Task,
  delaySeconds: number,
  now: number,
): void {
  // A dead letter that its service took up before we heard of the redrive is alive again.
  const state = underWay(task);
  const alive = task.state === state ? task : moveTask(task, state);
  const next: Task = {
    ...alive,
    run: task.run + 1,
    runProgressed: false,
    stale: undefined,
    nextAt: now + delaySeconds * 1000,
  };
  transaction.put(next);
  transaction.messages.push({ ...transaction.request(next), delaySeconds });
}

/** Into the dead-letter queue, with the pass that a redrive will ask for. */
function giveUp(transaction: OperationTransaction, task: Task, error: ErrorReport): void {
  const dead = task.state === 'dead-lettered' ? task : moveTask(task, 'dead-lettered');
  const next: Task = {
    ...dead,
    run: task.run + 1,
    runProgressed: false,
    stale: undefined,
    error,
    nextAt: undefined,
  };
  transaction.put(next);
  transaction.deadLetters.push({ message: transaction.request(next), error });
}

/** A person sent the task's dead letter back: its patience and its tries begin anew. */
export function applyRedrive(
  transaction: OperationTransaction,
  task: Task | undefined,
  rules: Rules,
): void {
  if (task?.state !== 'dead-lettered') return;
  transaction.put({
    ...moveTask(task, underWay(task)),
    attempts: 0,
    progressAt: rules.now,
    reportedAt: rules.now,
    askedWaitMillis: 0,
    nextAt: rules.now,
  });
}

/** Which pass was thrown away, by whom, why. */
export interface Discarded {
  readonly taskId: TaskId;
  readonly run: number;
  readonly by: string;
  readonly reason: string;
}

/**
 * A person threw the task's dead letter away. Nobody knows what is left of it, so it has not
 * finished: it is out of reach, and so says the end of the operation. A letter of an older pass
 * ends nothing, for the task went on without it.
 */
export function applyDiscard(
  transaction: OperationTransaction,
  { taskId, run, by, reason }: Discarded,
  rules: Rules,
): void {
  const task = transaction.task(taskId);
  if (!task || task.run !== run || task.endedAt !== undefined || task.state === 'pending') return;
  // Whoever threw it away does not want it to be looked at once more.
  const over = {
    ahead: [],
    because: `discarded by ${by}: ${reason}`,
    nextAt: undefined,
    endedAt: rules.now,
  };
  transaction.put({ ...moveTask(task, 'unreachable'), ...over });
  advance(transaction, rules);
}
