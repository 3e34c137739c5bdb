import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type EmbeddedPropagator, startEmbedded } from '../../lib/app/embedded.ts';
import { apiFetchOf } from '../../lib/cli/aws-signature.ts';
import { ApiClient } from '../../lib/cli/client.ts';
import { createLogger } from '../../lib/shared/log.ts';
import { readSettings } from '../../lib/shared/settings.ts';
import type { RehearsalCloud } from './cloud.ts';
import { loginOf } from './login.ts';

/** A complete propagator in this process. */
export interface Started {
  readonly propagator: EmbeddedPropagator;
  /** The URL of its API. */
  readonly url: string;
  /** Calls its API like a command with the same data folder. */
  readonly client: ApiClient;
  /** Its data folder. */
  readonly data: string;
  /** Stops it, and removes the data folder that was made for it. */
  stop(): Promise<void>;
}

/**
 * Starts a propagator in mode enforce on a rehearsal cloud, with these settings. It has no grace
 * period and listens on a free port, unless the settings name them. Without `PROPAGATOR_DATA` it
 * gets a new data folder. `policy` is the text of its policy file.
 */
export async function startPropagator(
  cloud: RehearsalCloud,
  variables: Readonly<Record<string, string>> = {},
  policy?: string,
): Promise<Started> {
  const folder = mkdtempSync(join(tmpdir(), 'propagator-'));
  const policyFile = join(folder, 'policy.yaml');
  if (policy !== undefined) writeFileSync(policyFile, policy);
  const settings = readSettings({
    PROPAGATOR_MODE: 'enforce',
    PROPAGATOR_PORT: '0',
    PROPAGATOR_GRACE_PERIOD: '0s',
    PROPAGATOR_CONFIRMATION_INTERVAL: '1s',
    PROPAGATOR_DATA: join(folder, 'data'),
    ...(policy === undefined ? {} : { PROPAGATOR_POLICY: policyFile }),
    ...variables,
  });
  const propagator = await startEmbedded({
    settings,
    credentials: loginOf(cloud.credentials),
    log: createLogger('silent'),
  });
  const url = `http://127.0.0.1:${propagator.port}`;
  const data = settings.PROPAGATOR_DATA;
  return {
    propagator,
    url,
    client: new ApiClient(url, apiFetchOf(url, { PROPAGATOR_DATA: data })),
    data,
    async stop() {
      await propagator.stop();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}
