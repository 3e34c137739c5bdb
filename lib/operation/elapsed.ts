import type { Task } from './model.ts';
import type { Rules } from './transaction.ts';

/**
 * A task with its times corrected for what a clock alone can do. Between two reports at most the
 * wait that was asked for and a quarter of the stall timeout count: a clock that was set forward,
 * or a process that did not run for hours, is no silence of the service. A clock that was set back
 * takes nothing away of what counted before.
 */
export function withElapsed(task: Task, rules: Pick<Rules, 'now' | 'stallTimeoutMillis'>): Task {
  const last = Math.max(task.reportedAt ?? task.progressAt, task.progressAt);
  const gap = rules.now - last;
  const asked = Math.max(0, (task.nextAt ?? last) - last);
  const counted = Math.min(Math.max(0, gap), asked + rules.stallTimeoutMillis / 4);
  return { ...task, reportedAt: rules.now, progressAt: task.progressAt + gap - counted };
}

/**
 * The times of an operation that waits for its grace period, after the clock was set back behind
 * the last time that is known of it. It waits for what was left then, and is confirmed anew.
 */
export function withoutFuture<
  At extends {
    readonly openedAt: number;
    readonly notBefore: number;
    readonly confirmedAt: readonly number[];
  },
>(operation: At, now: number): At {
  const last = operation.confirmedAt.at(-1) ?? operation.openedAt;
  if (now >= last) return operation;
  return { ...operation, confirmedAt: [], notBefore: now + (operation.notBefore - last) };
}
