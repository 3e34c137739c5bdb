import { causesRequire, describeCauses } from '../account/causes.ts';
import { isUndoOfSuspension } from '../operation/lifecycle.ts';
import type { LifecycleAnswer, LifecycleDecision } from '../operation/lifecycle-confirmation.ts';
import { lifecycleSnapshot } from '../operation/lifecycle-order.ts';
import type { Operation } from '../operation/model.ts';
import { cloudSnapshot } from '../operation/snapshot.ts';
import { decideChange } from '../policy/decide.ts';
import { NO_POLICY } from '../policy/schema.ts';
import { chosenOptionNames } from '../policy/suspend-options.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import { answerAboutDomain, similarIdAnswer } from './domain-lifecycle.ts';
import { readRegistry } from './endpoints.ts';
import type { LifecycleDeps } from './lifecycle-deps.ts';
import { lifecycleEntriesOf, pluginEntriesFor } from './lifecycle-services.ts';
import { fetchProjectState, fetchUserState, type PresentState } from './project-state.ts';
import { answerAboutProjectProvision, answerAboutUserProvision } from './provision-answer.ts';
import { suspendedServices } from './suspension-store.ts';

/**
 * Asks Keystone whether the account still requires the operation. The answer also contains the
 * decision of the policy, and the services of the cloud that take part. Throws if Keystone fails,
 * or if its answer does not prove the state of the account.
 */
export async function lifecycleAnswer(
  operation: Operation,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const { scope } = operation;
  const protectionReason = protectedBecause(scope, await deps.protection());
  if (protectionReason && !isUndoOfSuspension(operation))
    return { kind: 'refused', because: `protected: ${protectionReason}` };
  if (scope.type === 'domain') return answerAboutDomain(operation, scope.id, deps);
  const { keystone } = deps.cloud;
  const state =
    scope.type === 'project'
      ? await fetchProjectState(scope.id, { keystone, reads: deps.engine.reads })
      : await fetchUserState(scope.id, keystone);
  if (state.kind === 'absent') return { kind: 'absent' };
  if (state.kind === 'other') return similarIdAnswer(state.id);
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
  const recordedServices = new Set(isSuspend ? [] : await suspendedServices(id, deps.engine));
  return {
    kind: 'present',
    isWanted: causesRequire({ action, undoes: lifecycle?.undoes }, state.suspensionCauses),
    because: describeCauses(state.suspensionCauses),
    decision: projectDecision(
      { isSuspend, isRequested: lifecycle?.request !== undefined },
      state,
      deps,
    ),
    cloudSnapshot: lifecycleSnapshot(
      cloudSnapshot(registry, 'project', deps),
      isSuspend ? 'suspend' : 'resume',
      [
        ...deps.services.flatMap((service) =>
          lifecycleEntriesOf(service, isSuspend, policy, recordedServices),
        ),
        ...pluginEntriesFor(isSuspend ? 'suspend' : 'resume', deps),
      ],
    ),
  };
}

/**
 * Returns the decision about a project's suspend or resume. The command or the hold of an operator
 * replaces the rule of the policy. The mode of the settings still applies.
 */
function projectDecision(
  { isSuspend, isRequested }: { readonly isSuspend: boolean; readonly isRequested: boolean },
  { suspensionCauses, facts }: PresentState,
  { mode, policy = NO_POLICY, services }: LifecycleDeps,
): LifecycleDecision {
  const isByOperator = isRequested || suspensionCauses.some(({ kind }) => kind === 'operator-hold');
  const policyDecision = decideChange(
    policy,
    isSuspend ? 'project.disabled' : 'project.enabled',
    facts,
  );
  const isEnforced = mode === 'enforce' && (isByOperator || policyDecision.mode === 'enforce');
  return {
    hasAction: isByOperator || policyDecision.action !== 'none',
    mode: isEnforced ? 'enforce' : 'observe',
    delayMillis: isByOperator ? 0 : (policyDecision.afterMillis ?? 0),
    rule: isByOperator ? undefined : policyDecision.rule,
    options: isSuspend
      ? Object.fromEntries(
          services.map(({ name }) => [name, chosenOptionNames(name, policy.suspend)]),
        )
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
    cloudSnapshot: lifecycleSnapshot(
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
