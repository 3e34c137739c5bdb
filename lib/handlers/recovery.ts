import { Account } from '../../events/account.ts';
import type { DomainId, OperationId, ProjectId } from '../../events/ids.ts';
import { isDecisionOfPerson } from '../account/causes.ts';
import { withAbsenceAdvice } from '../operation/cancel.ts';
import { hasEnded } from '../operation/ended.ts';
import {
  finishedMessages,
  openLifecycle,
  supersede,
  UNDO_CAUSE_PREFIX,
} from '../operation/lifecycle.ts';
import type { Operation } from '../operation/model.ts';
import {
  isSuspended,
  mayBeSuspended,
  suspendsAndResumesOf,
} from '../operation/operation-history.ts';
import { mayHaveDisabledAccount } from '../operation/recovery-window.ts';
import type { StepChanges } from '../operation/transaction.ts';
import { decideChange } from '../policy/decide.ts';
import { NO_POLICY, type Policy } from '../policy/schema.ts';
import { lifecycleStep } from './lifecycle.ts';
import type { LifecycleDeps } from './lifecycle-deps.ts';
import { fetchProjectState, type PresentState } from './project-state.ts';

/**
 * Restores an account after its deletion was canceled or refused. A suspended project is resumed,
 * unless another cause still suspends it. If another client has deleted the account, the step
 * announces this deletion. Returns `undefined` if no step is needed. Throws when Keystone gives no
 * certain answer. `deletion`: the canceled or refused operation.
 */
export async function restoreAccount(
  deletion: Operation,
  deps: LifecycleDeps,
): Promise<StepChanges | undefined> {
  const { scope } = deletion;
  if (!hasEnded(deletion)) return undefined;
  if (scope.type === 'domain') return resumeDomain(deletion, scope.id, deps);
  return scope.type === 'project' ? restoreProject(deletion, scope.id, deps) : undefined;
}

async function restoreProject(
  deletion: Operation,
  project: ProjectId,
  deps: LifecycleDeps,
): Promise<StepChanges | undefined> {
  const { id, recovery, startedAt } = deletion;
  const { reads } = deps.engine;
  const [state, allOperations] = await Promise.all([
    fetchProjectState(project, { keystone: deps.cloud.keystone, reads }),
    reads.operationsAbout('project', project),
  ]);
  if (state.kind === 'absent')
    return stepForAbsentAccount(deletion, resumeStep(deletion, allOperations, deps), deps.now());
  if (state.kind !== 'present') return undefined;
  if (state.suspensionCauses.length === 0) return endSuspension(deletion, allOperations, deps);
  if (mustBeSuspended(state, deps.policy))
    return announceDisabled(deletion, allOperations, deps.now());
  // The project or its domain is still disabled, and the policy does not suspend disabled projects.
  // Undo only the suspension of the recovery window.
  const wasSuspendedByWindow = recovery?.suspension !== undefined && startedAt === undefined;
  return wasSuspendedByWindow ? endSuspension(deletion, allOperations, deps, id) : undefined;
}

/** True if the policy or the decision of an operator suspends a project in this state. */
function mustBeSuspended(
  { suspensionCauses, facts }: PresentState,
  policy: Policy = NO_POLICY,
): boolean {
  const { action, mode } = decideChange(policy, 'project.disabled', facts);
  return (action === 'suspend' && mode === 'enforce') || suspensionCauses.some(isDecisionOfPerson);
}

/**
 * Ends the suspension of the recovery window if the suspension has not begun. Otherwise opens a
 * resume.
 */
function endSuspension(
  deletion: Operation,
  allOperations: readonly Operation[],
  deps: LifecycleDeps,
  canceledDeletion?: OperationId,
): StepChanges | undefined {
  const { id, recovery } = deletion;
  const suspension = allOperations.find((one) => one.id === recovery?.suspension);
  if (!suspension || hasEnded(suspension) || mayBeSuspended(allOperations))
    return resumeStep(deletion, allOperations, deps, canceledDeletion);
  const endedSuspension = supersede(suspension, `${id} was canceled`, deps.now());
  return {
    operations: [endedSuspension],
    tasks: [],
    messages: finishedMessages(endedSuspension),
    deadLetters: [],
  };
}

/**
 * Returns the step after a cancellation if another client has deleted the account. The canceled
 * operation then reports that the account is deleted. No notification and no sweep announces the
 * deletion again, so this step announces it. The announcement opens a cleanup, which asks Keystone
 * twice.
 *
 * The deletion is not announced if the canceled operation had already started after a 404 of
 * Keystone. The operator has then canceled the very cleanup that the announcement would open.
 *
 * The 404 may be wrong. The step therefore also opens the resume (`resume`), which ends if Keystone
 * repeats the 404.
 */
function stepForAbsentAccount(
  deletion: Operation,
  resume: StepChanges | undefined,
  now: number,
): StepChanges {
  const { id, confirmedAt, scope, startedAt } = deletion;
  const hadContinuedAfter404 = startedAt !== undefined && confirmedAt.length > 0;
  const isAnnounced = !hadContinuedAfter404 && scope.type !== 'user';
  const cause = { messageId: `${UNDO_CAUSE_PREFIX}${id}`, eventType: 'canceled', at: now };
  const announcement = isAnnounced
    ? [
        {
          type: `account.${scope.type}.deleted` as const,
          data: { account: Account.parse(scope), cause },
        },
      ]
    : [];
  return {
    operations: [withAbsenceAdvice(deletion, isAnnounced, now), ...(resume?.operations ?? [])],
    tasks: resume?.tasks ?? [],
    messages: [...(resume?.messages ?? []), ...announcement],
    deadLetters: [],
  };
}

/**
 * Announces the project as disabled, so that a suspension opens for the remaining cause. Returns
 * `undefined` if the project is already suspended.
 */
function announceDisabled(
  { id, scope }: Operation,
  allOperations: readonly Operation[],
  now: number,
): StepChanges | undefined {
  if (scope.type !== 'project' || isSuspended(allOperations)) return undefined;
  const cause = { messageId: `${UNDO_CAUSE_PREFIX}${id}`, eventType: 'canceled', at: now };
  return {
    operations: [],
    tasks: [],
    messages: [
      { type: 'account.project.disabled', data: { account: Account.parse(scope), cause } },
    ],
    deadLetters: [],
  };
}

/**
 * Resumes the projects of a domain whose deletion was canceled or refused. The resume asks Keystone
 * about the domain and about each project. Disabled projects therefore stay suspended.
 */
async function resumeDomain(
  deletion: Operation,
  domain: DomainId,
  deps: LifecycleDeps,
): Promise<StepChanges | undefined> {
  const allOperations = await deps.engine.reads.operationsAbout('domain', domain);
  const keystoneState = await deps.cloud.keystone.show('domain', domain);
  const isEnabled = keystoneState.kind === 'present' && keystoneState.account.enabled;
  const resume = mustResumeDomain(deletion, allOperations, isEnabled)
    ? resumeStep(deletion, allOperations, deps, deletion.id)
    : undefined;
  return keystoneState.kind === 'absent'
    ? stepForAbsentAccount(deletion, resume, deps.now())
    : resume;
}

/**
 * True if the domain was suspended and is enabled now. `isEnabled`: Keystone shows it as enabled.
 */
function mustResumeDomain(
  { recovery, startedAt }: Operation,
  allOperations: readonly Operation[],
  isEnabled: boolean,
): boolean {
  // If the domain was enabled in Keystone, a resume may already have followed the suspension of the
  // window. `recovery.suspension` is therefore checked first, and then the newest operation.
  const wasSuspended =
    recovery?.suspension !== undefined ||
    suspendsAndResumesOf(allOperations)[0]?.action === 'suspend';
  // The operation has just enabled the domain, and Keystone may still show it as disabled.
  const wasJustEnabled = mayHaveDisabledAccount(recovery) && startedAt === undefined;
  return wasSuspended && (wasJustEnabled || isEnabled);
}

/**
 * Opens the resume that follows a canceled deletion. `canceledDeletion`: the id of this deletion
 * if the resume undoes only the suspension of the recovery window; otherwise `undefined`.
 */
function resumeStep(
  { id, hold, request, scope }: Operation,
  allOperations: readonly Operation[],
  deps: LifecycleDeps,
  canceledDeletion?: OperationId,
): StepChanges | undefined {
  const reason = hold?.reason ?? `${id} was canceled`;
  const opened = openLifecycle({
    action: 'resume',
    scope,
    cause: {
      messageId: `${UNDO_CAUSE_PREFIX}${id}`,
      eventType: 'canceled',
      at: deps.now(),
      note: reason.slice(0, 1500),
    },
    allOperations,
    mode: deps.mode,
    now: deps.now(),
    protectedBecause: undefined,
    request: { by: request?.by ?? '', reason },
    ...(canceledDeletion === undefined ? {} : { undoes: canceledDeletion }),
  });
  return opened && lifecycleStep(opened);
}
