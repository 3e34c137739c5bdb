import type { ProjectId } from '../../events/ids.ts';
import type { Reads } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import { adviceOnRefusal, summarize } from '../operation/keystone-check.ts';
import type { KeystoneAction, Mode, Operation } from '../operation/model.ts';
import { hasEnded } from '../operation/open.ts';
import { type AccountState, preflightAction } from '../operation/preflight.ts';
import type { StepEvent } from '../operation/step.ts';
import { stopCondition } from '../operation/stop.ts';
import { type ErrorReport, reportOf } from '../shared/errors.ts';
import { type Protection, protectedBecause } from '../task/safety-rules.ts';
import {
  type CanceledDeps,
  canceledError,
  domainCanceledError,
  stoppedBy,
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
 * Carries out the Keystone action that is due. Returns `undefined` for an older action. In a held
 * or ended operation, only the actions that restore the account are carried out. An error of
 * Keystone is in the result.
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
  const { projectAdmin } = deps.cloud;
  let isSent = false;
  let shown: AccountState | undefined;
  try {
    // Revoke the role before the project is disabled. The role is then revoked even if the project
    // cannot be disabled.
    if (dueAction.what === 'disable' || dueAction.what === 'revoke-role')
      await projectAdmin.revokeRoles(scope.id, roles);
    if (dueAction.what === 'revoke-role') return { kind: 'acted', number };
    // The operation has ended and must restore the project. The stop switch and holds do not apply,
    // because they concern only removals.
    if (isRestoring(operation, dueAction)) {
      await projectAdmin.enable(scope.id);
      return { kind: 'acted', number };
    }
    shown = await fetchAccountState(operation, deps);
    const canceled =
      canceledError(operation, shown, deps) ??
      (shown === 'absent' ? undefined : await domainCanceledError(operation, deps));
    if (canceled) return { kind: 'acted', number, error: canceled, isSent };
    const stop = await currentStop(deps);
    if (stop) {
      const error = stoppedBy(stopCondition(stop));
      return {
        kind: 'acted',
        number,
        error,
        isSent,
        ...(dueAction.what === 'disable' ? { shown } : {}),
      };
    }
    const stopped = preflightAction(
      operation,
      dueAction.what,
      deps.mode,
      protectedBecause(scope, await deps.protection()),
      shown,
      // A hold forbids deletions, and nothing is deleted during a recovery window.
      state === 'recoverable' ? undefined : await holdOfAccount(operation, deps),
      dueAction.what === 'assign-role' && shown === 'disabled'
        ? await disabledDomain(operation, deps)
        : undefined,
    );
    if (stopped) return { kind: 'acted', number, shown, error: stoppedBy(stopped), isSent };
    if (dueAction.what === 'assign-role' && shown !== 'absent') {
      // Check again, because hours may have passed since the request, for example during a hold.
      const { refusals } = await projectAdmin.checkDeletion(
        scope.id,
        deletionCheckOptions(operation),
      );
      if (refusals.length > 0)
        return { kind: 'acted', number, shown, error: stoppedBy(summarize(refusals)) };
      await assignRoles(scope.id, roles, projectAdmin);
    }
    isSent = true;
    if (dueAction.what === 'enable') await projectAdmin.enable(scope.id);
    if (dueAction.what === 'disable') await projectAdmin.disable(scope.id);
    if (dueAction.what === 'delete') await projectAdmin.delete(scope.id);
    return { kind: 'acted', number, shown };
  } catch (thrown) {
    const error = reportOf(thrown, { code: `keystone.${dueAction.what}`, service: 'keystone' });
    const advised = await withRefusalAdvice(error, scope.id, projectAdmin);
    const shownBefore = dueAction.what === 'disable' && shown ? { shown } : {};
    return { kind: 'acted', number, error: advised, isSent, ...shownBefore };
  }
}

/**
 * True for an action that restores the account: the role is revoked, or the project is enabled
 * again after a cancellation or refusal.
 */
const isRestoring = ({ state }: Operation, { what }: KeystoneAction): boolean =>
  what === 'revoke-role' || (what === 'enable' && (state === 'canceled' || state === 'refused'));

/**
 * Assigns the roles. If one role cannot be assigned, all roles are revoked, because the operation
 * may never continue.
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
