import pLimit from 'p-limit';
import type { Delivery, Engine, WorkerEngine } from '../engine/port.ts';
import { coordinate } from '../handlers/coordinate.ts';
import { runHttpTask } from '../handlers/http-task.ts';
import { ingest } from '../handlers/ingest.ts';
import type { HttpPlugin } from '../handlers/plugin-call.ts';
import { runTask } from '../handlers/task.ts';
import type { Cloud } from '../openstack/cloud.ts';
import type { Mode } from '../operation/model.ts';
import type { Policy } from '../policy/schema.ts';
import { InFlightRequests } from '../shared/in-flight.ts';
import { KeyedQueue } from '../shared/keyed-queue.ts';
import type { Logger } from '../shared/log.ts';
import type { Settings } from '../shared/settings.ts';
import { Throttle } from '../shared/throttle.ts';
import { DeletionDurations } from '../task/deletion-durations.ts';
import type { Protection } from '../task/safety-rules.ts';
import type { Service } from '../task/service.ts';
import { coordinatorSettings, taskSettings } from './settings-deps.ts';

/** The dependencies of {@link startWorkers}. */
export interface WorkerDeps {
  readonly engine: Engine;
  readonly cloud: Cloud;
  readonly services: readonly Service[];
  readonly httpPlugins: readonly (HttpPlugin & { readonly name: Service['name'] })[];
  /** The names of the enabled services that are off by default. */
  readonly optedInServices: readonly string[];
  readonly settings: Settings;
  readonly mode: Mode;
  readonly policy: Policy;
  readonly protection: () => Promise<Protection>;
  readonly log: Logger;
  /** Aborted when the process stops. */
  readonly stopping: AbortSignal;
  now(): number;
}

/** Ingests a batch of notifications. Batches are ingested one after another. */
export type IngestBatch = (deliveries: readonly Delivery[]) => Promise<void>;

/**
 * After this time a run begins no removals. The value must be well below the time after which a
 * queue redelivers the message.
 */
const RUN_BUDGET_MILLIS = 60_000;
/** The shortest time between two progress reports of one run, for the person who watches it. */
const PROGRESS_MILLIS = 1000;
/**
 * The shortest time between two progress reports of this process, even if they are of different
 * runs. A report blocks the event loop for up to 50 ms, because its commit and the step of the
 * coordinator wait for the disk. With many runs, too many reports would slow down the runs.
 */
const ALL_RUNS_PROGRESS_MILLIS = 500;
const CONCURRENT_TASKS = 4;

/**
 * Starts the workers of all queues: ingest, the coordinator, each service and each HTTP plugin.
 * Returns the function that ingests a batch, for the relay.
 */
export async function startWorkers(
  workerEngine: WorkerEngine,
  deps: WorkerDeps,
): Promise<IngestBatch> {
  const ingestBatch = createIngestBatch(deps);
  await workerEngine.work('ingest', { concurrency: 1, batchSize: 200 }, ingestBatch);
  await startCoordinator(workerEngine, deps);
  const settingsOfTasks = taskSettings(deps.settings);
  const deletionDurations = new DeletionDurations();
  const inFlight = new InFlightRequests(deps.now);
  const taskDeps = {
    ...deps,
    ...settingsOfTasks,
    deletionDurations,
    inFlight,
    budgetMillis: RUN_BUDGET_MILLIS,
    progressMillis: PROGRESS_MILLIS,
    progressThrottle: new Throttle(ALL_RUNS_PROGRESS_MILLIS, deps.now),
  };
  const workOptions = { concurrency: CONCURRENT_TASKS };
  for (const service of deps.services)
    await workerEngine.work(`service-${service.name}`, workOptions, (deliveries) =>
      runTask(service, deliveries, taskDeps),
    );
  for (const plugin of deps.httpPlugins)
    await workerEngine.work(`service-${plugin.name}`, workOptions, (deliveries) =>
      runHttpTask(plugin, deliveries, { ...deps, ...settingsOfTasks }),
    );
  return ingestBatch;
}

function createIngestBatch({ engine, cloud, settings, now, log }: WorkerDeps): IngestBatch {
  // The queue worker and the relay share this sequence, because two batches must not decide about
  // the same account at the same time.
  const inSequence = pLimit(1);
  const deps = {
    engine,
    keystone: cloud.keystone,
    maxWaitMillis: settings.PROPAGATOR_MAX_WAIT,
    now,
    log,
  };
  return (deliveries) => inSequence(() => ingest(deliveries, deps));
}

function startCoordinator(workerEngine: WorkerEngine, deps: WorkerDeps): Promise<void> {
  const { httpPlugins, settings, stopping } = deps;
  const coordinateDeps = {
    ...deps,
    ...coordinatorSettings(settings),
    httpPlugins: httpPlugins.map(({ name }) => name),
    pluginActions: Object.fromEntries(httpPlugins.map(({ actions = [], name }) => [name, actions])),
    operationQueue: new KeyedQueue(),
  };
  return workerEngine.work('coordinate', { concurrency: 4, batchSize: 10 }, async (deliveries) => {
    for (const delivery of deliveries) {
      // When the process stops, the rest of the batch returns to the queue. The process must not
      // handle it, because a message may cause a deletion in Keystone.
      stopping.throwIfAborted();
      await coordinate([delivery], coordinateDeps);
    }
  });
}
