import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as z from 'zod';
import type { EmbeddedPropagator } from '../../lib/app/embedded.ts';
import type { ApiClient } from '../../lib/cli/client.ts';
import { type OperationShape, OperationsShape } from '../../lib/cli/shapes.ts';
import { connectCloud } from '../../lib/openstack/connect.ts';
import { keystone } from '../../lib/services/keystone.ts';
import { type RehearsalCloud, startCloud } from '../cloud/cloud.ts';
import { createServer, listen } from '../cloud/http.ts';
import { loginOf } from '../cloud/login.ts';
import { type Started, startPropagator } from '../cloud/propagator.ts';
import { until } from './engine-store.ts';
import { Billing, CMDB_TOKEN, Cmdb } from './plugins-doubles.ts';

async function freePort(): Promise<number> {
  const server = createServer();
  const port = await listen(server, 0);
  await new Promise((done) => server.close(done));
  return port;
}

/** A rehearsal cloud, a complete propagator in mode enforce, and both examples. */
export class PluginFixture {
  readonly cloud: RehearsalCloud;
  readonly propagator: EmbeddedPropagator;
  readonly billing: Billing;
  readonly cmdb: Cmdb;
  readonly client: ApiClient;
  readonly #folder: string;
  readonly #domain: string;

  private constructor(
    cloud: RehearsalCloud,
    { propagator, client }: Started,
    billing: Billing,
    cmdb: Cmdb,
    folder: string,
  ) {
    this.cloud = cloud;
    this.propagator = propagator;
    this.billing = billing;
    this.cmdb = cmdb;
    this.client = client;
    this.#folder = folder;
    this.#domain = cloud.seed.makeDomain('customers');
  }

  static async open(): Promise<PluginFixture> {
    const folder = mkdtempSync(join(tmpdir(), 'plugins-'));
    const cloud = await startCloud();
    // No test needs Placement. The catalog of the cloud lists it, and the propagator of this
    // fixture does not cover it.
    cloud.hide('placement');
    const billing = new Billing();
    process.env.BILLING_URL = await billing.start();
    const [port, cmdbPort] = [await freePort(), await freePort()];
    const started = await startPropagator(cloud, {
      PROPAGATOR_TOKEN_CACHE_TIME: '1s',
      PROPAGATOR_DATA: join(folder, 'data'),
      PROPAGATOR_API_TOKEN_FILE: join(folder, 'data', 'api-token'),
      PROPAGATOR_API_TOKENS: `cmdb=${CMDB_TOKEN}`,
      PROPAGATOR_PORT: String(port),
      PROPAGATOR_SERVICE_MODULES: './examples/billing-module/billing.ts',
      PROPAGATOR_REMOTE_SERVICES: `cmdb=http://127.0.0.1:${cmdbPort}/tasks`,
    });
    cloud.onNotification((notification) => {
      started.client.post('/v1/notifications', notification, z.unknown()).catch(() => undefined);
    });
    const cmdb = new Cmdb(folder, cmdbPort, started.url);
    await cmdb.start();
    return new PluginFixture(cloud, started, billing, cmdb, folder);
  }

  /**
   * Creates a project with a server, two subscriptions, a payment method and two assets. Returns
   * its id.
   */
  project(name: string): string {
    const id = this.cloud.seed.makeProject(this.#domain, name);
    this.cloud.seed.fill(id, 'tiny');
    for (const subscription of ['machines', 'support'])
      this.billing.tables
        .get('subscriptions')
        ?.push({ id: `${name}-${subscription}`, account: id });
    this.billing.tables.get('payment-methods')?.push({ id: `${name}-card`, account: id });
    for (const asset of ['laptop', 'rack']) this.cmdb.add(id, asset);
    return id;
  }

  /** Deletes the project in Keystone, as an administrator does. */
  async delete(project: string): Promise<void> {
    // The propagator holds the deletion of a project that it has never seen alive.
    await until(
      'the record of the new project',
      async () => (await this.propagator.engine.reads.account('project', project)) !== undefined,
      60,
    );
    const admin = connectCloud(loginOf(this.cloud.credentials));
    await (await admin.api(keystone, 'RegionOne'))?.request('DELETE', `/v3/projects/${project}`);
    await admin.close();
  }

  async operationOf(project: string): Promise<OperationShape | undefined> {
    return (await this.client.get(`/v1/operations?project=${project}`, OperationsShape))
      .operations[0];
  }

  async waitFor(
    what: string,
    project: string,
    holds: (seen: OperationShape) => boolean,
  ): Promise<OperationShape> {
    let seen: OperationShape | undefined;
    const holdsNow = async (): Promise<boolean> => {
      seen = await this.operationOf(project);
      return seen !== undefined && holds(seen);
    };
    // Takes two to four seconds on an idle machine.
    await until(what, holdsNow, 100);
    if (!seen) throw new TypeError('there is no operation');
    return seen;
  }

  async close(): Promise<void> {
    await this.propagator.stop();
    await this.cmdb.close();
    this.billing.stop();
    await this.cloud.close();
    rmSync(this.#folder, { recursive: true });
  }
}
