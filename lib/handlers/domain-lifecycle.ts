import type { DomainId } from '../../events/ids.ts';
import { isGone } from '../account/inventory.ts';
import { isUndoOfSuspension } from '../operation/lifecycle.ts';
import type { LifecycleAnswer } from '../operation/lifecycle-confirmation.ts';
import type { LifecycleProject } from '../operation/lifecycle-domain.ts';
import type { Operation } from '../operation/model.ts';
import { projectScope } from '../operation/scope.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import type { LifecycleDeps } from './lifecycle-deps.ts';
import { findPendingDeletion } from './project-state.ts';

/**
 * Asks Keystone whether the suspend or resume of a domain is still wanted. The answer contains the
 * projects of the domain.
 */
export async function answerAboutDomain(
  operation: Operation,
  id: DomainId,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const keystoneState = await deps.cloud.keystone.show('domain', id);
  if (keystoneState.kind === 'absent') return { kind: 'absent' };
  if (keystoneState.kind === 'other') return similarIdAnswer(keystoneState.id);
  const { enabled } = keystoneState.account;
  const pendingDeletion = await findPendingDeletion('domain', id, deps.engine.reads);
  const isActive = enabled && pendingDeletion === undefined;
  return {
    kind: 'present',
    isWanted: (operation.action === 'suspend') === !isActive,
    because: pendingDeletion
      ? `${pendingDeletion.operationId} deletes it later`
      : `it is ${enabled ? 'enabled' : 'disabled'}`,
    decision: { hasAction: true, mode: deps.mode, delayMillis: 0, rule: undefined },
    projects: await projectsToChange(operation, id, deps),
  };
}

/**
 * Returns the projects that are suspended or resumed with their domain. A project that is itself
 * disabled in Keystone is not resumed.
 */
async function projectsToChange(
  operation: Operation,
  domainId: DomainId,
  deps: LifecycleDeps,
): Promise<LifecycleProject[]> {
  const protection = isUndoOfSuspension(operation) ? undefined : await deps.protection();
  const records = await deps.engine.reads.projectsOf(domainId);
  const livingRecords = records.filter((record) => !isGone(record));
  const projects = livingRecords.map(async (record): Promise<LifecycleProject[]> => {
    if (record.account.type !== 'project') return [];
    const mayBeDisabled = operation.action === 'resume' && record.account.enabled === false;
    if (mayBeDisabled && (await isDisabled(record.account.id, deps))) return [];
    const scope = projectScope(record.account, record);
    const allOperations = await deps.engine.reads.operationsAbout('project', scope.id);
    const protectionReason = protection && protectedBecause(scope, protection);
    return [{ scope, allOperations, protectedBecause: protectionReason }];
  });
  return (await Promise.all(projects)).flat();
}

/** True only if Keystone answers that the project is disabled. */
async function isDisabled(id: string, { cloud }: LifecycleDeps): Promise<boolean> {
  const keystoneState = await cloud.keystone.show('project', id).catch(() => undefined);
  return keystoneState?.kind === 'present' && keystoneState.account.enabled === false;
}

/**
 * Returns the refusal of an operation. `id`: the id of the other account that Keystone shows for
 * the id of the operation's account.
 */
export const similarIdAnswer = (id: string): LifecycleAnswer => ({
  kind: 'refused',
  because: `Keystone shows ${id} instead: its database treats both ids as equal`,
});
