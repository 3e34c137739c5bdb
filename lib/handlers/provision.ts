import type { Account, AccountEvent } from '../../events/account.ts';
import type { OpenedLifecycle } from '../operation/lifecycle.ts';
import type { LifecycleDecision } from '../operation/lifecycle-confirmation.ts';
import { type LifecycleService, lifecycleSnapshot } from '../operation/lifecycle-order.ts';
import type { DesiredState, Operation, Scope } from '../operation/model.ts';
import { awaitsProvision, openProvision } from '../operation/provision.ts';
import type { CloudSnapshot } from '../operation/snapshot.ts';
import { type AccountFacts, decideChange, type PolicyDecision } from '../policy/decide.ts';
import { NO_POLICY, type Policy } from '../policy/schema.ts';
import { protectedBecause } from '../task/safety-rules.ts';
import type { LifecycleDeps } from './lifecycle-deps.ts';
import { fetchProjectState, fetchUserState } from './project-state.ts';

/**
 * Opens a provision after a project or a user was created. If a provision of the account was
 * superseded, the function also opens one after the account was enabled. Returns `undefined` if no
 * rule of the policy requires a provision.
 */
export async function openProvisionForChange(
  { type, data: { account, cause } }: AccountEvent,
  scope: Scope,
  allOperations: readonly Operation[],
  deps: LifecycleDeps,
): Promise<OpenedLifecycle | undefined> {
  if (account.type === 'domain') return undefined;
  const isCreated = type === `account.${account.type}.created`;
  const isEnabled = type === `account.${account.type}.enabled` && awaitsProvision(allOperations);
  if (!isCreated && !isEnabled) return undefined;
  if (!(await isProvisionRequired(account, deps))) return undefined;
  return openProvision({
    scope,
    cause,
    allOperations,
    mode: deps.mode,
    now: deps.now(),
    protectedBecause: protectedBecause(scope, { ...deps.protectedIds, ownProject: '' }),
  });
}

/**
 * True if the policy requires a provision. If Keystone does not answer, the result is also true:
 * the operation is opened and waits for the answer.
 */
async function isProvisionRequired(
  { id, type }: Exclude<Account, { type: 'domain' }>,
  deps: LifecycleDeps,
): Promise<boolean> {
  const policy = deps.policy ?? NO_POLICY;
  const change = type === 'user' ? 'user.created' : 'project.created';
  if (!policy.rules.some(({ on }) => on[change]?.action === 'provision')) return false;
  const { keystone } = deps.cloud;
  const { reads } = deps.engine;
  const statePromise =
    type === 'user' ? fetchUserState(id, keystone) : fetchProjectState(id, { keystone, reads });
  const state = await statePromise.catch(() => undefined);
  if (state === undefined) return true;
  if (state.kind !== 'present') return false;
  return decideChange(policy, change, state.facts).action === 'provision';
}

/**
 * Returns the decision of the policy about the provision of a user. `assigningServices`: the
 * services that assign roles and groups.
 */
export function userProvisionDecision(
  { lifecycle }: Operation,
  facts: AccountFacts,
  assigningServices: readonly string[],
  { mode, policy = NO_POLICY }: Pick<LifecycleDeps, 'mode' | 'policy'>,
): LifecycleDecision {
  const policyDecision = decideChange(policy, 'user.created', facts);
  const { action, afterMillis = 0, assignments, rule } = policyDecision;
  const desired = assignments && {
    profile: `rule ${rule}`,
    reconcile: false,
    sections: Object.fromEntries(assigningServices.map((name) => [name, assignments])),
  };
  // The assignments that were decided at the first answer apply to the whole operation.
  const provision = lifecycle?.provision ?? (action === 'provision' ? desired : undefined);
  return {
    hasAction: provision !== undefined,
    mode: mode === 'enforce' && policyDecision.mode === 'enforce' ? 'enforce' : 'observe',
    delayMillis: afterMillis,
    rule,
    provision,
  };
}

/** Returns the decision of the policy about the creation of a project. */
export const policyDecisionOnCreation = (
  facts: AccountFacts,
  policy: Policy = NO_POLICY,
): PolicyDecision => decideChange(policy, 'project.created', facts);

/**
 * Returns the desired state of a project. The profile comes from the command of an administrator
 * (`request`) or, if the command names none, from the policy. Returns `undefined` if there is no
 * profile.
 */
export function desiredState(
  facts: AccountFacts,
  policy: Policy = NO_POLICY,
  request?: {
    readonly profile?: string | undefined;
    readonly reconcile?: boolean | undefined;
  },
): DesiredState | undefined {
  const policyDecision = policyDecisionOnCreation(facts, policy);
  const profile = request?.profile ?? policyDecision.profile;
  const sections = profile === undefined ? undefined : policy.profiles[profile];
  if (profile === undefined || !sections) return undefined;
  const reconcile = request?.reconcile ?? policyDecision.reconcile ?? false;
  return { profile, reconcile, sections };
}

/**
 * Returns the decision about the provision of a project. A command of an administrator replaces the
 * rule of the policy.
 */
export function provisionDecision(
  { lifecycle }: Operation,
  facts: AccountFacts,
  { mode, policy }: Pick<LifecycleDeps, 'mode' | 'policy'>,
): LifecycleDecision {
  const policyDecision = policyDecisionOnCreation(facts, policy);
  const request = lifecycle?.request;
  // The desired state that was decided at the first answer applies to the whole operation.
  const provision = lifecycle?.provision ?? desiredState(facts, policy, request);
  const isEnforced =
    mode === 'enforce' && (request !== undefined || policyDecision.mode === 'enforce');
  return {
    hasAction:
      provision !== undefined && (request !== undefined || policyDecision.action === 'provision'),
    mode: isEnforced ? 'enforce' : 'observe',
    delayMillis: request ? 0 : (policyDecision.afterMillis ?? 0),
    rule: request ? undefined : policyDecision.rule,
    provision,
  };
}

/** Returns the services of the cloud that the profile names, and the plugins. */
export const provisionSnapshot = (
  snapshot: CloudSnapshot,
  { sections }: DesiredState,
  services: LifecycleDeps['services'],
  plugins: readonly LifecycleService[] = [],
): CloudSnapshot =>
  lifecycleSnapshot(snapshot, 'provision', [
    ...services.flatMap(({ name, provision }) =>
      provision && sections[name] !== undefined
        ? [{ name, suspendAfter: [], types: [], skippedBecause: undefined }]
        : [],
    ),
    ...plugins,
  ]);
