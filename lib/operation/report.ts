import { KindName, type TaskId } from '../../events/ids.ts';
import type { Counts, ServiceReport } from '../../events/service.ts';
import type { ErrorReport } from '../errors.ts';
import { account, keepSince, nextLookSeconds, total } from './accounting.ts';
import { advance } from './advance.ts';
import type { Draft, Rules } from './draft.ts';
import type { Task, TaskState } from './model.ts';
import { lookAgain, reopen } from './ready.ts';
import { moveTask } from './transitions.ts';

/** Seconds before the next try of a pass that failed for no known reason: 5, 10, 20, 40 … */
const retrySeconds = (attempts: number): number => Math.min(300, 5 * 2 ** (attempts - 1));

/** How a task of this phase is called while a pass is on its way. */
const underWay = ({ phase }: Task): TaskState => (phase === 'survey' ? 'surveying' : 'requested');

/** Takes in what a service says of its task. A report of another pass, or one that came before, is left aside. */
export function takeReport(draft: Draft, report: ServiceReport, rules: Rules): void {
  const task = draft.task(report.data.taskId);
  if (!task || task.pass !== report.data.pass || task.endedAt !== undefined || task.state === 'pending') return;
  if (report.type === 'service.progressed' && !report.data.again) {
    if (report.data.sequence <= task.sequence) return;
    const counted = takeCounts(task, report, rules.now);
    // Counts on the way say nothing of what stands in the way: that is known at the end of a pass.
    const conditions = report.data.conditions.length > 0 ? counted.conditions : task.conditions;
    draft.put({ ...counted, conditions, sequence: report.data.sequence });
    return;
  }
  const counted: Task = { ...takeCounts(task, report, rules.now), sequence: 0 };
  const passEnded: Task = { ...counted, baseline: counted.counts };
  if (report.type === 'service.finished') finish(draft, passEnded, report, rules.now);
  else if (report.type === 'service.failed') fail(draft, passEnded, report.data.error, rules);
  else if (report.data.again) again(draft, passEnded, report.data.again, rules);
  advance(draft, rules);
}

function takeCounts(task: Task, report: ServiceReport, now: number): Task {
  const counts = account(task.baseline, report.data.counts);
  const moved = total(counts).removed > total(task.counts).removed || total(counts).left < total(task.counts).left;
  return {
    ...task,
    counts,
    conditions: keepSince(task.conditions, report.data.conditions, now),
    progressAt: moved ? now : task.progressAt,
  };
}

function finish(draft: Draft, task: Task, report: Extract<ServiceReport, { type: 'service.finished' }>, now: number): void {
  const calm: Task = { ...task, error: undefined, attempts: 0, nextAt: undefined, because: report.data.because };
  const waits = report.data.result === 'finished' && draft.operation.mode !== 'observe';
  if (waits && task.phase === 'survey') draft.put(moveTask(calm, 'pending'));
  else if (waits && task.phase === 'early')
    draft.put({ ...moveTask(calm, 'pending'), early: 'done', provenEarly: provenEmpty(report.data.counts) });
  else {
    // What the catalog lacks holds nothing, whatever others make.
    const ahead = report.data.result === 'skipped' ? [] : calm.ahead;
    const over: Task = { ...moveTask(calm, report.data.result), ahead, endedAt: now };
    draft.put(over);
    if (task.doubted) reopen(draft, over);
  }
}

/** Only what the very pass that ended so has listed: a project that was deleted under its hands proves nothing (law 4). */
const provenEmpty = (counts: Counts): KindName[] =>
  Object.entries(counts).flatMap(([kind, { left }]) => (left === 0 ? [KindName.parse(kind)] : []));

type Wish = NonNullable<Extract<ServiceReport, { type: 'service.progressed' }>['data']['again']>;

function again(draft: Draft, reported: Task, wish: Wish, rules: Rules): void {
  if (wish.enabled) lookAgain(draft);
  const seen: Task = { ...reported, cleared: reported.doubted ? [] : (wish.provenEmpty ?? []) };
  const task = wish.enabled ? { ...seen, provenEarly: [] } : seen;
  if (wish.error && rules.now - task.progressAt >= rules.patienceMillis) {
    giveUp(draft, task, wish.error);
    return;
  }
  askAgain(draft, { ...task, error: wish.error, attempts: 0 }, nextLookSeconds(task, rules.now, wish.afterSeconds), rules.now);
}

function fail(draft: Draft, task: Task, error: ErrorReport, rules: Rules): void {
  const attempts = task.attempts + 1;
  // Whoever was refused is refused again: the operator must act first (class Denied).
  if (error.class === 'Denied' || attempts >= rules.mostAttempts) giveUp(draft, { ...task, attempts }, error);
  else askAgain(draft, { ...task, error, attempts }, retrySeconds(attempts), rules.now);
}

function askAgain(draft: Draft, task: Task, delaySeconds: number, now: number): void {
  // A dead letter that its service took up before we heard of the redrive is alive again.
  const state = underWay(task);
  const alive = task.state === state ? task : moveTask(task, state);
  const next: Task = { ...alive, pass: task.pass + 1, doubted: undefined, nextAt: now + delaySeconds * 1000 };
  draft.put(next);
  draft.messages.push({ ...draft.request(next), delaySeconds });
}

/** Into the dead-letter queue, with the pass that a redrive will ask for. */
function giveUp(draft: Draft, task: Task, error: ErrorReport): void {
  const dead = task.state === 'errored' ? task : moveTask(task, 'errored');
  const next: Task = { ...dead, pass: task.pass + 1, doubted: undefined, error, nextAt: undefined };
  draft.put(next);
  draft.deadLetters.push({ message: draft.request(next), error });
}

/** A person sent the task's dead letter back: its patience and its tries begin anew. */
export function takeRedrive(draft: Draft, task: Task | undefined, rules: Rules): void {
  if (task?.state !== 'errored') return;
  draft.put({ ...moveTask(task, underWay(task)), attempts: 0, progressAt: rules.now, nextAt: rules.now });
}

/** Which pass was thrown away, by whom, why. */
export interface Discarded {
  readonly taskId: TaskId;
  readonly pass: number;
  readonly by: string;
  readonly reason: string;
}

/**
 * A person threw the task's dead letter away. Nobody knows what is left of it, so it has not finished: it is out of reach, and so says
 * the end of the operation. A letter of an older pass ends nothing, for the task went on without it.
 */
export function takeDiscard(draft: Draft, { taskId, pass, by, reason }: Discarded, rules: Rules): void {
  const task = draft.task(taskId);
  if (!task || task.pass !== pass || task.endedAt !== undefined || task.state === 'pending') return;
  // Whoever threw it away does not want it to be looked at once more.
  const over = { ahead: [], because: `discarded by ${by}: ${reason}`, nextAt: undefined, endedAt: rules.now };
  draft.put({ ...moveTask(task, 'unreachable'), ...over });
  advance(draft, rules);
}
