import { setTimeout as delay } from 'node:timers/promises';
import * as z from 'zod';
import { PlanShape } from '../../lib/cli/shapes.ts';
import { text } from './cloud.ts';
import { type CloudFixture, openCloudFixture } from './cloud-fixture.ts';
import { describeView, isState, OPERATION_SECONDS } from './driver.ts';

const Opened = z.object({ opened: z.string() });
/** How each type is listed by an administrator, independent of the propagator. */
const LISTINGS = [
  ['nova.server', 'compute', '/servers?all_tenants=1&project_id=', 'servers'],
  ['cinder.volume', 'volume', '/volumes?all_tenants=1&project_id=', 'volumes'],
  ['neutron.network', 'network', '/networks?project_id=', 'networks'],
  ['neutron.subnet', 'network', '/subnets?project_id=', 'subnets'],
  ['neutron.security-group', 'network', '/security-groups?project_id=', 'security_groups'],
  ['glance.image', 'image', '/images?owner=', 'images'],
] as const;

/** Plan, approval and holds on a real cloud. */
describe('the plan of a project', () => {
  let fixture: CloudFixture;
  beforeAll(async () => {
    fixture = await openCloudFixture({ planned: 'simple' });
    await fixture.start({ mode: 'enforce' });
  });
  afterAll(() => fixture.tearDown());

  const post = (path: string, body: object) =>
    fixture.propagator.api('POST', path, JSON.stringify(body));
  const plan = async (): Promise<PlanShape> => {
    const asked = await post(`/v1/projects/${fixture.idOf('planned')}/plan`, {});
    expect(asked.status).toBe(202);
    const { opened } = Opened.parse(asked.json);
    for (const deadline = Date.now() + 60_000; ; await delay(500)) {
      const { json } = await fixture.propagator.api(
        'GET',
        `/v1/operations/${opened}/plan?resources=true`,
      );
      const shown = PlanShape.parse(json);
      if (shown.digest !== undefined) return shown;
      if (Date.now() > deadline) throw new Error(`${opened} is ${shown.state} after 60 s`);
    }
  };
  const idsIn = (shown: PlanShape, type: string): string[] =>
    shown.pages
      .filter(({ resourceType }) => resourceType === type)
      .flatMap(({ resources }) => resources.map(({ id }) => id))
      .toSorted();

  it('equals an independent listing of the project, and changes nothing', async () => {
    const shown = await plan();
    expect(shown.unreachable).toEqual([]);
    expect(shown.keystoneCheck.refusals).toEqual([]);
    for (const [type, service, path, key] of LISTINGS) {
      const rows = await fixture.cloud.admin.rows(
        service,
        `${path}${fixture.idOf('planned')}`,
        key,
      );
      expect([type, idsIn(shown, type)]).toEqual([type, rows.map((row) => text(row, 'id')).sort()]);
    }
    expect(idsIn(shown, 'nova.server')).not.toEqual([]);
    const now = await fixture.snapshot(true);
    const { before, now: after } = fixture.linesOfOtherProjects(now);
    expect(after).toEqual(before);
  });

  it('is carried out after its approval; the operation names a server and a subnet with a hold, and removes each after the end of its hold', async () => {
    const project = fixture.idOf('planned');
    const shown = await plan();
    const approve = (digest: string) =>
      post(`/v1/operations/${shown.id}/approve`, { digest, reason: 'contract ended' });
    expect((await approve('0'.repeat(64))).status).toBe(409);
    const [server = ''] = idsIn(shown, 'nova.server');
    const [subnet = ''] = idsIn(shown, 'neutron.subnet');
    const heldServer = `nova.server/${server}`;
    const heldSubnet = `neutron.subnet/${subnet}`;
    for (const resource of [heldServer, heldSubnet])
      expect((await post('/v1/holds', { resource, reason: 'evidence' })).status).toBe(201);
    expect((await approve(shown.digest ?? '')).status).toBe(202);

    const waitFor = async (resource: string): Promise<void> => {
      const waits = await fixture.propagator.operation(
        { project },
        ({ waitsOn }) => waitsOn.some(({ on: reason }) => reason.includes(`resource ${resource}`)),
        OPERATION_SECONDS,
      );
      console.log(describeView(waits));
    };
    const endHold = async (resource: string): Promise<void> => {
      const path = `/v1/holds/resource/${encodeURIComponent(resource)}`;
      expect((await fixture.propagator.api('DELETE', path)).status).toBe(200);
    };
    await waitFor(heldServer);
    const servers = await fixture.cloud.admin.rows(
      'compute',
      `/servers?all_tenants=1&project_id=${project}`,
      'servers',
    );
    expect(servers.map((row) => text(row, 'id'))).toContain(server);
    await endHold(heldServer);

    // Neutron would delete the subnet with its network, so the network stays, too.
    await waitFor(heldSubnet);
    const subnets = await fixture.cloud.admin.rows(
      'network',
      `/subnets?project_id=${project}`,
      'subnets',
    );
    expect(subnets.map((row) => text(row, 'id'))).toContain(subnet);
    await endHold(heldSubnet);
    const view = await fixture.propagator.operation(
      { project },
      isState('finished', 'unverified', 'held'),
      OPERATION_SECONDS,
    );
    expect(view.operation.state).toBe('finished');
    const now = await fixture.snapshot(true);
    expect(await fixture.remainingResources(now, 'planned')).toEqual([]);
    const { before, now: after } = fixture.linesOfOtherProjects(now, 'planned');
    expect(after).toEqual(before);
  });
});
