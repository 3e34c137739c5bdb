import type { Task } from './model.ts';
import type { StepInput } from './transaction.ts';

/**
 * Returns the task with an idle time that a jump of the clock cannot distort. The idle time is the
 * time since `progressAt`. Between two reports, at most the delay with which the run was
 * requested plus a quarter of the stall timeout counts as idle time. A clock that was set forward,
 * or a process that was stopped for hours, therefore does not exhaust the stall timeout.
 */
export function withCorrectedIdleTime(
  task: Task,
  step: Pick<StepInput, 'now' | 'stallTimeoutMillis'>,
): Task {
  const lastReportAt = Math.max(task.reportedAt ?? task.progressAt, task.progressAt);
  const elapsedMillis = step.now - lastReportAt;
  const requestedMillis = Math.max(0, (task.nextAt ?? lastReportAt) - lastReportAt);
  const countedMillis = Math.min(
    Math.max(0, elapsedMillis),
    requestedMillis + step.stallTimeoutMillis / 4,
  );
  return {
    ...task,
    reportedAt: step.now,
    progressAt: task.progressAt + elapsedMillis - countedMillis,
  };
}

/**
 * Returns the operation without those recorded times that are in the future. Such times exist if
 * the clock was set back during the grace period. The operation then waits for the rest of the
 * grace period, and Keystone must confirm it again.
 */
export function withoutFutureTimes<
  TimedOperation extends {
    readonly openedAt: number;
    readonly notBefore: number;
    readonly confirmedAt: readonly number[];
  },
>(operation: TimedOperation, now: number): TimedOperation {
  const lastTime = operation.confirmedAt.at(-1) ?? operation.openedAt;
  if (now >= lastTime) return operation;
  return { ...operation, confirmedAt: [], notBefore: now + (operation.notBefore - lastTime) };
}
