import type { Condition, ServiceReport, ServiceRequested } from '../../events/service.ts';
import { isRequestedOnLivingProject } from '../operation/advance.ts';
import { summarizeRefusals } from '../operation/keystone-check.ts';
import type { Operation } from '../operation/model.ts';
import { runRefusal } from '../operation/preflight.ts';
import { stopCondition } from '../operation/stop.ts';
import { deletionCheckOptions, fetchAccountState } from './account-state.ts';
import { lifecycleRefusal } from './lifecycle-task.ts';
import { readPreflightInput } from './preflight-input.ts';
import { revokeRolesOf } from './project-role.ts';
import { currentStopDecision } from './stop-switch.ts';
import type { TaskDeps } from './task-deps.ts';
import { runKeyOf } from './task-report.ts';

/** A run that must not begin now is requested again after this time. */
const RETRY_SECONDS = 60;

type PreflightDeps = Pick<
  TaskDeps,
  'engine' | 'cloud' | 'inFlight' | 'mode' | 'protection' | 'now'
>;

/**
 * Returns the report of a run that must not begin now, or `undefined` if it may begin. Throws when
 * Keystone gives no certain answer.
 */
export async function preflightReport(
  { data }: ServiceRequested,
  operation: Operation,
  deps: PreflightDeps,
): Promise<ServiceReport | undefined> {
  if (data.phase === 'plan') return undefined;
  const stopDecision = await currentStopDecision(deps);
  if (stopDecision) {
    // A resume may have assigned roles on the project to the propagator's user. No run changes
    // resources while the stop switch is set, so no run needs the roles.
    if (operation.action === 'resume') await revokeRolesOf(operation, deps);
    return retryReport(data, stopCondition(stopDecision));
  }
  if (operation.action === 'cleanup') return cleanupPreflightReport(data, operation, deps);
  const refusal = await lifecycleRefusal(operation, deps);
  if (!refusal) return undefined;
  await revokeRolesOf(operation, deps);
  return retryReport(data, refusal);
}

async function cleanupPreflightReport(
  data: ServiceRequested['data'],
  operation: Operation,
  deps: PreflightDeps,
): Promise<ServiceReport | undefined> {
  const fetchState = () => fetchAccountState(operation, deps);
  const accountState = await (deps.inFlight?.share(operation.id, fetchState) ?? fetchState());
  const needsToken = data.phase === 'pre-delete';
  const input = await readPreflightInput(
    operation,
    accountState,
    { needsToken, ignoresHolds: false },
    deps,
  );
  const refusal = runRefusal(data.phase, input);
  if (!refusal) return undefined;
  const isEnabledAgain =
    data.phase === 'apply' && isRequestedOnLivingProject(operation) && accountState === 'enabled';
  return retryReport(data, refusal, isEnabledAgain);
}

/** Returns the report of a run that did not begin, with the reason. The run is requested again. */
const retryReport = (
  data: ServiceRequested['data'],
  condition: Condition,
  isEnabledAgain = false,
): ServiceReport => ({
  type: 'service.progressed',
  data: {
    ...runKeyOf(data),
    sequence: 0,
    counts: {},
    again: { afterSeconds: RETRY_SECONDS, ...(isEnabledAgain ? { enabled: true as const } : {}) },
    conditions: [condition],
  },
});

/**
 * Replaces the report of a pre-delete run that failed because it had no valid token on the project.
 * Any other report is returned unchanged. If the project was disabled or deleted during the run,
 * the task runs again at once. If Keystone gives no token on an enabled project, the task waits,
 * and its report contains the reason and the advice for the operator.
 */
export async function replaceTokenFailure(
  report: ServiceReport,
  operation: Operation,
  deps: Pick<TaskDeps, 'cloud'>,
): Promise<ServiceReport> {
  if (report.type !== 'service.failed' || report.data.phase !== 'pre-delete') return report;
  const { error, ...reported } = report.data;
  // If Keystone does not answer, nothing shows that the project was disabled or deleted.
  const accountState = await fetchAccountState(operation, deps).catch(() => 'enabled');
  if (accountState !== 'enabled')
    return {
      type: 'service.progressed',
      data: { ...reported, sequence: 0, again: { afterSeconds: 0 } },
    };
  const { scope } = operation;
  if (error?.code !== 'keystone.login.project' || scope.type !== 'project') return report;
  const check = await deps.cloud.projectAdmin
    .checkDeletion(scope.id, deletionCheckOptions(operation))
    .catch(() => undefined);
  if (!check || check.refusals.length === 0) return report;
  const { message, advice } = summarizeRefusals(check.refusals);
  const condition = { class: 'Blocked', message, advice, actor: 'operator', count: 1 } as const;
  const again = { afterSeconds: RETRY_SECONDS };
  return {
    type: 'service.progressed',
    data: { ...reported, sequence: 0, again, conditions: [condition] },
  };
}
