import type { UserId } from '../../events/ids.ts';
import { causesRequire, describeCauses } from '../account/causes.ts';
import { cleanupsOf, isCleanupUnderWay, isUndo } from '../operation/lifecycle.ts';
import type { LifecycleAnswer, LifecycleDecision } from '../operation/lifecycle-confirmation.ts';
import { lifecycleSnapshot } from '../operation/lifecycle-order.ts';
import type { Operation } from '../operation/model.ts';
import { cloudSnapshot } from '../operation/snapshot.ts';
import { decideChange } from '../policy/decide.ts';
import { NO_POLICY } from '../policy/schema.ts';
import { chosenOptions } from '../policy/suspend-options.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import { answerAboutDomain, refusedForSimilarId } from './domain-lifecycle.ts';
import { readRegistry } from './endpoints.ts';
import type { LifecycleDeps } from './lifecycle-deps.ts';
import { lifecycleEntryOf, pluginsFor } from './lifecycle-services.ts';
import { type EffectiveState, fetchEffectiveState, fetchUserState } from './project-state.ts';
import { provisionDecision, provisionSnapshot, userProvisionDecision } from './provision.ts';
import { suspendedServices } from './suspension-store.ts';

type PresentState = Extract<EffectiveState, { readonly kind: 'present' }>;

/**
 * Asks Keystone whether the account still requires the operation. The answer also contains the
 * decision of the policy, and the services of the cloud that take part. Throws when an answer of
 * Keystone is not certain.
 */
export async function lifecycleAnswer(
  operation: Operation,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const { scope } = operation;
  const because = protectedBecause(scope, await deps.protection());
  if (because && !isUndo(operation)) return { kind: 'refused', because: `protected: ${because}` };
  if (scope.type === 'domain') return answerAboutDomain(operation, scope.id, deps);
  const { keystone } = deps.cloud;
  const state =
    scope.type === 'project'
      ? await fetchEffectiveState(scope.id, { keystone, reads: deps.engine.reads })
      : await fetchUserState(scope.id, keystone);
  if (state.kind === 'absent') return { kind: 'absent' };
  if (state.kind === 'other') return refusedForSimilarId(state.id);
  const isProvision = operation.action === 'provision';
  if (scope.type === 'project')
    return isProvision
      ? answerAboutProjectProvision(operation, scope.id, state, deps)
      : answerAboutProject(operation, scope.id, state, deps);
  return isProvision
    ? answerAboutUserProvision(operation, scope.id, state, deps)
    : answerAboutUser(operation, state, deps);
}

/** Returns the answer about the suspend or resume of a project. */
async function answerAboutProject(
  { action, lifecycle }: Operation,
  id: string,
  state: PresentState,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const isSuspend = action === 'suspend';
  const policy = deps.policy ?? NO_POLICY;
  const registry = await readRegistry(deps.cloud);
  const recorded = new Set(isSuspend ? [] : await suspendedServices(id, deps.engine));
  return {
    kind: 'present',
    isWanted: causesRequire({ action, undoes: lifecycle?.undoes }, state.suspensionCauses),
    because: describeCauses(state.suspensionCauses),
    decision: projectDecision(isSuspend, lifecycle?.request !== undefined, state, deps),
    cloud: lifecycleSnapshot(
      cloudSnapshot(registry, 'project', deps),
      isSuspend ? 'suspend' : 'resume',
      [
        ...deps.services.flatMap((service) =>
          lifecycleEntryOf(service, isSuspend, policy, recorded),
        ),
        ...pluginsFor(isSuspend ? 'suspend' : 'resume', deps),
      ],
    ),
  };
}

/**
 * Returns the decision about a project's suspend or resume. The command or the hold of an operator
 * replaces the rule of the policy. The mode of the settings still applies.
 */
function projectDecision(
  isSuspend: boolean,
  isRequested: boolean,
  { suspensionCauses, facts }: PresentState,
  { mode, policy = NO_POLICY, services }: LifecycleDeps,
): LifecycleDecision {
  const isByOperator = isRequested || suspensionCauses.some(({ kind }) => kind === 'operator-hold');
  const decided = decideChange(policy, isSuspend ? 'project.disabled' : 'project.enabled', facts);
  const isEnforced = mode === 'enforce' && (isByOperator || decided.mode === 'enforce');
  return {
    hasAction: isByOperator || decided.action !== 'none',
    mode: isEnforced ? 'enforce' : 'observe',
    delayMillis: isByOperator ? 0 : (decided.afterMillis ?? 0),
    rule: isByOperator ? undefined : decided.rule,
    options: isSuspend
      ? Object.fromEntries(services.map(({ name }) => [name, chosenOptions(name, policy.suspend)]))
      : undefined,
  };
}

/**
 * Returns the answer about the suspend or resume of a user. The services only list the resources
 * that depend on the user, so the mode is always `observe`.
 */
async function answerAboutUser(
  { action }: Operation,
  state: PresentState,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const isSuspend = action === 'suspend';
  const isSuspended = state.suspensionCauses.length > 0;
  const change = isSuspend ? 'user.disabled' : 'user.enabled';
  const policyDecision = decideChange(deps.policy ?? NO_POLICY, change, state.facts);
  const registry = await readRegistry(deps.cloud);
  const reportingServices = deps.services.filter(({ userReports }) => userReports.length > 0);
  return {
    kind: 'present',
    isWanted: isSuspend === isSuspended,
    because: describeCauses(state.suspensionCauses),
    decision: {
      hasAction: policyDecision.action !== 'none',
      mode: 'observe',
      delayMillis: policyDecision.afterMillis ?? 0,
      rule: policyDecision.rule,
    },
    cloud: lifecycleSnapshot(
      cloudSnapshot(registry, 'user', deps, reportingServices),
      isSuspend ? 'suspend' : 'resume',
      reportingServices.map(({ name }) => ({
        name,
        suspendAfter: [],
        types: [],
        skippedBecause: undefined,
      })),
    ),
  };
}

/** Returns the answer about the provision of a user. */
async function answerAboutUserProvision(
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
    cloud: lifecycleSnapshot(
      cloudSnapshot(registry, 'user', deps, assigningServices),
      'provision',
      names.map((name) => ({ name, suspendAfter: [], types: [], skippedBecause: undefined })),
    ),
  };
}

/** Returns the answer about the provision of a project. */
async function answerAboutProjectProvision(
  operation: Operation,
  id: string,
  state: PresentState,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const need = await provisionNeed('project', id, state, deps);
  const decision = provisionDecision(operation, state.facts, deps);
  const registry = await readRegistry(deps.cloud);
  const snapshot = cloudSnapshot(registry, 'project', deps);
  const plugins = pluginsFor('provision', deps);
  const { provision } = decision;
  return {
    kind: 'present',
    ...need,
    decision,
    ...(provision ? { cloud: provisionSnapshot(snapshot, provision, deps.services, plugins) } : {}),
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
