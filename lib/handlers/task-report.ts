import type { Message } from '../../events/index.ts';
import type { Counts, ServiceReport, ServiceRequested } from '../../events/service.ts';
import { plainOf } from '../../events/task-report.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { RunReport } from '../task/run.ts';
import type { NewlyListed } from '../task/run-counter.ts';
import type { ServiceDeps } from './task-deps.ts';

/** Returns the part of a request that its reports repeat. */
export const addressOf = ({
  operationId,
  taskId,
  service,
  region,
  phase,
  run: number,
}: ServiceRequested['data']): Address => ({
  operationId,
  taskId,
  service,
  region,
  phase,
  run: number,
});

/** The task and the run that a report is about. */
export type Address = Pick<
  ServiceRequested['data'],
  'operationId' | 'taskId' | 'service' | 'region' | 'phase' | 'run'
>;

/** Returns the report of a run that has ended. */
export function reportOfOutcome(
  address: Address,
  { counts, conditions, outcome, verification, fresh, appeared, seenIds }: RunReport,
): ServiceReport {
  const ids = {
    ...freshOf(fresh),
    ...(appeared ? { appeared } : {}),
    ...(seenIds === undefined ? {} : { seenIds }),
  };
  const reportFields = {
    ...address,
    counts,
    verification,
    conditions: conditions.map(plainOf),
    ...ids,
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
  const returned = outcome.returned ? { returned: outcome.returned } : {};
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
 * Returns the report of a run that ended with an error. A transient error leads to a retry. A
 * service without a supported version is unreachable. Any other error fails the run.
 */
export function reportOfError(address: Address, error: ErrorReport): ServiceReport {
  const none = { ...address, counts: {}, conditions: [] };
  // The resources of the service are unknown, so the task must not end as `finished`.
  if (error.class === 'Unsupported')
    return {
      type: 'service.finished',
      data: { ...none, result: 'unreachable', because: error.message },
    };
  if (error.class !== 'Transient') return { type: 'service.failed', data: { ...none, error } };
  return {
    type: 'service.progressed',
    data: { ...none, sequence: 0, again: { afterSeconds: error.retryAfterSeconds ?? 0, error } },
  };
}

const freshOf = (fresh: NewlyListed): { fresh?: NewlyListed } =>
  Object.keys(fresh).length === 0 ? {} : { fresh };

/** Returns a function that reports the counts of a run, at most once in `progressMillis`. */
export function progressReporter(
  address: Address,
  deps: ServiceDeps,
): (counts: Counts, fresh: NewlyListed) => void {
  let reportedAt = deps.now();
  let sequence = 0;
  return (counts, fresh) => {
    if (deps.now() - reportedAt < deps.progressMillis) return;
    reportedAt = deps.now();
    sequence += 1;
    const message: Message = {
      type: 'service.progressed',
      data: { ...address, sequence, counts, conditions: [], ...freshOf(fresh) },
    };
    // A lost progress report is harmless, because the final report replaces it. If the store still
    // fails then, the final report throws.
    deps.engine.commit({ messages: [message] }).catch(() => undefined);
  };
}
