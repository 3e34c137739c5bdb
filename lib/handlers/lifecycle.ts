import type { AccountEvent } from '../../events/account.ts';
import type { UserId } from '../../events/ids.ts';
import { causesRequire, describeCauses } from '../account/causes.ts';
import type { Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import {
  cleanupsOf,
  isCleanupUnderWay,
  isUndo,
  type OpenedLifecycle,
  openLifecycle,
} from '../operation/lifecycle.ts';
import {
  awaitsLifecycleConfirmation,
  type LifecycleAnswer,
} from '../operation/lifecycle-confirmation.ts';
import { lifecycleSnapshot } from '../operation/lifecycle-order.ts';
import type { LifecycleAction, Mode, Operation } from '../operation/model.ts';
import { cloudSnapshot, type KnownServices } from '../operation/snapshot.ts';
import type { StepEvent } from '../operation/step.ts';
import type { Step } from '../operation/transaction.ts';
import { decideChange } from '../policy/decide.ts';
import { NO_POLICY, type Policy } from '../policy/schema.ts';
import { chosenOptions } from '../policy/suspend-options.ts';
import { reportOf } from '../shared/errors.ts';
import type { Log } from '../shared/log.ts';
import type { PluginAction } from '../shared/setting-values.ts';
import { type Protection, protectedBecause } from '../task/safety-rules.ts';
import type { Service } from '../task/service.ts';
import { readHistory } from './account-history.ts';
import { askDomain, refusedAsAlike } from './domain-lifecycle.ts';
import { readRegistry } from './endpoints.ts';
import { holdOf, recordStateDuringHold } from './holds.ts';
import { partOfService, pluginsFor } from './lifecycle-services.ts';
import { fetchEffectiveState, fetchUserState } from './project-state.ts';
import {
  provisionDecision,
  provisionForChange,
  provisionSnapshot,
  userProvisionDecision,
} from './provision.ts';
import { suspendedServices } from './suspension-store.ts';

/** The dependencies of the coordinator for suspend and resume. */
export interface LifecycleDeps extends Omit<KnownServices, 'services'> {
  readonly engine: Pick<Engine, 'reads' | 'commit'>;
  readonly cloud: Pick<Cloud, 'keystone' | 'registry'>;
  readonly services: readonly Service[];
  readonly mode: Mode;
  /** The actions that each HTTP plugin supports, by the name of the plugin. */
  readonly pluginActions?: Readonly<Record<string, readonly PluginAction[]>>;
  /** The policy file; without it, a disabled project is only reported. */
  readonly policy?: Policy;
  readonly protectedIds: Pick<Protection, 'projects' | 'domains'>;
  readonly protection: () => Promise<Protection>;
  readonly log?: Pick<Log, 'warn'> | undefined;
  now(): number;
}

const ACTION_OF: Readonly<Record<string, LifecycleAction>> = {
  disabled: 'suspend',
  enabled: 'resume',
};

/** Opens the operations that follow when an account was created, disabled or enabled. */
export async function openForChange(
  event: AccountEvent,
  deps: LifecycleDeps,
): Promise<Step | undefined> {
  const { account, cause } = event.data;
  const { reads } = deps.engine;
  const action = ACTION_OF[event.type.split('.')[2] ?? ''];
  // The hold of an operator is a separate cause. The hold continues when the project is enabled in
  // Keystone.
  const hold = action && account.type === 'project' ? await holdOf(account.id, reads) : undefined;
  if (hold) {
    await recordStateDuringHold(account.id, action === 'resume', deps);
    if (action === 'resume') return undefined;
  }
  const { operations: existing, scope } = await readHistory(account, reads);
  const suspendOrResume =
    action &&
    openLifecycle({
      action,
      scope,
      cause,
      existing,
      mode: deps.mode,
      now: deps.now(),
      protectedBecause: protectedBecause(scope, { ...deps.protectedIds, ownProject: '' }),
    });
  const provision = await provisionForChange(event, scope, existing, deps);
  return suspendOrResume || provision ? lifecycleChanges(suspendOrResume, provision) : undefined;
}

/** Returns the step that commits the opened operations. */
export const lifecycleChanges = (...results: readonly (OpenedLifecycle | undefined)[]): Step => {
  const opened = results.filter((one) => one !== undefined);
  return {
    operations: opened.flatMap((one) => [...(one.opened ? [one.opened] : []), ...one.changed]),
    tasks: [],
    messages: opened.flatMap(({ messages }) => messages),
    deadLetters: [],
  };
};

/**
 * Asks Keystone if the state of the account still requires the suspend, resume or provision
 * operation. Returns `undefined` if the operation waits for another answer.
 */
export async function lifecycleConfirmation(
  operation: Operation,
  confirmation: number,
  deps: LifecycleDeps,
): Promise<StepEvent | undefined> {
  if (!awaitsLifecycleConfirmation(operation, confirmation)) return undefined;
  const answer = await askKeystone(operation, deps).catch((thrown: unknown): LifecycleAnswer => {
    const error = reportOf(thrown, { code: 'keystone.show', service: 'keystone' });
    return { kind: 'unknown', error };
  });
  return { kind: 'lifecycle-confirmation', confirmation, answer };
}

async function askKeystone(operation: Operation, deps: LifecycleDeps): Promise<LifecycleAnswer> {
  const { scope } = operation;
  const because = protectedBecause(scope, await deps.protection());
  if (because && !isUndo(operation)) return { kind: 'refused', because: `protected: ${because}` };
  if (scope.type === 'project')
    return operation.action === 'provision'
      ? askProvision(operation, scope.id, deps)
      : askProject(operation, scope.id, deps);
  if (scope.type === 'domain') return askDomain(operation, scope.id, deps);
  return operation.action === 'provision'
    ? askUserProvision(operation, scope.id, deps)
    : askUser(operation, scope.id, deps);
}

async function askProject(
  operation: Operation,
  id: string,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const { keystone } = deps.cloud;
  const state = await fetchEffectiveState(id, { keystone, reads: deps.engine.reads });
  if (state.kind === 'absent') return { kind: 'absent' };
  if (state.kind === 'other') return refusedAsAlike(state.id);
  const { action, lifecycle } = operation;
  const policy = deps.policy ?? NO_POLICY;
  const isSuspend = action === 'suspend';
  const policyDecision = decideChange(
    policy,
    isSuspend ? 'project.disabled' : 'project.enabled',
    state.facts,
  );
  // An administrator's command replaces the policy. The mode of the settings still applies.
  const isAsked = lifecycle?.asked || state.causes.some((cause) => cause.kind === 'operator-hold');
  const isEnforced = deps.mode === 'enforce' && (isAsked || policyDecision.mode === 'enforce');
  const registry = await readRegistry(deps.cloud);
  const recorded = new Set(isSuspend ? [] : await suspendedServices(id, deps.engine));
  return {
    kind: 'present',
    isWanted: causesRequire({ action, undoes: lifecycle?.undoes }, state.causes),
    because: describeCauses(state.causes),
    decision: {
      hasAction: Boolean(isAsked) || policyDecision.action !== 'none',
      mode: isEnforced ? 'enforce' : 'observe',
      delayMillis: isAsked ? 0 : (policyDecision.afterMillis ?? 0),
      rule: isAsked ? undefined : policyDecision.rule,
      options: isSuspend
        ? Object.fromEntries(
            deps.services.map(({ name }) => [name, chosenOptions(name, policy.suspend)]),
          )
        : undefined,
    },
    cloud: lifecycleSnapshot(
      cloudSnapshot(registry, 'project', deps),
      isSuspend ? 'suspend' : 'resume',
      [
        ...deps.services.flatMap((service) => partOfService(service, isSuspend, policy, recorded)),
        ...pluginsFor(isSuspend ? 'suspend' : 'resume', deps),
      ],
    ),
  };
}

/**
 * Returns the answer about a user. The services only list the resources that depend on the user.
 */
async function askUser(
  { action }: Operation,
  id: UserId,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const state = await fetchUserState(id, deps.cloud.keystone);
  if (state.kind === 'absent') return { kind: 'absent' };
  if (state.kind === 'other') return refusedAsAlike(state.id);
  const isSuspend = action === 'suspend';
  const change = isSuspend ? 'user.disabled' : 'user.enabled';
  const policyDecision = decideChange(deps.policy ?? NO_POLICY, change, state.facts);
  const registry = await readRegistry(deps.cloud);
  const reporting = deps.services.filter(({ userReports }) => userReports.length > 0);
  return {
    kind: 'present',
    isWanted: isSuspend === state.causes.length > 0,
    because: describeCauses(state.causes),
    decision: {
      hasAction: policyDecision.action !== 'none',
      mode: 'observe',
      delayMillis: policyDecision.afterMillis ?? 0,
      rule: policyDecision.rule,
    },
    cloud: lifecycleSnapshot(
      cloudSnapshot(registry, 'user', deps, reporting),
      isSuspend ? 'suspend' : 'resume',
      reporting.map(({ name }) => ({ name, after: [], types: [], skippedBecause: undefined })),
    ),
  };
}

/**
 * Returns the answer about a user's provision. The user must be enabled and have no cleanup in
 * progress.
 */
async function askUserProvision(
  operation: Operation,
  id: UserId,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const state = await fetchUserState(id, deps.cloud.keystone);
  if (state.kind === 'absent') return { kind: 'absent' };
  if (state.kind === 'other') return refusedAsAlike(state.id);
  const about = await deps.engine.reads.operationsAbout('user', id);
  const cleanup = cleanupsOf(about).find(isCleanupUnderWay);
  const registry = await readRegistry(deps.cloud);
  const assigningServices = deps.services.filter(({ userProvision }) => userProvision);
  const names = assigningServices.map(({ name }) => name);
  return {
    kind: 'present',
    isWanted: state.causes.length === 0 && !cleanup,
    because: cleanup ? `${cleanup.id} cleans it up` : describeCauses(state.causes),
    decision: userProvisionDecision(operation, state.facts, names, deps),
    cloud: lifecycleSnapshot(
      cloudSnapshot(registry, 'user', deps, assigningServices),
      'provision',
      names.map((name) => ({ name, after: [], types: [], skippedBecause: undefined })),
    ),
  };
}

/**
 * Returns the answer about a project's provision. The project must be enabled and have no cleanup
 * in progress.
 */
async function askProvision(
  operation: Operation,
  id: string,
  deps: LifecycleDeps,
): Promise<LifecycleAnswer> {
  const { reads } = deps.engine;
  const state = await fetchEffectiveState(id, { keystone: deps.cloud.keystone, reads });
  if (state.kind === 'absent') return { kind: 'absent' };
  if (state.kind === 'other') return refusedAsAlike(state.id);
  const cleanup = cleanupsOf(await reads.operationsAbout('project', id)).find(isCleanupUnderWay);
  const decision = provisionDecision(operation, state.facts, deps);
  const registry = await readRegistry(deps.cloud);
  const snapshot = cloudSnapshot(registry, 'project', deps);
  const { provision } = decision;
  return {
    kind: 'present',
    isWanted: state.causes.length === 0 && !cleanup,
    because: cleanup ? `${cleanup.id} cleans it up` : describeCauses(state.causes),
    decision,
    ...(provision
      ? {
          cloud: provisionSnapshot(
            snapshot,
            provision,
            deps.services,
            pluginsFor('provision', deps),
          ),
        }
      : {}),
  };
}
