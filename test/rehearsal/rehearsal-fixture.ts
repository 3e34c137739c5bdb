import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import { type Embedded, startEmbedded } from '../../lib/app/embedded.ts';
import { callerOf } from '../../lib/cli/aws-signature.ts';
import { ApiClient } from '../../lib/cli/client.ts';
import { readCredentials } from '../../lib/openstack/credentials.ts';
import { createLogger } from '../../lib/shared/log.ts';
import { readSettings } from '../../lib/shared/settings.ts';
import { type RehearsalCloud, startCloud } from '../cloud/cloud.ts';

export interface RehearsalFixture {
  readonly cloud: RehearsalCloud;
  readonly propagator: Embedded;
  /** Calls the API in the way of the commands. */
  readonly client: ApiClient;
  /** The customer that is deleted. */
  readonly customer: {
    readonly domainId: string;
    readonly projects: readonly { readonly id: string; readonly name: string }[];
  };
  /** The neighbor that must not change, with resources of the same names. */
  readonly neighbor: {
    readonly projects: readonly { readonly id: string; readonly name: string }[];
  };
  close(): Promise<void>;
}

const NAMES = ['web', 'database', 'laboratory'];

/**
 * Starts a rehearsal cloud with a customer and a neighbor, and a propagator with a new database that
 * receives the notifications of its Keystone.
 */
export async function openFixture(): Promise<RehearsalFixture> {
  const cloud = await startCloud();
  const makeDomain = (domain: string) => {
    const domainId = cloud.seed.makeDomain(domain);
    const projects = NAMES.map((name) => ({ id: cloud.seed.makeProject(domainId, name), name }));
    for (const { id } of projects) cloud.seed.fill(id, 'small');
    return { domainId, projects };
  };
  const customer = makeDomain('acme');
  const neighbor = makeDomain('globex');

  const folder = mkdtempSync(join(tmpdir(), 'rehearsal-'));
  const settings = readSettings({
    PROPAGATOR_MODE: 'enforce',
    PROPAGATOR_GRACE_PERIOD: '0s',
    PROPAGATOR_CONFIRMATION_INTERVAL: '1s',
    PROPAGATOR_STALL_TIMEOUT: '3s',
    PROPAGATOR_DATA: join(folder, 'data'),
    PROPAGATOR_PORT: '0',
  });
  const credentials = readCredentials({
    env: cloud.credentials,
    readFile: () => undefined,
    home: '/nonexistent',
    cwd: '/nonexistent',
  });
  const propagator = await startEmbedded({ settings, credentials, log: createLogger('silent') });
  const apiUrl = `http://127.0.0.1:${propagator.port}`;
  const environment = { PROPAGATOR_DATA: settings.PROPAGATOR_DATA };
  const client = new ApiClient(apiUrl, callerOf(apiUrl, environment));
  const sent: Promise<unknown>[] = [];
  cloud.onNotification((notification) => {
    sent.push(client.post('/v1/notifications', notification, z.object({ stored: z.number() })));
  });
  // Names, domains and members are recorded before anything is deleted, as they would be on a cloud
  // that has run for a while.
  while ((await propagator.engine.reads.accountCount()) === 0)
    await new Promise((resolve) => setTimeout(resolve, 20));
  return {
    cloud,
    propagator,
    client,
    customer,
    neighbor,
    async close() {
      await Promise.all(sent);
      await propagator.stop();
      await cloud.close();
      rmSync(folder, { recursive: true });
    },
  };
}
