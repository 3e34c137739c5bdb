import type { ProjectId } from '../../events/ids.ts';
import type { Reads } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import { adviceOnRefusal, summarizeRefusals } from '../operation/keystone-check.ts';
import type { KeystoneAction, KeystoneActionResult, Mode, Operation } from '../operation/model.ts';
import { hasEnded } from '../operation/open.ts';
import { type AccountState, keystoneActionRefusal } from '../operation/preflight.ts';
import type { StepEvent } from '../operation/step.ts';
import { stopCondition } from '../operation/stop.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import { type Protection, protectedBecause } from '../task/safety-rules.ts';
import {
  actionStoppedError,
  type CanceledDeps,
  canceledError,
  domainCanceledError,
} from './action-stopped.ts';
import { type HoldDeps, holdOfAccount } from './deletion-holds.ts';
import { domainAction } from './domain-action.ts';
import { currentStop, type StopDeps } from './stop-switch.ts';
import { deletionCheckOptions, disabledDomain, fetchAccountState } from './task-preflight.ts';

/** The dependencies of a Keystone action. */
export interface KeystoneActionDeps extends StopDeps, HoldDeps, CanceledDeps {
  readonly engine: {
    readonly reads: StopDeps['engine']['reads'] &
      HoldDeps['engine']['reads'] &
      Pick<Reads, 'operation'>;
  };
  readonly cloud: Cloud;
  readonly mode: Mode;
  readonly protection: () => Promise<Protection>;
}

/**
 * Carries out the present Keystone action of an operation. Returns `undefined` if `number` is the
 * number of an older action. In a held or ended operation, only the actions that restore the
 * account are carried out. An error of Keystone is in the result.
 */
export async function keystoneAction(
  operation: Operation,
  number: number,
  deps: KeystoneActionDeps,
): Promise<StepEvent | undefined> {
  const { keystoneAction: dueAction, scope, roles, state } = operation;
  if (!dueAction || dueAction.number !== number || dueAction.done) return undefined;
  if (scope.type === 'domain') return domainAction(operation, dueAction, deps);
  if (scope.type !== 'project') return undefined;
  // A message may be delivered again after the operation was held or canceled.
  if ((state === 'held' || hasEnded(operation)) && !isRestoring(operation, dueAction))
    return undefined;
  const { what } = dueAction;
  const { projectAdmin } = deps.cloud;
  let isSent = false;
  let shown: AccountState | undefined;
  try {
    // Revoke the role before the project is disabled. The role is then revoked even if the project
    // cannot be disabled.
    if (what === 'disable' || what === 'revoke-role')
      await projectAdmin.revokeRoles(scope.id, roles);
    if (what === 'revoke-role') return { kind: 'acted', number };
    // The operation has ended and must restore the project. The stop switch and holds do not apply,
    // because they concern only removals.
    if (isRestoring(operation, dueAction)) {
      await projectAdmin.enable(scope.id);
      return { kind: 'acted', number };
    }
    shown = await fetchAccountState(operation, deps);
    const stopped = await stoppedResult(operation, scope.id, what, shown, deps);
    if (stopped) return { kind: 'acted', number, ...stopped };
    if (what === 'assign-role' && shown !== 'absent')
      await assignRoles(scope.id, roles, projectAdmin);
    isSent = true;
    if (what !== 'assign-role') await projectAdmin[what](scope.id);
    return { kind: 'acted', number, shown };
  } catch (thrown) {
    const error = reportOf(thrown, { code: `keystone.${what}`, service: 'keystone' });
    const advised = await withRefusalAdvice(error, scope.id, projectAdmin);
    const shownBefore = what === 'disable' && shown ? { shown } : {};
    return { kind: 'acted', number, error: advised, isSent, ...shownBefore };
  }
}

/**
 * Returns the result of an action that must not be sent to Keystone now, or `undefined` if it may
 * be sent. `shown`: the state that Keystone shows right before the action.
 */
async function stoppedResult(
  operation: Operation,
  project: ProjectId,
  what: Exclude<KeystoneAction['what'], 'revoke-role'>,
  shown: AccountState,
  deps: KeystoneActionDeps,
): Promise<Omit<KeystoneActionResult, 'number'> | undefined> {
  const isSent = false;
  const canceled =
    canceledError(operation, shown, deps) ??
    (shown === 'absent' ? undefined : await domainCanceledError(operation, deps));
  if (canceled) return { error: canceled, isSent };
  const stop = await currentStop(deps);
  if (stop) {
    const error = actionStoppedError(stopCondition(stop));
    return { error, isSent, ...(what === 'disable' ? { shown } : {}) };
  }
  const isAssignment = what === 'assign-role';
  const because = protectedBecause(operation.scope, await deps.protection());
  // A hold forbids deletions, and nothing is deleted during a recovery window.
  const deletionHold =
    operation.state === 'recoverable' ? undefined : await holdOfAccount(operation, deps);
  const domain =
    isAssignment && shown === 'disabled' ? await disabledDomain(operation, deps) : undefined;
  const refusal = keystoneActionRefusal(what, {
    operation,
    mode: deps.mode,
    protectedBecause: because,
    accountState: shown,
    deletionHold,
    disabledDomain: domain,
  });
  if (refusal) return { shown, error: actionStoppedError(refusal), isSent };
  if (!isAssignment || shown === 'absent') return undefined;
  // Check again, because hours may have passed since the request, for example during a hold.
  const options = deletionCheckOptions(operation);
  const { refusals } = await deps.cloud.projectAdmin.checkDeletion(project, options);
  return refusals.length > 0
    ? { shown, error: actionStoppedError(summarizeRefusals(refusals)) }
    : undefined;
}

/**
 * True for an action that restores the account: the role is revoked, or the project is enabled
 * again after a cancellation or refusal.
 */
const isRestoring = ({ state }: Operation, { what }: KeystoneAction): boolean =>
  what === 'revoke-role' || (what === 'enable' && (state === 'canceled' || state === 'refused'));

/**
 * Assigns the roles. If one role cannot be assigned, all roles are revoked. The operation may never
 * continue, and its roles would then stay assigned.
 */
async function assignRoles(
  project: ProjectId,
  roles: readonly string[],
  projectAdmin: Cloud['projectAdmin'],
): Promise<void> {
  try {
    await projectAdmin.assignRoles(project, roles);
  } catch (thrown) {
    await projectAdmin.revokeRoles(project, roles).catch(() => undefined);
    throw thrown;
  }
}

/**
 * Returns the error of an action. If Keystone refused the action (403), the advice names the reason
 * that a new check of the project finds.
 */
async function withRefusalAdvice(
  error: ErrorReport,
  project: ProjectId,
  projectAdmin: Cloud['projectAdmin'],
): Promise<ErrorReport> {
  if (error.code !== 'keystone.http.403') return error;
  const found = await projectAdmin.checkDeletion(project).catch(() => undefined);
  return { ...error, advice: adviceOnRefusal(error, found?.refusals ?? []) };
}
