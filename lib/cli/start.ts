import { homedir } from 'node:os';
import { startEmbedded } from '../app/embedded.ts';
import { readCredentials } from '../openstack/credentials.ts';
import { createLogger } from '../shared/log.ts';
import { readSettings, type Settings, settingError } from '../shared/settings.ts';
import { limitHeapGrowth } from './heap-growth.ts';
import { handleUnhandledErrors, readFileIfReadable, runUntilSignal } from './process.ts';

type Environment = Readonly<Record<string, string | undefined>>;

export interface StartOptions {
  /** Create an empty database if the database in the data folder is missing or damaged. */
  readonly beginEmpty?: boolean | undefined;
}

/**
 * Runs the propagator until SIGTERM or SIGINT. Throws `PropagatorError` for a wrong setting, and
 * for a data folder or a port that is in use.
 */
export async function start(
  environment: Environment,
  { beginEmpty = false }: StartOptions = {},
): Promise<void> {
  limitHeapGrowth();
  const settings = readSettings(environment);
  if (settings.PROPAGATOR_INGEST_QUEUE_URL !== undefined)
    throw settingError(
      'PROPAGATOR_INGEST_QUEUE_URL',
      'only `propagator relay` uses it; unset it to run the whole propagator in this process',
    );
  const credentials = readCredentials({
    env: environment,
    readFile: readFileIfReadable,
    home: homedir(),
    cwd: process.cwd(),
  });
  const log = createLogger(settings.PROPAGATOR_LOG_LEVEL);
  const removeErrorHandlers = handleUnhandledErrors(log);
  const running = await startEmbedded({ settings, credentials, log, beginEmpty });
  log.info(
    {
      mode: settings.PROPAGATOR_MODE,
      cloud: credentials.source,
      database: settings.DATABASE_URL ? 'PostgreSQL' : settings.PROPAGATOR_DATA,
      api: urlOf(settings, running.port),
      relay: settings.RABBITMQ_URL ? 'starting' : 'not configured: RABBITMQ_URL is not set',
    },
    settings.PROPAGATOR_MODE === 'observe'
      ? 'ready in mode observe: resources are counted, and nothing is changed'
      : 'ready in mode enforce: resources of deleted projects are removed',
  );
  await runUntilSignal(() => running.stop(), log);
  removeErrorHandlers();
}

/** The URL of the API for the log. */
function urlOf(
  { PROPAGATOR_API_ADDRESS: address, PROPAGATOR_API_CERT_FILE: certFile }: Settings,
  port: number,
): string {
  const host = address.includes(':') ? `[${address}]` : address;
  return `${certFile === undefined ? 'http' : 'https'}://${host}:${port}`;
}
