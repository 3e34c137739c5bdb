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
  if (scope.type === 'project')
    return operation.action === 'provision'
      ? answerAboutProjectProvision(operation, scope.id, deps)
      : answerAboutProject(operation, scope.id, deps);
  if (scope.type === 'domain') return answerAboutDomain(operation, scope.id, deps);
  return operation.action === 'provision'
    ? answerAboutUserProvision(operation, scope.id, deps)
    : answerAboutUser(operation, scope.id, deps);
}

/** Asks Keystone whether the suspend or resume of a project is still required. */
async function answerAboutProject(
  { action, lifecycle }: Operation,
  id: string,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const { keystone } = deps.cloud;
  const state = await fetchEffectiveState(id, { keystone, reads: deps.engine.reads });
  if (state.kind === 'absent') return { kind: 'absent' };
  if (state.kind === 'other') return refusedForSimilarId(state.id);
  const isSuspend = action === 'suspend';
  const policy = deps.policy ?? NO_POLICY;
  const registry = await readRegistry(deps.cloud);
  const recorded = new Set(isSuspend ? [] : await suspendedServices(id, deps.engine));
  return {
    kind: 'present',
    isWanted: causesRequire({ action, undoes: lifecycle?.undoes }, state.suspensionCauses),
    because: describeCauses(state.suspensionCauses),
    decision: projectDecision(isSuspend, lifecycle?.asked !== undefined, state, deps),
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
 * Asks Keystone whether the suspend or resume of a user is still required. The services only list
 * the resources that depend on the user, so the mode is always `observe`.
 */
async function answerAboutUser(
  { action }: Operation,
  id: UserId,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const state = await fetchUserState(id, deps.cloud.keystone);
  if (state.kind === 'absent') return { kind: 'absent' };
  if (state.kind === 'other') return refusedForSimilarId(state.id);
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
        after: [],
        types: [],
        skippedBecause: undefined,
      })),
    ),
  };
}

/**
 * Asks Keystone whether the provision of a user is still required. The user must be enabled, and no
 * cleanup of the user may be in progress.
 */
async function answerAboutUserProvision(
  operation: Operation,
  id: UserId,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const state = await fetchUserState(id, deps.cloud.keystone);
  if (state.kind === 'absent') return { kind: 'absent' };
  if (state.kind === 'other') return refusedForSimilarId(state.id);
  const cleanup = await openCleanupOf('user', id, deps);
  const registry = await readRegistry(deps.cloud);
  const assigningServices = deps.services.filter(({ userProvision }) => userProvision);
  const names = assigningServices.map(({ name }) => name);
  return {
    kind: 'present',
    isWanted: state.suspensionCauses.length === 0 && !cleanup,
    because: cleanup ? `${cleanup.id} cleans it up` : describeCauses(state.suspensionCauses),
    decision: userProvisionDecision(operation, state.facts, names, deps),
    cloud: lifecycleSnapshot(
      cloudSnapshot(registry, 'user', deps, assigningServices),
      'provision',
      names.map((name) => ({ name, after: [], types: [], skippedBecause: undefined })),
    ),
  };
}

/**
 * Asks Keystone whether the provision of a project is still required. The project must be enabled,
 * and no cleanup of the project may be in progress.
 */
async function answerAboutProjectProvision(
  operation: Operation,
  id: string,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const { keystone } = deps.cloud;
  const state = await fetchEffectiveState(id, { keystone, reads: deps.engine.reads });
  if (state.kind === 'absent') return { kind: 'absent' };
  if (state.kind === 'other') return refusedForSimilarId(state.id);
  const cleanup = await openCleanupOf('project', id, deps);
  const decision = provisionDecision(operation, state.facts, deps);
  const registry = await readRegistry(deps.cloud);
  const snapshot = cloudSnapshot(registry, 'project', deps);
  const plugins = pluginsFor('provision', deps);
  const { provision } = decision;
  return {
    kind: 'present',
    isWanted: state.suspensionCauses.length === 0 && !cleanup,
    because: cleanup ? `${cleanup.id} cleans it up` : describeCauses(state.suspensionCauses),
    decision,
    ...(provision ? { cloud: provisionSnapshot(snapshot, provision, deps.services, plugins) } : {}),
  };
}

async function openCleanupOf(
  type: 'project' | 'user',
  id: string,
  { engine }: LifecycleDeps,
): Promise<Operation | undefined> {
  return cleanupsOf(await engine.reads.operationsAbout(type, id)).find(isCleanupUnderWay);
}
