import { createApi } from '../api/api.ts';
import { withConsole } from '../api/console.ts';
import { auditEvent } from '../audit/cadf.ts';
import { observedEngine } from '../engine/observed.ts';
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
import { apiAuthentication, apiListener } from './api-access.ts';
import { approvalRulesOf } from './approval-rules.ts';
import { checkCloud } from './check-cloud.ts';
import { startWorkers } from './embedded-workers.ts';
import { type InventorySyncDeps, startInventorySync } from './inventory-sync.ts';
import { listen } from './listen.ts';
import { loadPlugins, resolvePlugins } from './plugins.ts';
import { recordPolicy } from './policy-audit.ts';
import { loadPolicy } from './policy-file.ts';
import { protectionOf } from './protection.ts';
import { coordinateSettings } from './settings-deps.ts';
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
  return startOrUndo((undo) => start(options, undo));
}

async function start(
  { settings, credentials, log, services: ownServices = SERVICES, beginEmpty }: EmbeddedOptions,
  undo: Teardown,
): Promise<EmbeddedPropagator> {
  const now = steadyClock();
  const stopping = new AbortController();
  undo.add(() => stopping.abort());
  const services = await loadPlugins(ownServices, settings.PROPAGATOR_SERVICE_MODULES);
  const { optedIn, httpPlugins } = resolvePlugins(settings, services);
  const server = await listen(settings.PROPAGATOR_PORT, apiListener(settings, log));
  undo.add(() => server.close());
  const postgresEngine = await openEngine(settings, log, beginEmpty);
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
  const { mode, protectedIds, gracePeriodMillis } = coordinateSettings(settings);
  const protection = () => protectionOf(protectedIds, cloud);
  const policy = loadPolicy(settings.PROPAGATOR_POLICY, services);
  await recordPolicy(policy, { engine, now });
  const shared = { engine, cloud, services, optedIn, mode, policy, protection, now };

  const ingestBatch = await startWorkers(postgresEngine, {
    ...shared,
    settings,
    httpPlugins,
    log,
    stopping: stopping.signal,
  });
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
  const inventoryDeps = { engine, keystone: cloud.keystone, now, log };
  const inventory = startInventorySync({
    syncInventory: () => syncInventory(inventoryDeps),
    sweep: () =>
      sweepAccounts({
        ...inventoryDeps,
        mode,
        gracePeriodMillis,
        policy,
        protectedIds,
        stopping: stopping.signal,
      }),
    sweepMillis: settings.PROPAGATOR_SWEEP,
    claim: async (sweepId) => (await engine.commit({ seen: [sweepId] })) === 'committed',
    subscriptionState: () => subscriptionStateOf(relay, startedAt),
    log,
    now,
  });
  undo.add(() => inventory.stop());
  const app = createApi({
    ...shared,
    approvalRules: approvalRulesOf(settings),
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

/** Returns since when every notification is received. Without a relay, since the start. */
function subscriptionStateOf(
  relay: Relay | undefined,
  startedAt: number,
): ReturnType<InventorySyncDeps['subscriptionState']> {
  if (!relay) return { since: startedAt, lastAt: undefined };
  const { connected, waiting, since, lastReceivedAt } = relay.state();
  return connected && waiting === undefined ? { since, lastAt: lastReceivedAt } : undefined;
}
