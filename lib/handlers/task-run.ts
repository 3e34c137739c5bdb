import type { ProjectId, ResourceTypeName } from '../../events/ids.ts';
import type { Condition, Counts, Phase, ServiceRequested } from '../../events/service.ts';
import { isOnLivingProject } from '../operation/advance.ts';
import type { Operation, Task } from '../operation/model.ts';
import { stopCondition } from '../operation/stop.ts';
import { createMemoize } from '../task/memoize.ts';
import { readOnly } from '../task/read-only.ts';
import { type RunReport, runProjectCleanup, runUserCleanup } from '../task/run.ts';
import { Confirmation } from '../task/safety-rules.ts';
import type {
  CommonContext,
  ProjectContext,
  Resource,
  Service,
  ServiceApi,
  UserContext,
  Watch,
} from '../task/service.ts';
import { holdOfAccount, resourceHolds } from './deletion-holds.ts';
import { otherServices } from './endpoints.ts';
import { runLifecycle } from './lifecycle-task.ts';
import { planGuard } from './plan-guard.ts';
import { type Listed, storePlan } from './plan-store.ts';
import { runProvision, runUserProvision } from './provision-task.ts';
import { currentStop, type StopDeps, stoppable } from './stop-switch.ts';
import type { ServiceDeps, Subject } from './task-deps.ts';
import { addressOf, progressReporter } from './task-report.ts';
import { runUserLifecycle } from './user-task.ts';

/** One run of a service: the request, and the stored operation and task. */
interface ServiceRun extends Subject {
  readonly service: Service;
  readonly data: ServiceRequested['data'];
  readonly deps: ServiceDeps;
}

/** Runs the service for the project or user of the request, by the action of the operation. */
export async function runService(
  service: Service,
  { data }: ServiceRequested,
  { operation, task }: Subject,
  api: ServiceApi,
  deps: ServiceDeps,
  watch: Watch | undefined,
): Promise<RunReport> {
  const run = { service, data, operation, task, deps };
  const context = commonContext(run, api, watch);
  if (data.user)
    return runForUser(run, {
      ...context,
      user: data.user,
      userName: data.name,
      projects: data.projects ?? [],
    });
  if (!data.project) throw new TypeError(`${data.taskId}: neither a project nor a user`);
  const projectContext = { ...context, project: data.project, members: data.members };
  if (operation.action === 'cleanup' || operation.action === 'plan')
    return cleanUpProject(run, projectContext);
  if (operation.action === 'provision')
    return runProvision(service, data, operation, projectContext, deps, countsReporter(run));
  return runLifecycle(service, data, operation, projectContext, deps, countsReporter(run));
}

function runForUser(run: ServiceRun, context: UserContext): Promise<RunReport> {
  const { data, deps, operation, service } = run;
  if (operation.action === 'provision')
    return runUserProvision(service, data, operation, context, deps, countsReporter(run));
  if (operation.action !== 'cleanup')
    return runUserLifecycle(service, data, operation, context, deps.engine);
  // Only for a cleanup does `confirmedAt` have the times of Keystone's 404s. For the actions above,
  // it may have the times at which Keystone showed the user as disabled.
  const confirmation = Confirmation.fromAnswers(
    context.user,
    data.confirmedAt,
    deps.confirmationIntervalMillis,
  );
  return runUserCleanup({ ...cleanupInput(run), confirmation, context });
}

/** Cleans up the service of a project, or counts its resources for a plan. */
async function cleanUpProject(run: ServiceRun, context: ProjectContext): Promise<RunReport> {
  const { data, deps, operation, service, task } = run;
  const listing = operation.action === 'plan' ? planListing(operation, task, deps) : undefined;
  const approvedPlan = planGuardOf(service, data.phase, run, deps);
  const held = resourceHolds(deps);
  const report = await runProjectCleanup({
    ...cleanupInput(run),
    confirmation: projectConfirmation(run, context.project),
    onListed: listing?.onListed,
    findBlockers: async (resourceType, resources) => {
      const blockers = await held(resourceType, resources);
      const free = resources.filter(({ id }) => !blockers.has(id));
      for (const [id, blocker] of (await approvedPlan?.guard(resourceType, free)) ?? [])
        blockers.set(id, blocker);
      return blockers;
    },
    findHolds: held,
    context: { ...context, ...(await projectApis(run, context.project)) },
  });
  await listing?.store();
  return approvedPlan ? { ...report, appeared: approvedPlan.appeared() } : report;
}

/**
 * Returns the proof that resources of the project may be removed. Whether an administrator
 * requested the deletion is read from the stored operation and not from the message, because a
 * forged message must not confirm a deletion.
 */
const projectConfirmation = (
  { data, deps, operation }: ServiceRun,
  project: ProjectId,
): Confirmation | undefined =>
  isOnLivingProject(operation)
    ? Confirmation.fromRequest(project, operation.request?.at ?? 0)
    : Confirmation.fromAnswers(project, data.confirmedAt, deps.confirmationIntervalMillis);

/** Returns the APIs with a token on the project. Only phase `pre-delete` has them. */
async function projectApis(
  { data: { phase, region }, deps, service }: ServiceRun,
  project: ProjectId,
): Promise<Pick<ProjectContext, 'projectApi' | 'memberApi'>> {
  if (phase !== 'pre-delete') return { projectApi: undefined };
  const projectApi = await withStopSwitch(deps.cloud.api(service, region, project), phase, deps);
  if (!projectApi) return { projectApi };
  const memberApi = () =>
    withStopSwitch(deps.cloud.api(service, region, project, 'member'), phase, deps);
  return { projectApi, memberApi };
}

/** Returns the context of every action. The APIs of a plan refuse changes. */
function commonContext(
  { data, deps, operation, service }: ServiceRun,
  api: ServiceApi,
  watch: Watch | undefined,
): CommonContext {
  const isPlan = operation.action === 'plan';
  const otherApi = otherServices(service, data.region, {
    ...deps,
    waivers: () => deps.engine.reads.coverageWaivers(),
  });
  return {
    region: data.region,
    api: isPlan ? readOnly(api) : api,
    projectApi: undefined,
    now: deps.now,
    memoize: createMemoize(),
    apiOf: async (name) => {
      const other = watched(await withStopSwitch(otherApi(name), data.phase, deps), watch);
      return other && isPlan ? readOnly(other) : other;
    },
  };
}

/** Returns the part of the input that cleanups of projects and users share. */
function cleanupInput({ data, deps, operation, service, task }: ServiceRun) {
  return {
    service,
    phase: data.phase,
    skipTypes: data.skipTypes,
    // The value comes from the stored task, because a forged message must not decide which types
    // are handled.
    awaitedServices: task.partial?.state === 'running' ? task.partial.awaiting : [],
    seenIds: task.seenIds,
    leftBefore: leftOf(task),
    verifiedBeforeDeletion: data.verifiedBeforeDeletion,
    concurrency: deps.concurrency[service.name] ?? service.concurrency,
    deadline: deps.now() + deps.budgetMillis,
    stopping: deps.stopping,
    whyHalted: haltedBy(operation, deps),
    onCounts: progressReporter(addressOf(data), deps),
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

/**
 * Returns a progress reporter for suspend, resume and provision. These actions do not report the
 * ids of new resources.
 */
function countsReporter({ data, deps }: ServiceRun): (counts: Counts) => void {
  const report = progressReporter(addressOf(data), deps);
  return (counts) => report(counts, {});
}

/** During a run, the result of a check for cancellation and holds is reused for this time. */
const HOLD_FRESH_MILLIS = 1000;

/**
 * Returns the condition that stops all removals of the run: the operation was canceled, or the
 * account has a hold.
 */
async function whyHaltedNow(
  operation: Operation,
  deps: ServiceDeps,
): Promise<Condition | undefined> {
  const now = await deps.engine.reads.operation(operation.id);
  return now?.state === 'canceled'
    ? { class: 'Blocked', message: 'the operation was canceled', actor: 'none', count: 1 }
    : holdOfAccount(operation, deps);
}

/**
 * Returns the function that is called before each removal. The returned function checks the stop
 * switch, the cancellation of the operation, and holds on the account.
 */
function haltedBy(operation: Operation, deps: ServiceDeps) {
  let lastCheck: { at: number; held: ReturnType<typeof whyHaltedNow> } | undefined;
  return async () => {
    const stop = await currentStop(deps);
    if (stop) return stopCondition(stop);
    if (operation.action !== 'cleanup') return undefined;
    const age = lastCheck ? deps.now() - lastCheck.at : Number.POSITIVE_INFINITY;
    if (!lastCheck || age < 0 || age >= HOLD_FRESH_MILLIS)
      lastCheck = { at: deps.now(), held: whyHaltedNow(operation, deps) };
    return lastCheck.held;
  };
}

/** Collects the listings of a run of a plan. `store` stores the listings at the end of the run. */
function planListing(operation: Operation, task: Task, { engine }: ServiceDeps) {
  const listed: Listed[] = [];
  return {
    onListed: (
      resourceType: Listed['resourceType'],
      resources: readonly Resource[],
      total?: number,
    ) => void listed.push({ resourceType, resources, total }),
    store: () => storePlan(operation.id, task, listed, engine),
  };
}

/**
 * Returns the guard of the approved plan. The plan does not list types of class C, because they
 * need a token on the project.
 */
function planGuardOf(
  service: Service,
  phase: Phase,
  { operation, task }: Subject,
  deps: ServiceDeps,
) {
  const unlistedTypes = service.resourceTypes
    .filter(({ requiresLiveProject }) => requiresLiveProject?.class === 'C')
    .map(({ name }) => name);
  return planGuard(operation, task, { isCounting: phase === 'plan', unlistedTypes }, deps.engine);
}

/** Returns the API with the watch, which counts the answers and can abort the calls. */
export const watched = <Api extends ServiceApi | undefined>(api: Api, watch: Watch | undefined) =>
  watch ? (api?.watched?.(watch) ?? api) : api;

/**
 * Returns an API that refuses changes while the stop switch is set. In phase `plan` the API is
 * returned unchanged, because the phase only reads.
 */
export const withStopSwitch = async (
  api: Promise<ServiceApi | undefined>,
  phase: Phase,
  deps: StopDeps,
): Promise<ServiceApi | undefined> => {
  const found = await api;
  return found && phase !== 'plan' ? stoppable(found, deps) : found;
};

const leftOf = ({ counts }: Task): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).map(([name, { left }]) => [name, left]));

/**
 * Returns the API client of a service. A plugin without a catalog type has no endpoint, and its
 * client refuses every call.
 */
export async function apiFor(
  service: Service,
  region: string,
  deps: ServiceDeps,
): Promise<ServiceApi | undefined> {
  if (service.catalogTypes.length > 0) return deps.cloud.api(service, region);
  const none = () =>
    Promise.reject(new TypeError(`${service.name} names no catalog type, so it has no API here`));
  return {
    service: service.name,
    region,
    endpoint: '',
    ownProject: (await deps.cloud.ownProject()).id,
    request: none,
    list: none,
  };
}
