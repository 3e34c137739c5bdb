import type { ProjectId } from '../../events/ids.ts';
import type { Reads } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import { hasEnded } from '../operation/ended.ts';
import { adviceOnRefusal, summarizeRefusals } from '../operation/keystone-check.ts';
import type { KeystoneAction, KeystoneActionResult, Mode, Operation } from '../operation/model.ts';
import { type AccountState, keystoneActionRefusal } from '../operation/preflight.ts';
import type { StepEvent } from '../operation/step.ts';
import { stopCondition } from '../operation/stop.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import type { Protection } from '../task/safety-rules.ts';
import { deletionCheckOptions, fetchAccountState } from './account-state.ts';
import {
  actionStoppedError,
  type CanceledErrorDeps,
  canceledError,
  domainCanceledError,
  stateBeforeDisable,
} from './action-stopped.ts';
import type { HoldDeps } from './deletion-holds.ts';
import { carryOutDomainAction } from './domain-action.ts';
import { actionsIgnoreHolds, readPreflightInput } from './preflight-input.ts';
import { currentStopDecision, type StopDeps } from './stop-switch.ts';

/** The dependencies of a Keystone action. */
export interface KeystoneActionDeps extends StopDeps, HoldDeps, CanceledErrorDeps {
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
export async function carryOutKeystoneAction(
  operation: Operation,
  number: number,
  deps: KeystoneActionDeps,
): Promise<StepEvent | undefined> {
  const { keystoneAction: dueAction, scope, state } = operation;
  if (!dueAction || dueAction.number !== number || dueAction.done) return undefined;
  if (scope.type === 'domain') return carryOutDomainAction(operation, dueAction, deps);
  if (scope.type !== 'project') return undefined;
  // A message may be delivered again after the operation was held or canceled.
  if ((state === 'held' || hasEnded(operation)) && !isRestoring(operation, dueAction))
    return undefined;
  const result = await carryOutOnProject(operation, scope.id, dueAction, deps);
  return { kind: 'keystone-action-result', number, ...result };
}

async function carryOutOnProject(
  operation: Operation,
  project: ProjectId,
  dueAction: KeystoneAction,
  deps: KeystoneActionDeps,
): Promise<Omit<KeystoneActionResult, 'number'>> {
  const { roles } = operation;
  const { what } = dueAction;
  const { projectAdmin } = deps.cloud;
  let isSent = false;
  let accountState: AccountState | undefined;
  try {
    if (what === 'revoke-role') {
      await projectAdmin.revokeRoles(project, roles);
      return {};
    }
    // The operation has ended and must restore the project. The stop switch and holds do not apply,
    // because they concern only removals.
    if (isRestoring(operation, dueAction)) {
      await projectAdmin.enable(project);
      return {};
    }
    // Revoke the cleaner's roles before the project is disabled. The roles are then revoked even if
    // the project cannot be disabled.
    if (what === 'disable') await projectAdmin.revokeRoles(project, roles);
    accountState = await fetchAccountState(operation, deps);
    const resultIfStopped = await stoppedResult(operation, project, what, accountState, deps);
    if (resultIfStopped) return resultIfStopped;
    if (what === 'assign-role') {
      if (accountState !== 'absent') await assignRoles(project, roles, projectAdmin);
      return { accountState };
    }
    isSent = true;
    await projectAdmin[what](project);
    return { accountState };
  } catch (thrown) {
    const error = reportOf(thrown, { code: `keystone.${what}`, service: 'keystone' });
    const errorWithAdvice = await errorWithRefusalAdvice(error, project, projectAdmin);
    return { error: errorWithAdvice, isSent, ...stateBeforeDisable(what, accountState) };
  }
}

/**
 * Returns the result of an action that must not be sent to Keystone now, or `undefined` if it may
 * be sent. `accountState`: the state that Keystone shows right before the action.
 */
async function stoppedResult(
  operation: Operation,
  project: ProjectId,
  what: Exclude<KeystoneAction['what'], 'revoke-role'>,
  accountState: AccountState,
  deps: KeystoneActionDeps,
): Promise<Omit<KeystoneActionResult, 'number'> | undefined> {
  const isSent = false;
  const cancellationError =
    canceledError(operation, accountState, deps) ??
    (accountState === 'absent' ? undefined : await domainCanceledError(operation, deps));
  if (cancellationError) return { error: cancellationError, isSent };
  const stopDecision = await currentStopDecision(deps);
  if (stopDecision) {
    const error = actionStoppedError(stopCondition(stopDecision));
    return { error, isSent, ...stateBeforeDisable(what, accountState) };
  }
  const isAssignment = what === 'assign-role';
  const preflightOptions = {
    needsToken: isAssignment,
    ignoresHolds: actionsIgnoreHolds(operation),
  };
  const input = await readPreflightInput(operation, accountState, preflightOptions, deps);
  const refusal = keystoneActionRefusal(what, input);
  if (refusal) return { accountState, error: actionStoppedError(refusal), isSent };
  if (!isAssignment || accountState === 'absent') return undefined;
  // Check again whether Keystone would refuse the deletion. Hours may have passed since the
  // request, for example during a hold.
  const options = deletionCheckOptions(operation);
  const { refusals } = await deps.cloud.projectAdmin.checkDeletion(project, options);
  return refusals.length > 0
    ? { accountState, error: actionStoppedError(summarizeRefusals(refusals)), isSent }
    : undefined;
}

/**
 * True for an action that restores the account: the cleaner's roles on the project are revoked, or
 * the project is enabled again after a cancellation or refusal.
 */
const isRestoring = ({ state }: Operation, { what }: KeystoneAction): boolean =>
  what === 'revoke-role' || (what === 'enable' && (state === 'canceled' || state === 'refused'));

/**
 * Assigns the roles to the cleaner. If one role cannot be assigned, all roles are revoked, because
 * the operation may never continue and would then leave the other roles assigned.
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
async function errorWithRefusalAdvice(
  error: ErrorReport,
  project: ProjectId,
  projectAdmin: Cloud['projectAdmin'],
): Promise<ErrorReport> {
  if (error.code !== 'keystone.http.403') return error;
  const check = await projectAdmin.checkDeletion(project).catch(() => undefined);
  return { ...error, advice: adviceOnRefusal(error, check?.refusals ?? []) };
}
