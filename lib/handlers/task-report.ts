import type { Message } from '../../events/index.ts';
import type { Counts, ServiceReport, ServiceRequested } from '../../events/service.ts';
import { plainFields } from '../../events/task-report.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { RunReport } from '../task/run.ts';
import type { NewlyListed } from '../task/run-counter.ts';
import type { TaskDeps } from './task-deps.ts';

/** Returns the fields that a report copies from the request of its run. */
export const runKeyOf = ({
  operationId,
  taskId,
  service,
  region,
  phase,
  run,
}: ServiceRequested['data']): RunKey => ({
  operationId,
  taskId,
  service,
  region,
  phase,
  run,
});

/** The fields that identify a run: its task, service, region, phase and number. */
export type RunKey = Pick<
  ServiceRequested['data'],
  'operationId' | 'taskId' | 'service' | 'region' | 'phase' | 'run'
>;

/** Returns the report of a run that ended without an error. */
export function reportOfOutcome(
  runKey: RunKey,
  { counts, conditions, outcome, verification, newlyListed, appeared, seenIds }: RunReport,
): ServiceReport {
  const listingFields = {
    ...newlyListedField(newlyListed),
    ...(appeared ? { appeared } : {}),
    ...(seenIds === undefined ? {} : { seenIds }),
  };
  const reportFields = {
    ...runKey,
    counts,
    verification,
    conditions: conditions.map(plainFields),
    ...listingFields,
  };
  if (outcome.kind === 'finished')
    return { type: 'service.finished', data: { ...reportFields, result: 'finished' } };
  if (outcome.kind === 'unreachable')
    return {
      type: 'service.finished',
      data: { ...reportFields, result: 'unreachable', because: outcome.because },
    };
  if (outcome.kind === 'failed')
    return { type: 'service.failed', data: { ...reportFields, error: outcome.error } };
  const error = outcome.error ? { error: outcome.error } : {};
  const returned = outcome.reappeared ? { returned: outcome.reappeared } : {};
  return {
    type: 'service.progressed',
    data: {
      ...reportFields,
      sequence: 0,
      again: { afterSeconds: outcome.afterSeconds, ...error, ...returned },
    },
  };
}

/**
 * Returns the report of a run that ended with an error. A transient error leads to a retry. For an
 * unsupported version of a service, the task ends as unreachable. Any other error fails the run.
 */
export function reportOfError(runKey: RunKey, error: ErrorReport): ServiceReport {
  const emptyReport = { ...runKey, counts: {}, conditions: [] };
  // The resources of the service are unknown, so the task must not end as `finished`.
  if (error.class === 'Unsupported')
    return {
      type: 'service.finished',
      data: { ...emptyReport, result: 'unreachable', because: error.message },
    };
  if (error.class !== 'Transient')
    return { type: 'service.failed', data: { ...emptyReport, error } };
  return {
    type: 'service.progressed',
    data: {
      ...emptyReport,
      sequence: 0,
      again: { afterSeconds: error.retryAfterSeconds ?? 0, error },
    },
  };
}

const newlyListedField = (newlyListed: NewlyListed): { fresh?: NewlyListed } =>
  Object.keys(newlyListed).length === 0 ? {} : { fresh: newlyListed };

/**
 * Returns a function that reports the counts of a run, at most once in `progressMillis` and only if
 * the throttle of the process permits it.
 */
export function progressReporter(
  runKey: RunKey,
  deps: TaskDeps,
): (counts: Counts, newlyListed: NewlyListed) => void {
  let reportedAt = deps.now();
  let sequence = 0;
  return (counts, newlyListed) => {
    if (deps.now() - reportedAt < deps.progressMillis) return;
    if (deps.progressThrottle?.permits() === false) return;
    reportedAt = deps.now();
    sequence += 1;
    const message: Message = {
      type: 'service.progressed',
      data: { ...runKey, sequence, counts, conditions: [], ...newlyListedField(newlyListed) },
    };
    // A lost progress report is harmless, because the final report replaces it. If the store still
    // fails then, the final report throws.
    deps.engine.commit({ messages: [message] }).catch(() => undefined);
  };
}
