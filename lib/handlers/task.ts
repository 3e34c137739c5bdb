import { setTimeout as delay } from 'node:timers/promises';
import type { Message } from '../../events/index.ts';
import type { Counts, Phase, ServiceReport, ServiceRequested } from '../../events/service.ts';
import { plainOf } from '../../events/task-report.ts';
import type { Delivery, Engine } from '../engine/port.ts';
import type { Cloud, ServiceAddress } from '../openstack/cloud.ts';
import { lives } from '../operation/advance.ts';
import { summarize } from '../operation/keystone-check.ts';
import type { Mode, Operation, Task } from '../operation/model.ts';
import { type AccountState, preflight } from '../operation/preflight.ts';
import { stopCondition } from '../operation/stop.ts';
import { type ErrorReport, PropagatorError, reportOf } from '../shared/errors.ts';
import { redactDeep } from '../shared/redaction.ts';
import type { Fresh } from '../task/ledger.ts';
import { freshMemoize, type RunReport, runProjectCleanup, runUserCleanup } from '../task/run.ts';
import { Confirmation, type Protection, protectedBecause } from '../task/safety-rules.ts';
import type { Service, ServiceApi, Watch } from '../task/service.ts';
import { missingEndpoint, otherServices } from './endpoints.ts';
import { MAX_SILENCE_MILLIS, unlessSilent } from './silence.ts';
import { currentStop, type StopDeps, stoppable } from './stop-switch.ts';

/** The dependencies of {@link runTask}. */
export interface ServiceDeps {
  readonly engine: Engine;
  readonly cloud: Cloud;
  /** Where the other services are, because a service may call another one. */
  readonly services: readonly ServiceAddress[];
  readonly mode: Mode;
  readonly confirmationIntervalMillis: number;
  readonly protection: () => Promise<Protection>;
  readonly concurrency: Readonly<Record<string, number>>;
  /** Milliseconds during which one run may begin new removals. */
  readonly budgetMillis: number;
  /**
   * Aborted when the process stops. The run then begins no further removals and reports `again`.
   */
  readonly stopping?: AbortSignal;
  /**
   * Set this where the runtime kills the function at a fixed time (Lambda). A run that is still
   * working after this many milliseconds is reported as unfinished. If unset, the function waits
   * until the run ends.
   */
  readonly lateMillis?: number;
  /**
   * The longest time in milliseconds without a complete answer while a service is counted; default:
   * 20 s.
   */
  readonly maxSilenceMillis?: number;
  /**
   * The shortest time in milliseconds between two progress reports of a run. The final report is
   * always sent.
   */
  readonly progressMillis: number;
  now(): number;
}

/**
 * Runs the requested task of one service and commits its report. A failed run is reported, not
 * thrown. Throws when the engine fails.
 */
export async function runTask(
  service: Service,
  deliveries: readonly Delivery[],
  deps: ServiceDeps,
): Promise<void> {
  for (const { message } of deliveries) {
    if (message.type !== 'service.requested') continue;
    const request = message.data;
    const [operation, task] = await Promise.all([
      deps.engine.reads.operation(request.operationId),
      deps.engine.reads.task(request.taskId),
    ]);
    // Fence: a late or duplicate message requests a run that has ended.
    if (!operation || !task || task.run !== request.run || task.endedAt !== undefined) continue;
    await deps.engine.commit({
      messages: [redactDeep(await report(service, message, { operation, task }, deps))],
    });
  }
}

/** The stored operation and task of a run. */
interface Subject {
  readonly operation: Operation;
  readonly task: Task;
}

async function report(
  service: Service,
  message: ServiceRequested,
  subject: Subject,
  deps: ServiceDeps,
): Promise<ServiceReport> {
  const { data } = message;
  const { operation } = subject;
  const work = (watch?: Watch): Promise<ServiceReport> =>
    reportOfRun(service, message, subject, deps, watch);
  try {
    // A service that cannot be counted must not stop the others. The operation continues after its
    // first failed count.
    const counting = (): Promise<ServiceReport> =>
      unlessSilent(service.name, deps.maxSilenceMillis ?? MAX_SILENCE_MILLIS, work);
    return await inTime(data.phase === 'plan' ? counting() : work(), service.name, deps);
  } catch (thrown) {
    const error = reportOf(thrown, {
      code: `${service.name}.pass`,
      service: service.name,
      region: data.region,
    });
    return unlessEnded(failure(addressOf(data), error), operation, deps);
  }
}

async function reportOfRun(
  service: Service,
  message: ServiceRequested,
  subject: Subject,
  deps: ServiceDeps,
  watch: Watch | undefined,
): Promise<ServiceReport> {
  const { data } = message;
  const { operation } = subject;
  const address = addressOf(data);
  const standsInTheWay = await obstacle(message, operation, deps);
  if (standsInTheWay) return standsInTheWay;
  // The project was deleted in Keystone meanwhile, so the pre-delete phase is over. The task
  // continues as after any deletion.
  if (data.phase === 'pre-delete' && (await fetchAccountState(operation, deps)) === 'absent')
    return {
      type: 'service.finished',
      data: { ...address, result: 'finished', counts: {}, conditions: [] },
    };
  const api = watched(await underStop(apiFor(service, data.region, deps), data.phase, deps), watch);
  if (!api) return failure(address, missingEndpoint(service, data.region));
  return unlessEnded(
    asReport(address, await run(service, message, subject, api, deps, watch)),
    operation,
    deps,
  );
}

/**
 * Reports an API that never answers as slow. Otherwise the runtime kills the function before it can
 * report, and the message ends in the dead-letter queue without a reason.
 */
async function inTime<T>(
  work: Promise<T>,
  service: string,
  { lateMillis }: Pick<ServiceDeps, 'lateMillis'>,
): Promise<T> {
  if (lateMillis === undefined) return work;
  const done = new AbortController();
  const late = delay(lateMillis, undefined, { signal: done.signal }).then(() => {
    throw new PropagatorError({
      code: `${service}.slow`,
      class: 'Transient',
      service,
      message: `${service} did not answer in time: its pass had not ended after ${Math.round(lateMillis / 1000)} s`,
      advice: `Look why the API of ${service} is so slow, and at the network between.`,
    });
  });
  return Promise.race([work, late]).finally(() => done.abort());
}

/**
 * A token on the project becomes invalid when the project is disabled or deleted during a
 * pre-delete run. The next run sees that. The token also becomes invalid when the domain is
 * disabled. The task then waits until the domain is enabled, and names the domain and the command.
 */
async function unlessEnded(
  report: ServiceReport,
  operation: Operation,
  deps: Pick<ServiceDeps, 'cloud'>,
): Promise<ServiceReport> {
  if (report.type !== 'service.failed' || report.data.phase !== 'pre-delete') return report;
  const shown = await fetchAccountState(operation, deps).catch(() => 'enabled');
  const { error, ...seen } = report.data;
  if (shown === 'enabled') {
    const { scope } = operation;
    if (error?.code !== 'keystone.login.project' || scope.type !== 'project') return report;
    const check = await deps.cloud.keystoneActions.checkEnd(scope.id).catch(() => undefined);
    if (!check || check.obstacles.length === 0) return report;
    const { message, advice } = summarize(check.obstacles);
    const condition = { class: 'Blocked', message, advice, actor: 'operator', count: 1 } as const;
    const again = { afterSeconds: 60 };
    const conditions = [condition];
    return { type: 'service.progressed', data: { ...seen, sequence: 0, again, conditions } };
  }
  return { type: 'service.progressed', data: { ...seen, sequence: 0, again: { afterSeconds: 0 } } };
}

/**
 * Returns the report of a run that must not begin now, or `undefined` if it may begin. Throws when
 * Keystone gives no certain answer.
 */
export async function obstacle(
  { data }: ServiceRequested,
  operation: Operation,
  deps: Pick<ServiceDeps, 'engine' | 'cloud' | 'mode' | 'protection' | 'now'>,
): Promise<ServiceReport | undefined> {
  if (data.phase === 'plan') return undefined;
  const again = { afterSeconds: 60 };
  const address = { ...addressOf(data), sequence: 0, counts: {} };
  const stop = await currentStop(deps);
  if (stop)
    return {
      type: 'service.progressed',
      data: { ...address, again, conditions: [stopCondition(stop)] },
    };
  const because = protectedBecause(operation.scope, await deps.protection());
  const shown = await fetchAccountState(operation, deps);
  const condition = preflight(operation, data.phase, deps.mode, because, shown);
  const isEnabledAgain = data.phase === 'apply' && lives(operation) && shown === 'enabled';
  const enabled = isEnabledAgain ? { enabled: true as const } : {};
  return (
    condition && {
      type: 'service.progressed',
      data: { ...address, again: { ...again, ...enabled }, conditions: [condition] },
    }
  );
}

async function run(
  service: Service,
  { data }: ServiceRequested,
  { operation, task }: Subject,
  api: ServiceApi,
  deps: ServiceDeps,
  watch: Watch | undefined,
): Promise<RunReport> {
  const common = {
    service,
    phase: data.phase,
    skipTypes: data.skipTypes,
    seenIds: task.seenIds,
    leftBefore: leftOf(task),
    verifiedBeforeDeletion: data.verifiedBeforeDeletion,
    concurrency: deps.concurrency[service.name] ?? service.concurrency,
    deadline: deps.now() + deps.budgetMillis,
    stopping: deps.stopping,
    halted: async () => {
      const stop = await currentStop(deps);
      return stop && stopCondition(stop);
    },
    onCounts: tellCounts(addressOf(data), deps),
  };
  const otherApi = otherServices(service, data.region, {
    ...deps,
    waivers: () => deps.engine.reads.waivers(),
  });
  const context = {
    region: data.region,
    api,
    now: deps.now,
    memoize: freshMemoize(),
    apiOf: async (name: string) =>
      watched(await underStop(otherApi(name), data.phase, deps), watch),
  };
  if (data.user) {
    const confirmation = Confirmation.of(
      data.user,
      data.confirmedAt,
      deps.confirmationIntervalMillis,
    );
    const at = {
      ...context,
      projectApi: undefined,
      user: data.user,
      userName: data.name,
      projects: data.projects ?? [],
    };
    return runUserCleanup({ ...common, confirmation, context: at });
  }
  if (!data.project) throw new TypeError(`${data.taskId}: neither a project nor a user`);
  // The request is read from the stored operation and never from the message, because a forged
  // message must not confirm anything.
  const confirmation = lives(operation)
    ? Confirmation.asked(data.project, operation.request?.at ?? 0)
    : Confirmation.of(data.project, data.confirmedAt, deps.confirmationIntervalMillis);
  const projectApi =
    data.phase === 'pre-delete'
      ? await underStop(deps.cloud.api(service, data.region, data.project), data.phase, deps)
      : undefined;
  const { project } = data;
  const memberApi = projectApi && {
    memberApi: () =>
      underStop(deps.cloud.api(service, data.region, project, 'member'), data.phase, deps),
  };
  return runProjectCleanup({
    ...common,
    confirmation,
    context: { ...context, projectApi, ...memberApi, project, members: data.members },
  });
}

/** Returns the API under the control of the watch; `undefined` stays `undefined`. */
const watched = <Api extends ServiceApi | undefined>(api: Api, watch: Watch | undefined) =>
  watch ? (api?.watched?.(watch) ?? api) : api;

/** Returns the APIs under the control of the stop switch. Phase `plan` changes nothing. */
const underStop = async (
  api: Promise<ServiceApi | undefined>,
  phase: Phase,
  deps: StopDeps,
): Promise<ServiceApi | undefined> => {
  const found = await api;
  return found && phase !== 'plan' ? stoppable(found, deps) : found;
};

const freshOf = (fresh: Fresh): { fresh?: Fresh } =>
  Object.keys(fresh).length === 0 ? {} : { fresh };

const leftOf = ({ counts }: Task): Record<string, number> =>
  Object.fromEntries(Object.entries(counts).map(([name, { left }]) => [name, left]));

const addressOf = ({
  operationId,
  taskId,
  service,
  region,
  phase,
  run: number,
}: ServiceRequested['data']): Address => ({
  operationId,
  taskId,
  service,
  region,
  phase,
  run: number,
});

type Address = Pick<
  ServiceRequested['data'],
  'operationId' | 'taskId' | 'service' | 'region' | 'phase' | 'run'
>;

function asReport(
  address: Address,
  { counts, conditions, outcome, verification, fresh, seenIds }: RunReport,
): ServiceReport {
  const ids = { ...freshOf(fresh), ...(seenIds === undefined ? {} : { seenIds }) };
  const seen = { ...address, counts, verification, conditions: conditions.map(plainOf), ...ids };
  if (outcome.is === 'finished')
    return { type: 'service.finished', data: { ...seen, result: 'finished' } };
  if (outcome.is === 'unreachable')
    return {
      type: 'service.finished',
      data: { ...seen, result: 'unreachable', because: outcome.because },
    };
  if (outcome.is === 'failed')
    return { type: 'service.failed', data: { ...seen, error: outcome.error } };
  const error = outcome.error ? { error: outcome.error } : {};
  const returned = outcome.returned ? { returned: outcome.returned } : {};
  return {
    type: 'service.progressed',
    data: {
      ...seen,
      sequence: 0,
      again: { afterSeconds: outcome.afterSeconds, ...error, ...returned },
    },
  };
}

/**
 * A service that does not answer is retried. A service without a supported version is unreachable.
 * Every other error fails the run.
 */
function failure(address: Address, error: ErrorReport): ServiceReport {
  const none = { ...address, counts: {}, conditions: [] };
  // The service exists and cannot be called. Its resources are unknown, so the task must not end as
  // finished.
  if (error.class === 'Unsupported')
    return {
      type: 'service.finished',
      data: { ...none, result: 'unreachable', because: error.message },
    };
  if (error.class !== 'Transient') return { type: 'service.failed', data: { ...none, error } };
  return {
    type: 'service.progressed',
    data: { ...none, sequence: 0, again: { afterSeconds: error.retryAfterSeconds ?? 0, error } },
  };
}

/**
 * Returns the state in which Keystone shows the account now. Throws when the answer is not certain.
 */
export async function fetchAccountState(
  { scope }: Operation,
  deps: Pick<ServiceDeps, 'cloud'>,
): Promise<AccountState> {
  const shown = await deps.cloud.keystone.show(scope.type, scope.id);
  if (shown.is === 'absent') return 'absent';
  if (shown.is === 'other')
    throw new PropagatorError({
      code: 'keystone.id.alike',
      class: 'Denied',
      message: `Keystone shows ${shown.id} for ${scope.id}: its database takes the two ids for one`,
      advice: `Nothing is removed. Give the living ${scope.type} another id, or clean up by hand.`,
      service: 'keystone',
    });
  return shown.account.enabled ? 'enabled' : 'disabled';
}

/**
 * Returns the API of a service. A service without a catalog type (of the operator) calls its API by
 * itself.
 */
async function apiFor(
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

/** Returns a function that sends the counts of a run, at most once in `progressMillis`. */
function tellCounts(address: Address, deps: ServiceDeps): (counts: Counts, fresh: Fresh) => void {
  let toldAt = deps.now();
  let sequence = 0;
  return (counts, fresh) => {
    if (deps.now() - toldAt < deps.progressMillis) return;
    toldAt = deps.now();
    sequence += 1;
    const message: Message = {
      type: 'service.progressed',
      data: { ...address, sequence, counts, conditions: [], ...freshOf(fresh) },
    };
    // A lost progress report is replaced by the final report. A failing store is noticed there,
    // too.
    deps.engine.commit({ messages: [message] }).catch(() => undefined);
  };
}
