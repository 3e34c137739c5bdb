import type { ProjectId, ResourceTypeName } from '../../events/ids.ts';
import type { Condition, Phase } from '../../events/service.ts';
import { isOnLivingProject } from '../operation/advance.ts';
import type { Operation, Task } from '../operation/model.ts';
import { stopCondition } from '../operation/stop.ts';
import { type RunReport, runProjectCleanup, runUserCleanup } from '../task/run.ts';
import { Confirmation } from '../task/safety-rules.ts';
import type { ProjectContext, Resource, Service, UserContext } from '../task/service.ts';
import { holdOfAccount, resourceHolds } from './deletion-holds.ts';
import { planGuard } from './plan-guard.ts';
import { type ListedType, storePlan } from './plan-store.ts';
import { projectApis, type ServiceRun } from './run-context.ts';
import { currentStop } from './stop-switch.ts';
import type { ServiceDeps, TaskWithOperation } from './task-deps.ts';
import { progressReporter, runKeyOf } from './task-report.ts';

/** Cleans up the service of a project, or counts its resources for a plan. */
export async function cleanUpProject(run: ServiceRun, context: ProjectContext): Promise<RunReport> {
  const { data, deps, operation, service, task } = run;
  const listing = operation.action === 'plan' ? planListing(operation, task, deps) : undefined;
  const approvedPlan = planGuardOf(service, data.phase, run, deps);
  const heldResources = resourceHolds(deps);
  const report = await runProjectCleanup({
    ...cleanupInput(run),
    confirmation: projectConfirmation(run, context.project),
    onListed: listing?.onListed,
    findBlockers: async (resourceType, resources) => {
      const held = await heldResources(resourceType, resources);
      const free = resources.filter(({ id }) => !held.has(id));
      const unplanned = (await approvedPlan?.findBlockers(resourceType, free)) ?? [];
      return new Map([...held, ...unplanned]);
    },
    findHolds: heldResources,
    context: { ...context, ...(await projectApis(run, context.project)) },
  });
  await listing?.store();
  return approvedPlan ? { ...report, appeared: approvedPlan.appeared() } : report;
}

/** Cleans up the service of a deleted user. */
export function cleanUpUser(run: ServiceRun, context: UserContext): Promise<RunReport> {
  const { data, deps } = run;
  // In a cleanup, `confirmedAt` has the times of Keystone's 404s. In a suspend, resume or provision
  // it may have the times at which Keystone showed the user as disabled.
  const confirmation = Confirmation.fromAnswers(
    context.user,
    data.confirmedAt,
    deps.confirmationIntervalMillis,
  );
  return runUserCleanup({ ...cleanupInput(run), confirmation, context });
}

/**
 * Returns the proof that resources of the project may be removed, or `undefined` without a proof.
 * The request of an administrator comes from the stored operation and not from the message, because
 * a forged message must not confirm a deletion.
 */
const projectConfirmation = (
  { data, deps, operation }: ServiceRun,
  project: ProjectId,
): Confirmation | undefined =>
  isOnLivingProject(operation)
    ? Confirmation.fromRequest(project, operation.request?.at ?? 0)
    : Confirmation.fromAnswers(project, data.confirmedAt, deps.confirmationIntervalMillis);

/** Returns the part of the input that the cleanups of projects and of users share. */
function cleanupInput({ data, deps, operation, service, task }: ServiceRun) {
  return {
    service,
    phase: data.phase,
    skipTypes: data.skipTypes,
    // The awaited services come from the stored task. A forged message must not decide which
    // resource types the run handles.
    awaitedServices: task.partialRun?.state === 'running' ? task.partialRun.awaitedServices : [],
    seenIds: task.seenIds,
    leftBefore: leftOf(task),
    verifiedBeforeDeletion: data.verifiedBeforeDeletion,
    concurrency: deps.concurrency[service.name] ?? service.concurrency,
    deadline: deps.now() + deps.budgetMillis,
    stopping: deps.stopping,
    whyHalted: haltCheck(operation, deps),
    onCounts: progressReporter(runKeyOf(data), deps),
    recordListing: (
      resourceType: ResourceTypeName,
      listedIds: readonly string[],
      acceptedIds: readonly string[],
    ): number => {
      const type = `${resourceType} ${data.region}`;
      const deletions = { type, task: data.taskId, listedIds, acceptedIds };
      return deps.deletionTimes?.record(deletions, deps.now()) ?? 0;
    },
  };
}

/** Returns how many resources of each type the earlier runs of the task left. */
const leftOf = ({ counts }: Task): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).map(([name, { left }]) => [name, left]));

/** A run uses one check for a cancellation and for holds during this time. */
const HALT_CHECK_FRESH_MILLIS = 1000;

/**
 * Returns the condition that stops all removals of the run, or `undefined`. The operation was
 * canceled, or the account has a hold.
 */
async function canceledOrHeld(
  operation: Operation,
  deps: ServiceDeps,
): Promise<Condition | undefined> {
  const stored = await deps.engine.reads.operation(operation.id);
  return stored?.state === 'canceled'
    ? { class: 'Blocked', message: 'the operation was canceled', actor: 'none', count: 1 }
    : holdOfAccount(operation, deps);
}

/**
 * Returns a function that is called before each removal. It returns the condition that stops the
 * removals: the stop switch, the cancellation of the operation, or a hold on the account.
 */
function haltCheck(operation: Operation, deps: ServiceDeps) {
  let lastCheck: { at: number; condition: ReturnType<typeof canceledOrHeld> } | undefined;
  return async () => {
    const stop = await currentStop(deps);
    if (stop) return stopCondition(stop);
    if (operation.action !== 'cleanup') return undefined;
    const age = lastCheck ? deps.now() - lastCheck.at : Number.POSITIVE_INFINITY;
    if (!lastCheck || age < 0 || age >= HALT_CHECK_FRESH_MILLIS)
      lastCheck = { at: deps.now(), condition: canceledOrHeld(operation, deps) };
    return lastCheck.condition;
  };
}

/**
 * Collects what a run lists for a plan. `onListed` adds one listing. `store` stores all listings at
 * the end of the run.
 */
function planListing(operation: Operation, task: Task, { engine }: ServiceDeps) {
  const listed: ListedType[] = [];
  return {
    onListed: (
      resourceType: ListedType['resourceType'],
      resources: readonly Resource[],
      total?: number,
    ) => void listed.push({ resourceType, resources, total }),
    store: () => storePlan(operation.id, task, listed, engine),
  };
}

/**
 * Returns the guard of the approved plan, if the operation has one. The plan does not list types of
 * class C, because their listing needs a token on the project.
 */
function planGuardOf(
  service: Service,
  phase: Phase,
  { operation, task }: TaskWithOperation,
  deps: ServiceDeps,
) {
  const unlistedTypes = service.resourceTypes
    .filter(({ requiresLiveProject }) => requiresLiveProject?.class === 'C')
    .map(({ name }) => name);
  return planGuard(operation, task, { isCounting: phase === 'plan', unlistedTypes }, deps.engine);
}
