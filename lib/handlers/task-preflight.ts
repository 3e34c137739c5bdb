import type { Account } from '../../events/account.ts';
import type { DomainId } from '../../events/ids.ts';
import type { ServiceReport, ServiceRequested } from '../../events/service.ts';
import type { Keystone } from '../account/keystone.ts';
import type { DeletionCheckOptions } from '../openstack/project-admin.ts';
import { isOnLivingProject } from '../operation/advance.ts';
import { isPartOfDomainDeletion } from '../operation/domain-project.ts';
import { summarize } from '../operation/keystone-check.ts';
import type { Operation } from '../operation/model.ts';
import { type AccountState, preflight } from '../operation/preflight.ts';
import { stopCondition } from '../operation/stop.ts';
import { PropagatorError } from '../shared/errors.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import { holdOfAccount } from './deletion-holds.ts';
import { lifecycleRefusal } from './lifecycle-task.ts';
import { revokeProjectRoles } from './project-role.ts';
import { currentStop } from './stop-switch.ts';
import type { ServiceDeps } from './task-deps.ts';
import { addressOf } from './task-report.ts';

/**
 * Returns the report of a run that must not begin now, or `undefined` if it may begin. Throws when
 * Keystone gives no certain answer.
 */
export async function preflightReport(
  { data }: ServiceRequested,
  operation: Operation,
  deps: Pick<ServiceDeps, 'engine' | 'cloud' | 'inFlight' | 'mode' | 'protection' | 'now'>,
): Promise<ServiceReport | undefined> {
  if (data.phase === 'plan') return undefined;
  const again = { afterSeconds: 60 };
  const address = { ...addressOf(data), sequence: 0, counts: {} };
  const stop = await currentStop(deps);
  // No run of the resume is in progress, so the role is no longer needed.
  if (stop && operation.action === 'resume' && operation.scope.type === 'project')
    await revokeProjectRoles(operation.scope.id, deps);
  if (stop)
    return {
      type: 'service.progressed',
      data: { ...address, again, conditions: [stopCondition(stop)] },
    };
  if (operation.action !== 'cleanup') {
    const condition = await lifecycleRefusal(operation, deps);
    if (condition && operation.scope.type === 'project')
      await revokeProjectRoles(operation.scope.id, deps);
    return (
      condition && {
        type: 'service.progressed',
        data: { ...address, again, conditions: [condition] },
      }
    );
  }
  const because = protectedBecause(operation.scope, await deps.protection());
  const ask = () => fetchAccountState(operation, deps);
  const shown = await (deps.inFlight?.share(operation.id, ask) ?? ask());
  const held = await holdOfAccount(operation, deps);
  const domain =
    data.phase === 'pre-delete' && shown === 'disabled'
      ? await disabledDomain(operation, deps)
      : undefined;
  const condition = preflight(operation, data.phase, deps.mode, because, shown, held, domain);
  const isEnabledAgain =
    data.phase === 'apply' && isOnLivingProject(operation) && shown === 'enabled';
  const enabled = isEnabledAgain ? { enabled: true as const } : {};
  return (
    condition && {
      type: 'service.progressed',
      data: { ...address, again: { ...again, ...enabled }, conditions: [condition] },
    }
  );
}

/**
 * Replaces the report of a pre-delete run that failed because its token became invalid. If the
 * project was disabled or deleted during the run, the task runs again. If Keystone gives no token,
 * the task reports the reason with the command that removes it, and waits.
 */
export async function unlessProjectEnded(
  report: ServiceReport,
  operation: Operation,
  deps: Pick<ServiceDeps, 'cloud'>,
): Promise<ServiceReport> {
  if (report.type !== 'service.failed' || report.data.phase !== 'pre-delete') return report;
  const shown = await fetchAccountState(operation, deps).catch(() => 'enabled');
  const { error, ...seen } = report.data;
  if (shown === 'enabled') {
    const { scope } = operation;
    if (error?.code !== 'keystone.login.project' || scope.type !== 'project') return report;
    const check = await deps.cloud.projectAdmin
      .checkDeletion(scope.id, deletionCheckOptions(operation))
      .catch(() => undefined);
    if (!check || check.refusals.length === 0) return report;
    const { message, advice } = summarize(check.refusals);
    const condition = { class: 'Blocked', message, advice, actor: 'operator', count: 1 } as const;
    const again = { afterSeconds: 60 };
    const conditions = [condition];
    return { type: 'service.progressed', data: { ...seen, sequence: 0, again, conditions } };
  }
  return { type: 'service.progressed', data: { ...seen, sequence: 0, again: { afterSeconds: 0 } } };
}

/** Returns the state of the account in Keystone. Throws when the answer is not certain. */
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
 * Returns the disabled domain of the operation's project if the project itself is enabled and is
 * deleted with its domain. Throws when the answer is not certain.
 */
export async function disabledDomain(
  operation: Operation,
  { cloud: { keystone } }: Pick<ServiceDeps, 'cloud'>,
): Promise<DomainId | undefined> {
  const shown = await keystone.show(operation.scope.type, operation.scope.id);
  if (shown.kind !== 'present' || shown.account.type !== 'project' || !shown.account.enabled)
    return undefined;
  const isOff = await isDisabledByDomain(operation, shown.account, keystone);
  return isOff ? shown.account.domainId : undefined;
}

/** Returns the options for the check of the deletion of the operation's project. */
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
