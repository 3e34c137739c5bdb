import type { ProjectId, ResourceTypeName } from '../../events/ids.ts';
import type { Condition } from '../../events/service.ts';
import { isRequestedOnLivingProject } from '../operation/advance.ts';
import type { Operation, Task } from '../operation/model.ts';
import { stopCondition } from '../operation/stop.ts';
import { type RunReport, runProjectCleanup, runUserCleanup } from '../task/run.ts';
import { Confirmation } from '../task/safety-rules.ts';
import type { ProjectContext, Resource, UserContext } from '../task/service.ts';
import { heldResourceFinder, readAccountHold } from './deletion-holds.ts';
import { planGuard } from './plan-guard.ts';
import { type ListedType, storePlan } from './plan-store.ts';
import { projectApis, type ServiceRun } from './run-context.ts';
import { currentStopDecision } from './stop-switch.ts';
import type { TaskDeps } from './task-deps.ts';
import { progressReporter, runKeyOf } from './task-report.ts';

/** Cleans up the service of a project, or counts its resources for a plan. */
export async function cleanUpProject(run: ServiceRun, context: ProjectContext): Promise<RunReport> {
  const { deps, operation, task } = run;
  const listingCollector =
    operation.action === 'plan' ? planListingCollector(operation, task, deps) : undefined;
  const guard = planGuardOf(run);
  const findHolds = heldResourceFinder(deps);
  const report = await runProjectCleanup({
    ...cleanupInput(run),
    confirmation: projectConfirmation(run, context.project),
    onListed: listingCollector?.onListed,
    findBlockers: async (resourceType, resources) => {
      const holdBlockerById = await findHolds(resourceType, resources);
      // A resource that blocks only until Nova has ended is no drift: Nova may remove it. In a full
      // run a blocked resource counts, because the service may delete it with another resource.
      const isPartialRun = task.partialRun?.state === 'running';
      const removableResources = resources.filter(
        ({ id, blocked }) => !holdBlockerById.has(id) && !(isPartialRun && blocked),
      );
      const planBlockerById = (await guard?.findBlockers(resourceType, removableResources)) ?? [];
      return new Map([...holdBlockerById, ...planBlockerById]);
    },
    findHolds,
    context: { ...context, ...(await projectApis(run, context.project)) },
  });
  await listingCollector?.store();
  return guard ? { ...report, appeared: guard.appeared() } : report;
}

/** Cleans up the service of a deleted user. */
export function cleanUpUser(run: ServiceRun, context: UserContext): Promise<RunReport> {
  const { data, deps } = run;
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
  isRequestedOnLivingProject(operation)
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
    leftBefore: leftCountByType(task),
    verifiedBeforeDeletion: data.verifiedBeforeDeletion,
    concurrency: deps.concurrency[service.name] ?? service.concurrency,
    deadline: deps.now() + deps.budgetMillis,
    stopping: deps.stopping,
    whyHalted: haltCheck(operation, deps),
    onCounts: progressReporter(runKeyOf(data), deps),
    recordListingAndGetWaitMillis: (
      resourceType: ResourceTypeName,
      listedIds: readonly string[],
      acceptedIds: readonly string[],
    ): number => {
      const type = `${resourceType} ${data.region}`;
      const deletions = { type, task: data.taskId, listedIds, acceptedIds };
      return deps.deletionDurations?.record(deletions, deps.now()) ?? 0;
    },
  };
}

/** Returns how many resources of each type the earlier runs of the task left. */
const leftCountByType = ({ counts }: Task): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).map(([name, { left }]) => [name, left]));

/** The result of {@link cancellationOrHold} is reused for this time. */
const HALT_CHECK_REUSE_MILLIS = 1000;

/**
 * Returns the condition that stops all removals of the run: the cancellation of the operation, or a
 * hold on the account. Returns `undefined` if there is neither.
 */
async function cancellationOrHold(
  operation: Operation,
  deps: TaskDeps,
): Promise<Condition | undefined> {
  const storedOperation = await deps.engine.reads.operation(operation.id);
  return storedOperation?.state === 'canceled'
    ? { class: 'Blocked', message: 'the operation was canceled', actor: 'none', count: 1 }
    : readAccountHold(operation, deps);
}

/**
 * Returns a function that is called before each removal. It returns the condition that stops the
 * removals: the stop switch, the cancellation of the operation, or a hold on the account.
 */
function haltCheck(operation: Operation, deps: TaskDeps) {
  let lastCheck: { at: number; condition: ReturnType<typeof cancellationOrHold> } | undefined;
  return async () => {
    const stopDecision = await currentStopDecision(deps);
    if (stopDecision) return stopCondition(stopDecision);
    if (operation.action !== 'cleanup') return undefined;
    // The age is negative if the clock was set back.
    const age = lastCheck ? deps.now() - lastCheck.at : Number.POSITIVE_INFINITY;
    if (!lastCheck || age < 0 || age >= HALT_CHECK_REUSE_MILLIS)
      lastCheck = { at: deps.now(), condition: cancellationOrHold(operation, deps) };
    return lastCheck.condition;
  };
}

/**
 * Returns a collector of the listings of a run for a plan. `onListed` adds one listing. `store`
 * stores all listings, at the end of the run.
 */
function planListingCollector(operation: Operation, task: Task, { engine }: TaskDeps) {
  const listedTypes: ListedType[] = [];
  return {
    onListed: (
      resourceType: ListedType['resourceType'],
      resources: readonly Resource[],
      total?: number,
    ) => void listedTypes.push({ resourceType, resources, total }),
    store: () => storePlan(operation.id, task, listedTypes, engine),
  };
}

/**
 * Returns the guard that compares the listings of the run with the approved plan, or `undefined` if
 * the operation has no approved plan. The plan does not list types of class C, because their
 * listing needs a token on the project.
 */
function planGuardOf({ data, deps, operation, service, task }: ServiceRun) {
  const unlistedTypes = service.resourceTypes
    .filter(({ requiresLiveProject }) => requiresLiveProject?.class === 'C')
    .map(({ name }) => name);
  const isCounting = data.phase === 'plan';
  return planGuard(operation, task, { isCounting, unlistedTypes }, deps.engine);
}
