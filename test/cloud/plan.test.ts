import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { startEmbedded } from '../../lib/app/embedded.ts';
import { callerOf } from '../../lib/cli/aws-signature.ts';
import { ApiClient } from '../../lib/cli/client.ts';
import { PlanShape } from '../../lib/cli/shapes.ts';
import { readCredentials } from '../../lib/openstack/credentials.ts';
import { createLogger } from '../../lib/shared/log.ts';
import { readSettings } from '../../lib/shared/settings.ts';
import { startCloud } from './cloud.ts';

/** A login is a POST to Keystone, and changes nothing. */
const isLogin = ({ method, path }: { method: string; path: string }): boolean =>
  method === 'POST' && path.startsWith('/v3/auth/tokens');

it('a plan sends nothing but GET and HEAD, and lists every resource of the project', async () => {
  const cloud = await startCloud();
  const folder = mkdtempSync(join(tmpdir(), 'plan-'));
  const domain = cloud.seed.makeDomain('acme');
  const project = cloud.seed.makeProject(domain, 'web');
  const control = cloud.seed.makeProject(domain, 'bank');
  for (const id of [project, control]) cloud.seed.fill(id, 'small');
  const settings = readSettings({
    PROPAGATOR_MODE: 'enforce',
    PROPAGATOR_SWEEP: '0s',
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
  try {
    const url = `http://127.0.0.1:${propagator.port}`;
    const client = new ApiClient(url, callerOf(url, { PROPAGATOR_DATA: settings.PROPAGATOR_DATA }));
    const before = JSON.stringify(cloud.store.resources(project));
    cloud.calls.length = 0;
    const { opened } = await client.post(
      `/v1/projects/${project}/plan`,
      {},
      z.object({ opened: z.string() }),
    );
    let plan = await client.get(`/v1/operations/${opened}/plan?resources=true`, PlanShape);
    for (const deadline = Date.now() + 60_000; plan.digest === undefined; await delay(200)) {
      expect(Date.now()).toBeLessThan(deadline);
      plan = await client.get(`/v1/operations/${opened}/plan?resources=true`, PlanShape);
    }
    const changing = cloud.calls.filter(
      (call) => !['GET', 'HEAD'].includes(call.method) && !isLogin(call),
    );
    expect(changing).toEqual([]);
    expect(cloud.calls.length).toBeGreaterThan(20);
    expect(JSON.stringify(cloud.store.resources(project))).toBe(before);
    expect(plan.unreachable).toEqual([]);
    const listed = new Set(plan.pages.flatMap(({ resources }) => resources.map(({ id }) => id)));
    const types = new Set(plan.pages.map(({ resourceType }) => resourceType));
    // The ids of these types differ from those in the rehearsal cloud. Some ports are router
    // interfaces here.
    const differs = /^swift\.|-access$|^neutron\.port$/;
    const comparable = cloud.store
      .resources(project)
      .filter(({ resourceType }) => types.has(resourceType) && !differs.test(resourceType));
    expect(new Set(comparable.map(({ resourceType }) => resourceType)).size).toBeGreaterThan(15);
    expect(comparable.filter(({ id }) => !listed.has(id))).toEqual([]);
    expect([...types].filter((type) => type.startsWith('swift.'))).not.toEqual([]);
    const foreign = cloud.store
      .resources(control)
      .filter(({ id, resourceType }) => resourceType === 'nova.server' && listed.has(id));
    expect(foreign).toEqual([]);
    const server = plan.pages.find(({ resourceType }) => resourceType === 'nova.server');
    expect(server?.resources[0]?.createdAt).toBeGreaterThan(0);
  } finally {
    await propagator.stop();
    await cloud.close();
    rmSync(folder, { recursive: true });
  }
}, 120_000);
