import * as z from 'zod';
import { ServiceName } from '../../events/ids.ts';
import type { EmbeddedPropagator } from '../../lib/app/embedded.ts';
import type { ApiClient } from '../../lib/cli/client.ts';
import { connectCloud } from '../../lib/openstack/connect.ts';
import type { ServiceApi } from '../../lib/task/service.ts';
import { type RehearsalCloud, startCloud } from '../cloud/cloud.ts';
import { loginOf } from '../cloud/login.ts';
import { startPropagator } from '../cloud/propagator.ts';

export interface RehearsalFixture {
  readonly cloud: RehearsalCloud;
  readonly propagator: EmbeddedPropagator;
  /** Calls Keystone as an administrator of the cloud. */
  readonly keystone: Pick<ServiceApi, 'request'>;
  /** Calls the API of the propagator as a command does. */
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

const POLICY = `version: 1
rules:
  - match: { domain: acme }
    on:
      project.created: { action: provision, profile: standard, mode: enforce }
      project.disabled: { action: suspend, mode: enforce }
      project.enabled: { action: resume, mode: enforce }
profiles:
  standard:
    nova: { quota: { cores: 32, instances: 16 } }
    cinder: { quota: { volumes: 20 } }
    neutron: { quota: { network: 5 } }
`;

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

  const { propagator, client, stop } = await startPropagator(
    cloud,
    { PROPAGATOR_STALL_TIMEOUT: '3s', PROPAGATOR_TOKEN_CACHE_TIME: '1s' },
    POLICY,
  );
  const admin = connectCloud(loginOf(cloud.credentials));
  const keystone = await admin.api(
    {
      name: ServiceName.parse('keystone'),
      catalogTypes: ['identity'],
      microversion: undefined,
      concurrency: 1,
    },
    'RegionOne',
  );
  if (!keystone) throw new Error('the rehearsal cloud has no Keystone in its catalog');
  const sent: Promise<unknown>[] = [];
  cloud.onNotification((notification) => {
    sent.push(client.post('/v1/notifications', notification, z.object({ stored: z.number() })));
  });
  // The propagator records names, domains and members before the first deletion, as on a cloud that
  // has run for a while.
  while ((await propagator.engine.reads.accountCount()) === 0)
    await new Promise((resolve) => setTimeout(resolve, 20));
  return {
    cloud,
    propagator,
    keystone,
    client,
    customer,
    neighbor,
    async close() {
      await Promise.all(sent);
      await admin.close();
      await stop();
      await cloud.close();
    },
  };
}
