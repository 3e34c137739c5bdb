import type { Account } from '../../events/account.ts';
import type { DomainId } from '../../events/ids.ts';
import type { Condition, ServiceReport, ServiceRequested } from '../../events/service.ts';
import type { Keystone } from '../account/keystone.ts';
import type { DeletionCheckOptions } from '../openstack/project-admin.ts';
import { isOnLivingProject } from '../operation/advance.ts';
import { isPartOfDomainDeletion } from '../operation/domain-project.ts';
import { summarizeRefusals } from '../operation/keystone-check.ts';
import type { Operation } from '../operation/model.ts';
import { type AccountState, runRefusal } from '../operation/preflight.ts';
import { stopCondition } from '../operation/stop.ts';
import { PropagatorError } from '../shared/errors.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import { holdOfAccount } from './deletion-holds.ts';
import { lifecycleRefusal } from './lifecycle-task.ts';
import { revokeRolesOf } from './project-role.ts';
import { currentStop } from './stop-switch.ts';
import type { ServiceDeps } from './task-deps.ts';
import { runKeyOf } from './task-report.ts';

/** A run that must not begin now is requested again after this time. */
const RETRY_SECONDS = 60;

type PreflightDeps = Pick<
  ServiceDeps,
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
  const stop = await currentStop(deps);
  if (stop) {
    // No run of the resume is in progress, so the role is no longer needed.
    if (operation.action === 'resume') await revokeRolesOf(operation, deps);
    return retryReport(data, stopCondition(stop));
  }
  if (operation.action === 'cleanup') return cleanupPreflight(data, operation, deps);
  const refusal = await lifecycleRefusal(operation, deps);
  if (!refusal) return undefined;
  await revokeRolesOf(operation, deps);
  return retryReport(data, refusal);
}

async function cleanupPreflight(
  data: ServiceRequested['data'],
  operation: Operation,
  deps: PreflightDeps,
): Promise<ServiceReport | undefined> {
  const because = protectedBecause(operation.scope, await deps.protection());
  const fetchState = () => fetchAccountState(operation, deps);
  const shown = await (deps.inFlight?.share(operation.id, fetchState) ?? fetchState());
  const deletionHold = await holdOfAccount(operation, deps);
  const domain =
    data.phase === 'pre-delete' && shown === 'disabled'
      ? await disabledDomain(operation, deps)
      : undefined;
  const refusal = runRefusal(data.phase, {
    operation,
    mode: deps.mode,
    protectedBecause: because,
    accountState: shown,
    deletionHold,
    disabledDomain: domain,
  });
  if (!refusal) return undefined;
  const isEnabledAgain =
    data.phase === 'apply' && isOnLivingProject(operation) && shown === 'enabled';
  return retryReport(data, refusal, isEnabledAgain ? { enabled: true } : {});
}

/** Returns the report of a run that did not begin, with the reason. The run is requested again. */
const retryReport = (
  data: ServiceRequested['data'],
  condition: Condition,
  enabled: { readonly enabled?: true } = {},
): ServiceReport => ({
  type: 'service.progressed',
  data: {
    ...runKeyOf(data),
    sequence: 0,
    counts: {},
    again: { afterSeconds: RETRY_SECONDS, ...enabled },
    conditions: [condition],
  },
});

/**
 * Replaces the report of a pre-delete run that failed because its token on the project became
 * invalid. Any other report is returned unchanged. If the project was disabled or deleted during
 * the run, the task runs again at once. If Keystone gives no token on an enabled project, the task
 * reports the reason, with the command that removes it, and waits.
 */
export async function replaceTokenFailure(
  report: ServiceReport,
  operation: Operation,
  deps: Pick<ServiceDeps, 'cloud'>,
): Promise<ServiceReport> {
  if (report.type !== 'service.failed' || report.data.phase !== 'pre-delete') return report;
  const { error, ...reported } = report.data;
  // If Keystone does not answer, nothing shows that the project was disabled or deleted.
  const shown = await fetchAccountState(operation, deps).catch(() => 'enabled');
  if (shown !== 'enabled')
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

/**
 * Returns the state of the operation's account in Keystone. An enabled project of a disabled domain
 * counts as disabled if it is deleted with the domain. Throws when the answer is not certain.
 */
export async function fetchAccountState(
  operation: Operation,
  deps: Pick<ServiceDeps, 'cloud'>,
): Promise<AccountState> {
  const { scope } = operation;
  const shown = await deps.cloud.keystone.show(scope.type, scope.id);
  if (shown.kind === 'absent') return 'absent';
  if (shown.kind === 'other')
    throw new PropagatorError({
      code: 'keystone.id.alike',
      class: 'Denied',
      message: `Keystone shows ${shown.id} for ${scope.id}: its database treats both ids as equal`,
      advice: `No resource is removed. Change the id of the other ${scope.type}.`,
      service: 'keystone',
    });
  if (!shown.account.enabled) return 'disabled';
  return (await isDisabledByDomain(operation, shown.account, deps.cloud.keystone))
    ? 'disabled'
    : 'enabled';
}

/**
 * Returns the domain of the operation's project if only the domain is disabled, and the project is
 * deleted with it. Returns `undefined` in all other cases. Throws when the answer is not certain.
 */
export async function disabledDomain(
  operation: Operation,
  { cloud: { keystone } }: Pick<ServiceDeps, 'cloud'>,
): Promise<DomainId | undefined> {
  const shown = await keystone.show(operation.scope.type, operation.scope.id);
  if (shown.kind !== 'present' || shown.account.type !== 'project' || !shown.account.enabled)
    return undefined;
  return (await isDisabledByDomain(operation, shown.account, keystone))
    ? shown.account.domainId
    : undefined;
}

/** Returns the options with which Keystone's refusals of the project's deletion are found. */
export const deletionCheckOptions = (operation: Operation): DeletionCheckOptions | undefined =>
  isPartOfDomainDeletion(operation) ? { inDomain: true } : undefined;

/**
 * True if the project is deleted with its domain, and Keystone shows the domain as disabled. No
 * user can then work in the project, although Keystone shows the project itself as enabled.
 */
export async function isDisabledByDomain(
  operation: Operation,
  account: Account,
  keystone: Pick<Keystone, 'show'>,
): Promise<boolean> {
  if (account.type !== 'project' || account.domainId === undefined) return false;
  if (!isPartOfDomainDeletion(operation)) return false;
  const domain = await keystone.show('domain', account.domainId);
  return domain.kind === 'present' && !domain.account.enabled;
}
