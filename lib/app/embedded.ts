import pLimit from 'p-limit';
import { api } from '../api/api.ts';
import { withConsole } from '../api/console.ts';
import { auditEvent } from '../audit/cadf.ts';
import { observedEngine } from '../engine/observed.ts';
import type { Delivery, Engine } from '../engine/port.ts';
import { openPostgresEngine } from '../engine/postgres/open.ts';
import { coordinate } from '../handlers/coordinate.ts';
import { runHttpTask } from '../handlers/http-task.ts';
import { ingest } from '../handlers/ingest.ts';
import { sweep } from '../handlers/sweep.ts';
import { syncInventory } from '../handlers/sync-inventory.ts';
import { runTask } from '../handlers/task.ts';
import { connectCloud } from '../openstack/connect.ts';
import type { Credentials } from '../openstack/credentials.ts';
import { relayOptions } from '../relay/options.ts';
import { type Relay, startRelayWithEngine } from '../relay/start.ts';
import { SERVICES } from '../services/index.ts';
import { steadyClock } from '../shared/clock.ts';
import { InFlight } from '../shared/in-flight.ts';
import { KeyedQueue } from '../shared/keyed-queue.ts';
import type { Logger } from '../shared/log.ts';
import type { Settings } from '../shared/settings.ts';
import { DeletionTimes } from '../task/deletion-times.ts';
import type { Service } from '../task/service.ts';
import { apiAuthentication, apiListener } from './api-access.ts';
import { approvalRulesOf } from './approval-rules.ts';
import { checkCloud } from './check-cloud.ts';
import { startInventorySync } from './inventory-sync.ts';
import { listen } from './listen.ts';
import { loadPlugins, resolvePlugins } from './plugins.ts';
import { recordPolicy } from './policy-audit.ts';
import { loadPolicy } from './policy-file.ts';
import { protectionOf } from './protection.ts';
import { coordinateSettings, taskSettings } from './settings-deps.ts';
import { startOrUndo, type Teardown } from './teardown.ts';

/** The options of {@link startEmbedded}. */
export interface EmbeddedOptions {
  readonly settings: Settings;
  readonly credentials: Credentials;
  readonly log: Logger;
  /** Default: all services of the project. */
  readonly services?: readonly Service[];
  /** True to create an empty database if the database in the data folder is missing or damaged. */
  readonly beginEmpty?: boolean;
}

/** The whole propagator in one process. */
export interface Embedded {
  readonly engine: Engine;
  /** The port of the API. */
  readonly port: number;
  /**
   * Stops the process's work. No removal begins after this call. Handlers have 10 s to end and
   * client connections 1 s. After that the database is closed.
   */
  stop(): Promise<void>;
}

/**
 * After this time a run begins no removals. The value must be well below the time after which a
 * queue redelivers the message.
 */
const RUN_BUDGET_MILLIS = 60_000;
/** The shortest time between two progress reports. A person cannot read faster updates. */
const PROGRESS_MILLIS = 400;

/**
 * Starts the propagator: binds the port, opens the engine, connects to the cloud, and starts all
 * workers, the relay and the API. All of them are ready when the function returns. Throws
 * `PropagatorError` if the database or the port cannot be used, or if the catalog lacks a region of
 * the settings. A failed start stops all started parts. An unreachable cloud or broker does not
 * fail the start.
 */
export function startEmbedded(options: EmbeddedOptions): Promise<Embedded> {
  return startOrUndo((undo) => start(options, undo));
}

async function start(
  { settings, credentials, log, services: known = SERVICES, beginEmpty }: EmbeddedOptions,
  undo: Teardown,
): Promise<Embedded> {
  const now = steadyClock();
  const stopping = new AbortController();
  undo.add(() => stopping.abort());
  const services = await loadPlugins(known, settings.PROPAGATOR_SERVICE_MODULES);
  const { optedIn, httpPlugins } = resolvePlugins(settings, services);
  const server = await listen(settings.PROPAGATOR_PORT, apiListener(settings, log));
  undo.add(() => server.close());
  const postgresEngine = await openPostgresEngine({
    ...(settings.DATABASE_URL
      ? { databaseUrl: settings.DATABASE_URL }
      : { dataFolder: settings.PROPAGATOR_DATA }),
    beginEmpty,
    onWarning: (message, cause) => log.warn({ cause: String(cause ?? '') }, message),
    onAudited: (entry) => log.info({ event: auditEvent(entry) }, 'audit.recorded'),
  });
  undo.add(() => postgresEngine.close());
  const engine = observedEngine(postgresEngine, log);
  const calls: Record<string, number> = {};
  const cloud = connectCloud(credentials, {
    clock: now,
    concurrency: settings.PROPAGATOR_CONCURRENCY,
    onCall: ({ service }) => {
      calls[service] = (calls[service] ?? 0) + 1;
    },
  });
  undo.add(() => cloud.close());
  const authentication = apiAuthentication(settings, credentials.authUrl, cloud);
  await checkCloud(cloud, services, log);
  const coordinating = coordinateSettings(settings);
  const { mode, protectedIds, gracePeriodMillis } = coordinating;
  const protection = () => protectionOf(protectedIds, cloud);
  const policy = loadPolicy(settings.PROPAGATOR_POLICY, services);
  await recordPolicy(policy, { engine, now });
  const tasks = taskSettings(settings);
  const approvalRules = approvalRulesOf(settings);
  const common = { engine, cloud, services, optedIn, mode, policy, protection, now };

  // The queue worker and the relay share this limit, because two batches must not decide about the
  // same account at the same time.
  const ingestLimit = pLimit(1);
  const ingestDeps = {
    engine,
    keystone: cloud.keystone,
    maxWaitMillis: settings.PROPAGATOR_MAX_WAIT,
    now,
    log,
  };
  const ingestBatch = (deliveries: readonly Delivery[]): Promise<void> =>
    ingestLimit(() => ingest(deliveries, ingestDeps));
  await postgresEngine.work('ingest', { concurrency: 1, batch: 200 }, ingestBatch);
  const coordinateDeps = {
    ...common,
    log,
    ...coordinating,
    httpPlugins: httpPlugins.map(({ name }) => name),
    pluginActions: Object.fromEntries(httpPlugins.map(({ actions, name }) => [name, actions])),
    operationQueue: new KeyedQueue(),
  };
  await postgresEngine.work('coordinate', { concurrency: 4, batch: 10 }, async (deliveries) => {
    for (const delivery of deliveries) {
      // If the process stops, the rest of the batch returns to the queue. The rest is not handled
      // any more, because a message may request a deletion in Keystone.
      stopping.signal.throwIfAborted();
      await coordinate([delivery], coordinateDeps);
    }
  });
  const deletionTimes = new DeletionTimes();
  const inFlight = new InFlight(now);
  for (const service of services) {
    const deps = {
      ...common,
      ...tasks,
      deletionTimes,
      inFlight,
      budgetMillis: RUN_BUDGET_MILLIS,
      stopping: stopping.signal,
      progressMillis: PROGRESS_MILLIS,
    };
    await postgresEngine.work(`service-${service.name}`, { concurrency: 4 }, (deliveries) =>
      runTask(service, deliveries, deps),
    );
  }

  for (const plugin of httpPlugins)
    await postgresEngine.work(`service-${plugin.name}`, { concurrency: 4 }, (deliveries) =>
      runHttpTask(plugin, deliveries, { ...common, ...tasks }),
    );

  const relay: Relay | undefined = settings.RABBITMQ_URL
    ? startRelayWithEngine(relayOptions(settings), {
        engine,
        ingest: (messages) =>
          ingestBatch(messages.map((message) => ({ message, receiveCount: 1 }))),
        stopping: stopping.signal,
        now,
        log,
      })
    : undefined;
  undo.add(() => relay?.stop());
  const startedAt = now();
  const inventory = startInventorySync({
    syncInventory: () => syncInventory({ engine, keystone: cloud.keystone, now, log }),
    sweep: () =>
      sweep({
        engine,
        keystone: cloud.keystone,
        mode,
        gracePeriodMillis,
        policy,
        protectedIds,
        stopping: stopping.signal,
        now,
        log,
      }),
    sweepMillis: settings.PROPAGATOR_SWEEP,
    claim: async (sweepId) => (await engine.commit({ seen: [sweepId] })) === 'committed',
    subscriptionState: () => {
      if (!relay) return { since: startedAt, lastAt: undefined };
      const { connected, waiting, since, lastReceivedAt } = relay.state();
      return connected && waiting === undefined ? { since, lastAt: lastReceivedAt } : undefined;
    },
    log,
    now,
  });
  undo.add(() => inventory.stop());
  const app = api({
    ...common,
    approvalRules,
    log,
    authentication,
    httpPlugins: httpPlugins.map(({ name }) => name),
    health: () => {
      const state = relay?.state();
      return {
        ok: state === undefined || (state.connected && !state.storeFailing),
        mode,
        relay: state ?? 'not configured',
        workers: services.length + httpPlugins.length + 2,
        inventory: inventory.state(),
        calls,
        startedAt,
      };
    },
  });
  server.serve(withConsole(app, { isLoopbackOnly: authentication.by === 'tokens' }));

  return {
    engine,
    port: server.port,
    async stop() {
      stopping.abort();
      // Close the engine first, so that it accepts no new work.
      const closed = engine.close();
      await Promise.allSettled([closed, server.close(), relay?.stop(), inventory.stop()]);
      await cloud.close();
      await closed;
    },
  };
}
