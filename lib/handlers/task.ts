import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceReport, ServiceRequested } from '../../events/service.ts';
import type { Delivery } from '../engine/port.ts';
import { asCaller } from '../openstack/caller.ts';
import { PropagatorError, reportOf } from '../shared/errors.ts';
import { redactDeep } from '../shared/redaction.ts';
import type { Service, SilenceWatch } from '../task/service.ts';
import { fetchAccountState } from './account-state.ts';
import { isRunObsolete, readCurrentRun } from './current-run.ts';
import { missingEndpointError } from './endpoints.ts';
import { revokeRolesOf } from './project-role.ts';
import { apiOfRun } from './run-context.ts';
import { MAX_SILENCE_MILLIS, withSilenceLimit } from './silence.ts';
import type { TaskDeps, TaskWithOperation } from './task-deps.ts';
import { preflightReport, replaceTokenFailure } from './task-preflight.ts';
import { reportOfError, reportOfOutcome, runKeyOf } from './task-report.ts';
import { runService } from './task-run.ts';

/**
 * Runs the task of one service for each request, and commits the report of each run. A failed run
 * leads to a report, and does not throw. Throws when the engine fails.
 */
export async function runTask(
  service: Service,
  deliveries: readonly Delivery[],
  deps: TaskDeps,
): Promise<void> {
  for (const { message } of deliveries)
    if (message.type === 'service.requested') await runAndCommitReport(service, message, deps);
}

async function runAndCommitReport(
  service: Service,
  message: ServiceRequested,
  deps: TaskDeps,
): Promise<void> {
  const currentRun = await readCurrentRun(message, deps.engine.reads);
  if (!currentRun) return;
  const { operation } = currentRun;
  if (isRunObsolete(operation)) {
    // The resume may have ended without revoking the propagator's roles on the project.
    if (operation.action === 'resume') await revokeRolesOf(operation, deps);
    return;
  }
  if (operation.state === 'canceled') return;
  const report = await asCaller(operation.id, () =>
    runAndReport(service, message, currentRun, deps),
  );
  await deps.engine.commit({ messages: [redactDeep(report)] });
}

/** Runs the task within its time limits. An error leads to a report of the run. */
async function runAndReport(
  service: Service,
  message: ServiceRequested,
  taskWithOperation: TaskWithOperation,
  deps: TaskDeps,
): Promise<ServiceReport> {
  const { data } = message;
  const run = (watch?: SilenceWatch): Promise<ServiceReport> =>
    runUnlessForbidden(service, message, taskWithOperation, deps, watch);
  try {
    // A run of phase `plan` fails if the service is silent for too long. Otherwise one service that
    // hangs would stop the operation, which waits for the first count of every service.
    const running =
      data.phase === 'plan'
        ? withSilenceLimit(service.name, deps.maxSilenceMillis ?? MAX_SILENCE_MILLIS, run)
        : run();
    return await withTimeLimit(running, service.name, deps);
  } catch (thrown) {
    const error = reportOf(thrown, {
      code: `${service.name}.run`,
      service: service.name,
      region: data.region,
    });
    return replaceTokenFailure(
      reportOfError(runKeyOf(data), error),
      taskWithOperation.operation,
      deps,
    );
  }
}

/** Runs the task unless a check forbids the run, and returns the report. */
async function runUnlessForbidden(
  service: Service,
  message: ServiceRequested,
  taskWithOperation: TaskWithOperation,
  deps: TaskDeps,
  watch: SilenceWatch | undefined,
): Promise<ServiceReport> {
  const { data } = message;
  const { operation } = taskWithOperation;
  const runKey = runKeyOf(data);
  const refusalReport = await preflightReport(message, operation, deps);
  if (refusalReport) return refusalReport;
  // If another client has deleted the project, phase `pre-delete` is over. The task continues as
  // after any deletion.
  if (data.phase === 'pre-delete' && (await fetchAccountState(operation, deps)) === 'absent')
    return {
      type: 'service.finished',
      data: { ...runKey, result: 'finished', counts: {}, conditions: [] },
    };
  const api = await apiOfRun(service, data, deps, watch);
  if (!api) return reportOfError(runKey, missingEndpointError(service, data.region));
  const runReport = await runService(service, message, taskWithOperation, api, deps, watch);
  return replaceTokenFailure(reportOfOutcome(runKey, runReport), operation, deps);
}

/**
 * Waits for the run. Throws an error of class `Transient` if the run has not ended after
 * `maxRunMillis`. The report of this error is then sent before the runtime kills the function.
 */
async function withTimeLimit<T>(
  running: Promise<T>,
  service: string,
  { maxRunMillis }: Pick<TaskDeps, 'maxRunMillis'>,
): Promise<T> {
  if (maxRunMillis === undefined) return running;
  const runEnded = new AbortController();
  const timeLimit = delay(maxRunMillis, undefined, { signal: runEnded.signal }).then(() => {
    throw new PropagatorError({
      code: `${service}.slow`,
      class: 'Transient',
      service,
      message:
        `${service} did not answer in time: its run had not ended after ` +
        `${Math.round(maxRunMillis / 1000)} s`,
      advice:
        `Find out why the API of ${service} is slow, and check the network to it. The task is ` +
        'retried.',
    });
  });
  return Promise.race([running, timeLimit]).finally(() => runEnded.abort());
}
