import * as z from 'zod';
import { PlanShape } from '../../lib/cli/shapes.ts';
import { until } from '../engine/engine-store.ts';
import { startCloud } from './cloud.ts';
import { startPropagator } from './propagator.ts';

/** A login is a POST to Keystone, and changes nothing. */
const isLogin = ({ method, path }: { method: string; path: string }): boolean =>
  method === 'POST' && path.startsWith('/v3/auth/tokens');

it('a plan sends nothing but GET and HEAD, and lists every resource of the project', async () => {
  const cloud = await startCloud();
  const domain = cloud.seed.makeDomain('acme');
  const project = cloud.seed.makeProject(domain, 'web');
  const control = cloud.seed.makeProject(domain, 'bank');
  for (const id of [project, control]) cloud.seed.fill(id, 'small');
  const { client, stop } = await startPropagator(cloud, { PROPAGATOR_SWEEP: '0s' });
  try {
    const before = JSON.stringify(cloud.store.resources(project));
    cloud.calls.length = 0;
    const { opened } = await client.post(
      `/v1/projects/${project}/plan`,
      {},
      z.object({ opened: z.string() }),
    );
    const shown = () => client.get(`/v1/operations/${opened}/plan?resources=true`, PlanShape);
    const isMade = async () => (await shown()).digest !== undefined;
    await until('the digest of the plan', isMade, 200);
    const plan = await shown();
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
    await stop();
    await cloud.close();
  }
}, 240_000);
