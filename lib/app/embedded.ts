import type { AddressInfo } from 'node:net';
import { serve as serveHttp } from '@hono/node-server';
import { api } from '../api/api.ts';
import { observedEngine } from '../engine/observed.ts';
import type { Engine } from '../engine/port.ts';
import { openPostgresEngine } from '../engine/postgres/open.ts';
import { coordinate } from '../handlers/coordinate.ts';
import { runHttpTask } from '../handlers/http-task.ts';
import { ingest } from '../handlers/ingest.ts';
import { syncInventory } from '../handlers/sync-inventory.ts';
import { runTask } from '../handlers/task.ts';
import { connectCloud } from '../openstack/connect.ts';
import type { Credentials } from '../openstack/credentials.ts';
import { relayOptions } from '../relay/options.ts';
import { type Relay, startRelay } from '../relay/start.ts';
import { SERVICES } from '../services/index.ts';
import type { Logger } from '../shared/log.ts';
import type { Settings } from '../shared/settings.ts';
import type { Protection } from '../task/safety-rules.ts';
import type { Service } from '../task/service.ts';
import { startInventorySync } from './inventory-sync.ts';
import { loadPlugins, resolvePlugins } from './plugins.ts';

export interface EmbeddedOptions {
  readonly settings: Settings;
  readonly credentials: Credentials;
  readonly log: Logger;
  /** Default: every service that the project has. */
  readonly services?: readonly Service[];
}

/** The whole propagator in this process. */
export interface Embedded {
  readonly engine: Engine;
  /** The port on loopback that the API answers at. */
  readonly port: number;
  /** Lets what is under way end, then lets go of the database. */
  stop(): Promise<void>;
}

/**
 * One pass begins no new removal after this; it must be well below the time after which a queue
 * takes a message for lost.
 */
const PASS_BUDGET_MILLIS = 60_000;
/** As often as a person can read. */
const PROGRESS_MILLIS = 400;

/**
 * Opens the engine, connects the cloud, starts a worker for every function, the relay and the API.
 * Ready when it returns. Throws `PropagatorError` when the database or the port can't be had; an
 * absent cloud or broker is waited for.
 */
export async function startEmbedded({
  settings,
  credentials,
  log,
  services: known = SERVICES,
}: EmbeddedOptions): Promise<Embedded> {
  const now = Date.now;
  const services = await loadPlugins(known, settings.PROPAGATOR_SERVICE_MODULES);
  const { optedIn, httpPlugins } = resolvePlugins(settings, services);
  const opened = await openPostgresEngine({
    ...(settings.DATABASE_URL
      ? { databaseUrl: settings.DATABASE_URL }
      : { dataFolder: settings.PROPAGATOR_DATA }),
    onWarning: (message, cause) => log.warn({ cause: String(cause ?? '') }, message),
  });
  const engine = observedEngine(opened, log);
  const calls: Record<string, number> = {};
  const cloud = connectCloud(credentials, {
    concurrency: settings.PROPAGATOR_CONCURRENCY,
    onCall: ({ service }) => {
      calls[service] = (calls[service] ?? 0) + 1;
    },
  });
  const protectedIds = {
    projects: settings.PROPAGATOR_PROTECTED_PROJECTS,
    domains: settings.PROPAGATOR_PROTECTED_DOMAINS,
  };
  const protection = async (): Promise<Protection> => ({
    ...protectedIds,
    ownProject: (await cloud.ownProject()).id,
  });
  const mode = settings.PROPAGATOR_MODE;
  const confirmationIntervalMillis = settings.PROPAGATOR_CONFIRMATION_INTERVAL;
  const limits = {
    confirmationIntervalMillis,
    stallTimeoutMillis: settings.PROPAGATOR_STALL_TIMEOUT,
    maxAttempts: 5,
    maxResourcesPerOperation: settings.PROPAGATOR_MAX_RESOURCES_PER_OPERATION,
    maxOperationsPerHour: settings.PROPAGATOR_MAX_OPERATIONS_PER_HOUR,
  };
  const common = { engine, cloud, services, optedIn, mode, protection, now };

  await engine.work('ingest', { concurrency: 1, batch: 200 }, (deliveries) =>
    ingest(deliveries, { engine, keystone: cloud.keystone, now, log }),
  );
  await engine.work('coordinate', { concurrency: 4, batch: 10 }, (deliveries) =>
    coordinate(deliveries, {
      ...common,
      protectedIds,
      gracePeriodMillis: settings.PROPAGATOR_GRACE_PERIOD,
      limits,
      httpPlugins: httpPlugins.map(({ name }) => name),
    }),
  );
  for (const service of services) {
    const concurrency = settings.PROPAGATOR_CONCURRENCY;
    const deps = {
      ...common,
      confirmationIntervalMillis,
      concurrency,
      budgetMillis: PASS_BUDGET_MILLIS,
      progressMillis: PROGRESS_MILLIS,
    };
    await engine.work(`service-${service.name}`, { concurrency: 4 }, (deliveries) =>
      runTask(service, deliveries, deps),
    );
  }

  for (const remote of httpPlugins)
    await engine.work(`service-${remote.name}`, { concurrency: 4 }, (deliveries) =>
      runHttpTask(remote, deliveries, { ...common, stallTimeoutMillis: limits.stallTimeoutMillis }),
    );

  const relay: Relay | undefined = settings.RABBITMQ_URL
    ? startRelay(relayOptions(settings), { engine, now, log })
    : undefined;
  const startedAt = now();
  const inventory = startInventorySync({
    syncInventory: (options) =>
      syncInventory({ engine, keystone: cloud.keystone, now, log }, options),
    subscriptionState: () => {
      if (!relay) return { since: startedAt, lastAt: undefined };
      const { connected, waiting, since, lastReceivedAt } = relay.state();
      return connected && waiting === undefined ? { since, lastAt: lastReceivedAt } : undefined;
    },
    log,
    now,
  });
  const app = api({
    ...common,
    httpPlugins: httpPlugins.map(({ name }) => name),
    health: () => {
      const state = relay?.state();
      return {
        ok: state === undefined || state.connected,
        mode,
        relay: state ?? 'not configured',
        workers: services.length + httpPlugins.length + 2,
        inventory: inventory.state(),
        calls,
        startedAt,
      };
    },
  });
  const server = serveHttp({
    fetch: app.fetch,
    port: settings.PROPAGATOR_PORT,
    hostname: '127.0.0.1',
  });
  await new Promise<void>((resolve, reject) => {
    server.once('listening', resolve);
    server.once('error', reject);
  });
  const { port } = server.address() as AddressInfo;

  return {
    engine,
    port,
    async stop() {
      await relay?.stop();
      await inventory.stop();
      await new Promise((resolve) => server.close(resolve));
      await engine.close();
      await cloud.close();
    },
  };
}
