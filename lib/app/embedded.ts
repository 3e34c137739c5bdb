import { auditEvent } from '../audit/cadf.ts';
import { loggingEngine } from '../engine/logging-engine.ts';
import type { Engine } from '../engine/port.ts';
import { openPostgresEngine } from '../engine/postgres/open.ts';
import { sweepAccounts } from '../handlers/sweep.ts';
import { syncInventory } from '../handlers/sync-inventory.ts';
import { connectCloud } from '../openstack/connect.ts';
import type { Credentials } from '../openstack/credentials.ts';
import { relayOptions } from '../relay/options.ts';
import { type Relay, startRelayWithEngine } from '../relay/start.ts';
import { SERVICES } from '../services/index.ts';
import { steadyClock } from '../shared/clock.ts';
import type { Logger } from '../shared/log.ts';
import type { Settings } from '../shared/settings.ts';
import type { Service } from '../task/service.ts';
import { apiAuthentication, apiListenOptions } from './api-access.ts';
import { checkCloud } from './check-cloud.ts';
import { createApiWithConsole } from './embedded-api.ts';
import { type IngestBatch, startWorkers, type WorkerDeps } from './embedded-workers.ts';
import {
  type InventorySync,
  type InventorySyncDeps,
  startInventorySync,
} from './inventory-sync.ts';
import { listen } from './listen.ts';
import { loadPlugins, resolvePlugins } from './plugins.ts';
import { recordPolicy } from './policy-audit.ts';
import { loadPolicy } from './policy-file.ts';
import { protectionOf } from './protection.ts';
import { coordinatorSettings } from './settings-deps.ts';
import { startOrUndo, type Teardown } from './teardown.ts';

/** The options of {@link startEmbedded}. */
export interface EmbeddedOptions {
  readonly settings: Settings;
  readonly credentials: Credentials;
  readonly log: Logger;
  /** Default: the services in `lib/services/`. */
  readonly services?: readonly Service[];
  /**
   * True: if the data folder held a database that is now missing or damaged, the start renames what
   * is left of it and creates an empty database. A new data folder always gets a database, also if
   * this option is not set.
   */
  readonly beginEmpty?: boolean;
}

/** The whole propagator in one process. */
export interface EmbeddedPropagator {
  readonly engine: Engine;
  /** The port of the API. */
  readonly port: number;
  /**
   * Stops the work of the process. No removal begins after this call. The function waits up to 10 s
   * for handlers and up to 1 s for client connections, and then closes the database.
   */
  stop(): Promise<void>;
}

/**
 * Starts the propagator: binds the port, opens the engine, connects to the cloud, and starts all
 * workers, the relay and the API. All of them are ready when the function returns. Throws
 * `PropagatorError` if the database or the port cannot be used, or if the catalog lacks a region of
 * the settings. A failed start stops all started parts. An unreachable cloud or broker does not
 * fail the start.
 */
export function startEmbedded(options: EmbeddedOptions): Promise<EmbeddedPropagator> {
  return startOrUndo((teardown) => start(options, teardown));
}

async function start(
  { settings, credentials, log, services: builtInServices = SERVICES, beginEmpty }: EmbeddedOptions,
  teardown: Teardown,
): Promise<EmbeddedPropagator> {
  const now = steadyClock();
  const stopping = new AbortController();
  teardown.add(() => stopping.abort());
  const services = await loadPlugins(builtInServices, settings.PROPAGATOR_SERVICE_MODULES);
  const { optedInServices, httpPlugins } = resolvePlugins(settings, services);
  const server = await listen(settings.PROPAGATOR_PORT, apiListenOptions(settings, log));
  teardown.add(() => server.close());
  const postgresEngine = await openEngine(settings, log, beginEmpty);
  teardown.add(() => postgresEngine.close());
  const engine = loggingEngine(postgresEngine, log);
  const { cloud, callCounts } = connectCountedCloud(credentials, settings, now);
  teardown.add(() => cloud.close());
  const authentication = apiAuthentication(settings, credentials.authUrl, cloud);
  await checkCloud(cloud, services, log);
  const { mode, protectedIds } = coordinatorSettings(settings);
  const protection = () => protectionOf(protectedIds, cloud);
  const policy = loadPolicy(settings.PROPAGATOR_POLICY, services);
  await recordPolicy(policy, { engine, now });
  const deps: WorkerDeps = {
    settings,
    engine,
    cloud,
    services,
    optedInServices,
    httpPlugins,
    mode,
    policy,
    protection,
    stopping: stopping.signal,
    log,
    now,
  };
  const ingestBatch = await startWorkers(postgresEngine, deps);
  const relay = startConfiguredRelay(deps, ingestBatch);
  teardown.add(() => relay?.stop());
  const startedAt = now();
  const inventorySync = startEmbeddedInventorySync(deps, relay, startedAt);
  teardown.add(() => inventorySync.stop());
  server.serve(
    createApiWithConsole(deps, authentication, { relay, inventorySync, callCounts, startedAt }),
  );
  return {
    engine,
    port: server.port,
    async stop() {
      stopping.abort();
      // Close the engine first, so that it accepts no new work.
      const closed = engine.close();
      await Promise.allSettled([closed, server.close(), relay?.stop(), inventorySync.stop()]);
      await cloud.close();
      await closed;
    },
  };
}

/** Connects to the cloud. `callCounts`: the number of calls to each service since the start. */
function connectCountedCloud(credentials: Credentials, settings: Settings, now: () => number) {
  const callCounts: Record<string, number> = {};
  const cloud = connectCloud(credentials, {
    clock: now,
    concurrency: settings.PROPAGATOR_CONCURRENCY,
    onCall: ({ service }) => {
      callCounts[service] = (callCounts[service] ?? 0) + 1;
    },
  });
  return { cloud, callCounts };
}

/** Starts the relay if the settings name a broker. */
function startConfiguredRelay(
  { settings, engine, stopping, now, log }: WorkerDeps,
  ingestBatch: IngestBatch,
): Relay | undefined {
  if (!settings.RABBITMQ_URL) return undefined;
  return startRelayWithEngine(relayOptions(settings), {
    engine,
    ingest: (messages) => ingestBatch(messages.map((message) => ({ message, receiveCount: 1 }))),
    stopping,
    now,
    log,
  });
}

function startEmbeddedInventorySync(
  { settings, engine, cloud, mode, policy, stopping, now, log }: WorkerDeps,
  relay: Relay | undefined,
  startedAt: number,
): InventorySync {
  const inventoryDeps = { engine, keystone: cloud.keystone, now, log };
  const { gracePeriodMillis, protectedIds } = coordinatorSettings(settings);
  const sweepDeps = { ...inventoryDeps, mode, gracePeriodMillis, policy, protectedIds, stopping };
  return startInventorySync({
    syncInventory: () => syncInventory(inventoryDeps),
    sweep: () => sweepAccounts(sweepDeps),
    sweepMillis: settings.PROPAGATOR_SWEEP,
    claimSweep: async (sweepId) => (await engine.commit({ seen: [sweepId] })) === 'committed',
    subscriptionState: () => subscriptionStateOf(relay, startedAt),
    log,
    now,
  });
}

/** Opens PostgreSQL, or the embedded database in the data folder. */
const openEngine = (
  { DATABASE_URL: databaseUrl, PROPAGATOR_DATA: dataFolder }: Settings,
  log: Logger,
  beginEmpty: boolean | undefined,
) =>
  openPostgresEngine({
    ...(databaseUrl ? { databaseUrl } : { dataFolder }),
    beginEmpty,
    onWarning: (message, cause) => log.warn({ cause: String(cause ?? '') }, message),
    onAudited: (entry) => log.info({ event: auditEvent(entry) }, 'audit.recorded'),
  });

/**
 * Returns the time since which every notification is received. Without a relay, notifications
 * arrive only at the API, which has accepted them since the process started. Returns `undefined`
 * while the relay is not receiving.
 */
function subscriptionStateOf(
  relay: Relay | undefined,
  startedAt: number,
): ReturnType<InventorySyncDeps['subscriptionState']> {
  if (!relay) return { since: startedAt, lastReceivedAt: undefined };
  const { connected, waiting, since, lastReceivedAt } = relay.state();
  const isReceiving = connected && waiting === undefined;
  return isReceiving ? { since, lastReceivedAt } : undefined;
}
