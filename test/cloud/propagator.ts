import { type Embedded, startEmbedded } from '../../lib/app/embedded.ts';
import { callerOf } from '../../lib/cli/aws-signature.ts';
import { ApiClient } from '../../lib/cli/client.ts';
import { createLogger } from '../../lib/shared/log.ts';
import { readSettings } from '../../lib/shared/settings.ts';
import type { RehearsalCloud } from './cloud.ts';
import { loginOf } from './login.ts';

/** A complete propagator in this process. */
export interface Started {
  readonly propagator: Embedded;
  /** The URL of its API. */
  readonly url: string;
  /** Calls its API like a command with the same data folder. */
  readonly client: ApiClient;
}

/**
 * Starts a propagator in mode enforce on a rehearsal cloud, with these settings. It listens on a
 * free port unless the settings name one.
 */
export async function startPropagator(
  cloud: RehearsalCloud,
  variables: Readonly<Record<string, string>>,
): Promise<Started> {
  const settings = readSettings({
    PROPAGATOR_MODE: 'enforce',
    PROPAGATOR_PORT: '0',
    ...variables,
  });
  const propagator = await startEmbedded({
    settings,
    credentials: loginOf(cloud.credentials),
    log: createLogger('silent'),
  });
  const url = `http://127.0.0.1:${propagator.port}`;
  const client = new ApiClient(url, callerOf(url, { PROPAGATOR_DATA: settings.PROPAGATOR_DATA }));
  return { propagator, url, client };
}
