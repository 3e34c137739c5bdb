import type { UserId } from '../../events/ids.ts';
import { describeCauses } from '../account/causes.ts';
import type { LifecycleAnswer } from '../operation/lifecycle-confirmation.ts';
import { lifecycleSnapshot } from '../operation/lifecycle-order.ts';
import type { Operation } from '../operation/model.ts';
import { cleanupsOf, isCleanupUnderWay } from '../operation/operation-history.ts';
import { cloudSnapshot } from '../operation/snapshot.ts';
import { readRegistry } from './endpoints.ts';
import type { LifecycleDeps } from './lifecycle-deps.ts';
import { pluginEntriesFor } from './lifecycle-services.ts';
import type { PresentState } from './project-state.ts';
import { provisionDecision, provisionSnapshot, userProvisionDecision } from './provision.ts';

/** Returns the answer about the provision of a user. */
export async function answerAboutUserProvision(
  operation: Operation,
  id: UserId,
  state: PresentState,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const need = await provisionNeed('user', id, state, deps);
  const registry = await readRegistry(deps.cloud);
  const assigningServices = deps.services.filter(({ userProvision }) => userProvision);
  const names = assigningServices.map(({ name }) => name);
  return {
    kind: 'present',
    ...need,
    decision: userProvisionDecision(operation, state.facts, names, deps),
    cloudSnapshot: lifecycleSnapshot(
      cloudSnapshot(registry, 'user', deps, assigningServices),
      'provision',
      names.map((name) => ({ name, suspendAfter: [], types: [], skippedBecause: undefined })),
    ),
  };
}

/** Returns the answer about the provision of a project. */
export async function answerAboutProjectProvision(
  operation: Operation,
  id: string,
  state: PresentState,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const need = await provisionNeed('project', id, state, deps);
  const decision = provisionDecision(operation, state.facts, deps);
  const registry = await readRegistry(deps.cloud);
  const snapshot = cloudSnapshot(registry, 'project', deps);
  const plugins = pluginEntriesFor('provision', deps);
  const { provision } = decision;
  return {
    kind: 'present',
    ...need,
    decision,
    ...(provision
      ? { cloudSnapshot: provisionSnapshot(snapshot, provision, deps.services, plugins) }
      : {}),
  };
}

/**
 * Returns whether the provision of an account is still required, and why. The account must be
 * enabled, and no cleanup of it may be in progress.
 */
async function provisionNeed(
  type: 'project' | 'user',
  id: string,
  { suspensionCauses }: PresentState,
  { engine }: LifecycleDeps,
): Promise<{ readonly isWanted: boolean; readonly because: string }> {
  const operations = await engine.reads.operationsAbout(type, id);
  const cleanup = cleanupsOf(operations).find(isCleanupUnderWay);
  return {
    isWanted: suspensionCauses.length === 0 && !cleanup,
    because: cleanup ? `${cleanup.id} cleans it up` : describeCauses(suspensionCauses),
  };
}
