import type { Condition, Counts, ServiceRequested } from '../../events/service.ts';
import { causesRequire, describeCauses } from '../account/causes.ts';
import type { Engine } from '../engine/port.ts';
import type { Cloud } from '../openstack/cloud.ts';
import { isUndoOfSuspension } from '../operation/lifecycle.ts';
import type { Mode, Operation } from '../operation/model.ts';
import { NO_POLICY } from '../policy/schema.ts';
import { chosenOptionNames } from '../policy/suspend-options.ts';
import { aggregateConditions } from '../task/conditions.ts';
import type { ProjectContext } from '../task/context.ts';
import { leftBySuspendWarnings } from '../task/left-by-suspend.ts';
import { resumeService } from '../task/resume-run.ts';
import type { RunReport } from '../task/run.ts';
import { type Protection, protectedBecause, refuseOwnProject } from '../task/safety-rules.ts';
import type { Service, ServiceApi } from '../task/service.ts';
import { suspendService } from '../task/suspend-run.ts';
import { assignProjectRoles, revokeProjectRoles } from './project-role.ts';
import { fetchProjectState, fetchUserState } from './project-state.ts';
import { currentStopDecision, stoppableApi } from './stop-switch.ts';
import { suspensionStore } from './suspension-store.ts';

/** How long a service accepts a token that it has cached (`token_cache_time` of its middleware). */
export const TOKEN_CACHE_MILLIS = 300_000;

/** The dependencies of a run that suspends or resumes. */
export interface LifecycleTaskDeps {
  readonly engine: Engine;
  readonly cloud: Pick<Cloud, 'keystone' | 'projectAdmin' | 'api'>;
  readonly mode: Mode;
  readonly protection: () => Promise<Protection>;
  readonly concurrency: Readonly<Record<string, number>>;
  readonly budgetMillis: number;
  /** How long the services accept a cached token; default {@link TOKEN_CACHE_MILLIS}. */
  readonly tokenCacheMillis?: number | undefined;
  readonly stopping?: AbortSignal;
  now(): number;
}

/**
 * Returns the condition that forbids a run of a suspend, resume or provision, or `undefined` if the
 * run may begin. If the effective state of the account contradicts the operation, the function also
 * sends a message: the coordinator then asks Keystone again, and ends the operation if Keystone
 * confirms the contradiction.
 */
export async function lifecycleRefusal(
  operation: Operation,
  deps: Pick<LifecycleTaskDeps, 'engine' | 'cloud' | 'mode' | 'protection'>,
): Promise<Condition | undefined> {
  const { action, confirmation, id, lifecycle, scope } = operation;
  if (deps.mode === 'observe')
    return blockedCondition(
      'the mode is observe, so resources are only counted',
      'To continue, start the propagator with PROPAGATOR_MODE=enforce.',
    );
  const protectionReason = protectedBecause(scope, await deps.protection());
  const refusal = refusalOfStoredOperation(operation, protectionReason);
  if (refusal) return refusal;
  const { keystone } = deps.cloud;
  const state =
    scope.type === 'user'
      ? await fetchUserState(scope.id, keystone)
      : await fetchProjectState(scope.id, { keystone, reads: deps.engine.reads });
  const isWanted =
    state.kind === 'present' &&
    causesRequire({ action, undoes: lifecycle?.undoes }, state.suspensionCauses);
  if (isWanted) return undefined;
  await deps.engine.commit({
    messages: [{ type: 'operation.confirm', data: { operationId: id, confirmation } }],
  });
  const stateText =
    state.kind === 'present'
      ? describeCauses(state.suspensionCauses)
      : `the ${scope.type} is ${state.kind}`;
  return blockedCondition(
    `no resource is changed now: Keystone shows that ${stateText}`,
    'No action is needed: the operation ends when Keystone has shown this for a minute.',
  );
}

/** Returns the condition of a protected account, a held operation or a paused provision. */
function refusalOfStoredOperation(
  operation: Operation,
  protectionReason: string | undefined,
): Condition | undefined {
  const { action, hold, id, state } = operation;
  if (protectionReason && !isUndoOfSuspension(operation))
    return blockedCondition(
      `protected: ${protectionReason}`,
      'Remove the protection, or leave the operation as it is.',
    );
  if (state === 'held')
    return blockedCondition(
      `the operation is held: ${hold?.reason ?? 'for an operator'}`,
      `Type: propagator operation release ${id} --reason "…"`,
    );
  return action === 'provision' && hold
    ? blockedCondition(`no resource is created now: ${hold.reason}`, hold.advice)
    : undefined;
}

const blockedCondition = (message: string, advice: string): Condition => ({
  class: 'Blocked',
  message,
  actor: 'operator',
  advice,
  count: 1,
});

/**
 * Returns the context with `apiWithProjectToken`, which returns the API with a token on the
 * project. The roles for this token are assigned when the first resource needs it.
 */
function contextWithProjectToken(
  service: Service,
  context: ProjectContext,
  deps: LifecycleTaskDeps,
): ProjectContext {
  const { project, region } = context;
  let apiPromise: Promise<ServiceApi | undefined> | undefined;
  const requestApi = async (): Promise<ServiceApi | undefined> => {
    await assignProjectRoles(project, deps);
    const projectApi = await deps.cloud.api(service, region, project);
    return projectApi && stoppableApi(projectApi, deps);
  };
  return {
    ...context,
    apiWithProjectToken: () => {
      apiPromise ??= requestApi();
      return apiPromise;
    },
  };
}

/** Runs one service of a suspend or resume operation. */
export async function runLifecycle(
  service: Service,
  data: ServiceRequested['data'],
  operation: Operation,
  context: ProjectContext,
  deps: LifecycleTaskDeps,
  onCounts: (counts: Counts) => void,
): Promise<RunReport> {
  refuseOwnProject(context.project, context.api.ownProject, service.name);
  const input = suspendOrResumeInput(service, data, operation, context, deps);
  if (operation.action === 'suspend') {
    // A superseded resume may have left roles on the project assigned to the propagator's user.
    await revokeProjectRoles(context.project, deps);
    const [report, warnings] = await Promise.all([
      suspendService({ ...input, onCounts }),
      leftBySuspendWarnings(service, context),
    ]);
    return { ...report, conditions: aggregateConditions([...report.conditions, ...warnings]) };
  }
  const resumeContext = contextWithProjectToken(service, context, deps);
  const report = await resumeService({ ...input, onCounts, context: resumeContext });
  // Keep the roles while servers start. Nova answers before a server has started, so the run then
  // ends with `again` and without an error.
  if (report.outcome.kind !== 'again' || report.outcome.error)
    await revokeProjectRoles(context.project, deps);
  return report;
}

/** Returns the part of the input that suspend and resume share. */
function suspendOrResumeInput(
  service: Service,
  { phase, region }: ServiceRequested['data'],
  { action, confirmedAt, id, lifecycle }: Operation,
  context: ProjectContext,
  deps: LifecycleTaskDeps,
) {
  const isSuspend = action === 'suspend';
  const types = (service.suspension?.types ?? []).map((type) => type(service.name));
  const place = { partition: context.project, service: service.name, region };
  // Until this time a service may accept the tokens that it has cached, so users may still change
  // resources.
  const tokenCacheEndsAt = (confirmedAt[0] ?? 0) + (deps.tokenCacheMillis ?? TOKEN_CACHE_MILLIS);
  return {
    service: service.name,
    types: isSuspend ? types : types.toReversed(),
    options:
      lifecycle?.options?.[service.name] ?? chosenOptionNames(service.name, NO_POLICY.suspend),
    context,
    suspensionRecords: suspensionStore(place, deps.engine),
    phase: phase === 'plan' ? ('plan' as const) : ('apply' as const),
    settleAt: Math.max(lifecycle?.settleAt ?? 0, isSuspend ? tokenCacheEndsAt : 0),
    deadline: deps.now() + deps.budgetMillis,
    concurrency: deps.concurrency[service.name] ?? service.concurrency,
    stopping: deps.stopping,
    // A later operation may have superseded this one since the run began.
    mayContinue: async () =>
      (await deps.engine.reads.operation(id))?.state === 'running' &&
      (await currentStopDecision(deps)) === undefined,
  };
}
