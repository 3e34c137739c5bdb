import { setTimeout as delay } from 'node:timers/promises';
import type { ServiceReport, ServiceRequested } from '../../events/service.ts';
import type { Delivery } from '../engine/port.ts';
import { asCaller } from '../openstack/caller.ts';
import { hasEnded } from '../operation/open.ts';
import { PropagatorError, reportOf } from '../shared/errors.ts';
import { redactDeep } from '../shared/redaction.ts';
import type { Service, Watch } from '../task/service.ts';
import { missingEndpoint } from './endpoints.ts';
import { revokeProjectRoles } from './project-role.ts';
import { MAX_SILENCE_MILLIS, unlessSilent } from './silence.ts';
import type { ServiceDeps, Subject } from './task-deps.ts';
import { fetchAccountState, preflightReport, unlessProjectEnded } from './task-preflight.ts';
import { addressOf, reportOfError, reportOfOutcome } from './task-report.ts';
import { apiFor, runService, watched, withStopSwitch } from './task-run.ts';

/**
 * Runs the requested task of one service and commits its report. A failed run leads to a report,
 * and does not throw. Throws when the engine fails.
 */
export async function runTask(
  service: Service,
  deliveries: readonly Delivery[],
  deps: ServiceDeps,
): Promise<void> {
  for (const { message } of deliveries) {
    if (message.type !== 'service.requested') continue;
    const request = message.data;
    const [operation, task] = await Promise.all([
      deps.engine.reads.operation(request.operationId),
      deps.engine.reads.task(request.taskId),
    ]);
    // Fence: ignore a late or duplicate message, whose run has ended.
    if (!operation || !task || task.run !== request.run || task.endedAt !== undefined) continue;
    // A later operation has superseded this one.
    if (operation.action !== 'cleanup' && hasEnded(operation)) {
      // The run may have ended without revoking its role on the project.
      if (operation.action === 'resume' && operation.scope.type === 'project')
        await revokeProjectRoles(operation.scope.id, deps);
      continue;
    }
    if (operation.state === 'canceled') continue;
    const result = await asCaller(operation.id, () =>
      runAndReport(service, message, { operation, task }, deps),
    );
    await deps.engine.commit({ messages: [redactDeep(result)] });
  }
}

async function runAndReport(
  service: Service,
  message: ServiceRequested,
  subject: Subject,
  deps: ServiceDeps,
): Promise<ServiceReport> {
  const { data } = message;
  const { operation } = subject;
  const work = (watch?: Watch): Promise<ServiceReport> =>
    reportOfRun(service, message, subject, deps, watch);
  try {
    // Limit the time of a count, because the operation waits for the first count of each service.
    const counting = (): Promise<ServiceReport> =>
      unlessSilent(service.name, deps.maxSilenceMillis ?? MAX_SILENCE_MILLIS, work);
    return await withTimeLimit(data.phase === 'plan' ? counting() : work(), service.name, deps);
  } catch (thrown) {
    const error = reportOf(thrown, {
      code: `${service.name}.run`,
      service: service.name,
      region: data.region,
    });
    return unlessProjectEnded(reportOfError(addressOf(data), error), operation, deps);
  }
}

async function reportOfRun(
  service: Service,
  message: ServiceRequested,
  subject: Subject,
  deps: ServiceDeps,
  watch: Watch | undefined,
): Promise<ServiceReport> {
  const { data } = message;
  const { operation } = subject;
  const address = addressOf(data);
  const refusalReport = await preflightReport(message, operation, deps);
  if (refusalReport) return refusalReport;
  // Another client has deleted the project, so the pre-delete phase is over. The task continues as
  // after any deletion.
  if (data.phase === 'pre-delete' && (await fetchAccountState(operation, deps)) === 'absent')
    return {
      type: 'service.finished',
      data: { ...address, result: 'finished', counts: {}, conditions: [] },
    };
  const api = watched(
    await withStopSwitch(apiFor(service, data.region, deps), data.phase, deps),
    watch,
  );
  if (!api) return reportOfError(address, missingEndpoint(service, data.region));
  return unlessProjectEnded(
    reportOfOutcome(address, await runService(service, message, subject, api, deps, watch)),
    operation,
    deps,
  );
}

/**
 * Throws class `Transient` if the work has not ended after `lateMillis`. The report is then sent
 * before the runtime kills the function.
 */
async function withTimeLimit<T>(
  work: Promise<T>,
  service: string,
  { lateMillis }: Pick<ServiceDeps, 'lateMillis'>,
): Promise<T> {
  if (lateMillis === undefined) return work;
  const done = new AbortController();
  const late = delay(lateMillis, undefined, { signal: done.signal }).then(() => {
    throw new PropagatorError({
      code: `${service}.slow`,
      class: 'Transient',
      service,
      message:
        `${service} did not answer in time: its run had not ended after ` +
        `${Math.round(lateMillis / 1000)} s`,
      advice:
        `Find out why the API of ${service} is slow, and check the network to it. The task is ` +
        'retried.',
    });
  });
  return Promise.race([work, late]).finally(() => done.abort());
}
