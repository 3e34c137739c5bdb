import type { RunReport } from '../../../lib/task/run.ts';
import type { CloudOptions } from '../../cloud/cloud.ts';
import { addPort } from '../../cloud/neutron-networks.ts';
import { sizes } from '../../cloud/seed.ts';
import { NeutronFixture } from './neutron-fixture.ts';

let scene: NeutronFixture;
const start = async (options: CloudOptions = {}): Promise<void> => {
  scene = await NeutronFixture.open(options);
};
afterEach(() => scene.close());

const of = (report: RunReport, resourceType: string) =>
  Object.entries(report.counts).find(([name]) => name === resourceType)?.[1];

describe('a project with resources of every type in Neutron', () => {
  it('is emptied in one run, with its default group, its quota and grants of other projects', async () => {
    await start();
    const without = scene.fill();
    const report = await scene.cleaner.run(scene.dead);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(scene.rows()).toEqual(without);
    // In the right order no call is refused, and the report names only what this cloud
    // lacks.
    expect(scene.cloud.calls.filter(({ status }) => status >= 400)).toEqual([]);
    expect(report.conditions.filter(({ class: it }) => it !== 'Unsupported')).toEqual([]);
    expect(of(report, 'neutron.port-forwarding')).toEqual({ listed: 1, gone: 1, left: 0 });
    expect(of(report, 'neutron.trunk')).toEqual({ listed: 2, gone: 2, left: 0 });
    expect(of(report, 'neutron.rbac-grant')).toEqual({ listed: 1, gone: 1, left: 0 });
  });
  it('is counted in phase plan, which changes nothing', async () => {
    await start();
    scene.fill();
    const before = scene.rows();
    const plan = await scene.cleaner.run(scene.dead, 'plan');
    expect(scene.rows()).toEqual(before);
    expect(plan.outcome.kind).toBe('finished');
    expect(of(plan, 'neutron.network')?.left).toBe(sizes.small.networks);
    expect(of(plan, 'neutron.security-group')?.left).toBe(sizes.small.securityGroups + 1);
  });
  it('is listed with all its rows over many pages', async () => {
    await start();
    const { net } = scene.wire(scene.dead, 'wide');
    for (let n = 0; n < 2300; n += 1)
      addPort(scene.cloud.state, scene.dead, { network_id: net.id });
    expect(of(await scene.cleaner.run(scene.dead, 'plan'), 'neutron.port')?.left).toBe(2300);
  });
  it('is emptied when an answer is lost after the deletion', async () => {
    await start();
    scene.fill();
    scene.cloud.faults.add({
      service: 'neutron',
      method: 'DELETE',
      effect: { does: 'reset-after' },
      times: 5,
    });
    expect((await scene.cleaner.runUntilEnd(scene.dead)).outcome).toEqual({ kind: 'finished' });
    expect(scene.ofDead()).toEqual([]);
  });
});

describe('an empty project in Neutron', () => {
  it('gets no new rows from a listing, and needs few calls', async () => {
    await start();
    const before = scene.rows();
    const report = await scene.cleaner.run(scene.dead);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(scene.rows().filter((row) => row.includes(scene.dead))).toEqual([]);
    expect(scene.rows()).toEqual(before);
    expect(
      scene.cloud.calls.filter(({ service }) => service === 'neutron').length,
    ).toBeLessThanOrEqual(17);
  });
});

describe('Neutron, with a faulty API', () => {
  it('waits as long as a 429 requires, and continues', async () => {
    await start();
    scene.fill();
    scene.cloud.faults.add({
      service: 'neutron',
      method: 'DELETE',
      effect: { does: 'answer', status: 429, retryAfter: 2 },
      times: 3,
    });
    expect((await scene.cleaner.run(scene.dead)).outcome).toEqual({ kind: 'finished' });
    expect(scene.cleaner.waitedSeconds).toEqual([2, 2, 2]);
  });
  it('runs again later when a 429 requires a minute', async () => {
    await start();
    scene.fill();
    scene.cloud.faults.add({
      service: 'neutron',
      method: 'DELETE',
      effect: { does: 'answer', status: 429, retryAfter: 60 },
      times: 1,
    });
    expect((await scene.cleaner.run(scene.dead)).outcome).toMatchObject({
      kind: 'again',
      afterSeconds: 60,
    });
    expect((await scene.cleaner.runUntilEnd(scene.dead)).outcome).toEqual({ kind: 'finished' });
  });
  it.each([
    ['an error', { does: 'answer', status: 500 }],
    ['a truncated body', { does: 'cut-body' }],
    ['a broken connection', { does: 'cut-connection' }],
  ] as const)('does not treat %s as an empty list', async (_, effect) => {
    await start();
    const fault = scene.cloud.faults.add({
      service: 'neutron',
      method: 'GET',
      path: /^\/v2\.0\/networks/,
      effect,
    });
    const report = await scene.cleaner.run(scene.dead);
    expect(report.outcome).toMatchObject({ kind: 'again', error: { class: 'Transient' } });
    expect(of(report, 'neutron.network')).toBeUndefined();
    fault();
    expect((await scene.cleaner.run(scene.dead)).outcome).toEqual({ kind: 'finished' });
  });
  it('is not finished when a page lacks the link to the next one', async () => {
    await start();
    scene.fill();
    scene.cloud.faults.add({
      service: 'neutron',
      method: 'GET',
      path: /^\/v2\.0\/ports/,
      effect: { does: 'drop-next', rows: 1 },
      times: 2,
    });
    expect((await scene.cleaner.runUntilEnd(scene.dead)).outcome).toEqual({ kind: 'finished' });
    expect(scene.ofDead()).toEqual([]);
  });
  it('changes no row without an owner, and does not report the type as empty', async () => {
    await start();
    scene.wire(scene.dead, 'own');
    scene.cloud.faults.add({
      service: 'neutron',
      method: 'GET',
      path: /^\/v2\.0\/networks/,
      effect: { does: 'drop-owner' },
    });
    const report = await scene.cleaner.run(scene.dead);
    expect(scene.network.networks.size).toBe(1);
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ resourceType: 'neutron.network', actor: 'operator' }),
    );
  });
  it('changes no resource of other projects when the API ignores the filter by project', async () => {
    await start();
    const without = scene.fill();
    scene.cloud.faults.add({
      service: 'neutron',
      method: 'GET',
      effect: { does: 'ignore-filter' },
    });
    const report = await scene.cleaner.runUntilEnd(scene.dead);
    for (const row of without) expect(scene.rows()).toContain(row);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('resources of other owners') }),
    );
  });
  it('is not finished when accepted deletions never end', async () => {
    await start();
    scene.fill();
    scene.cloud.faults.add({
      service: 'neutron',
      method: 'DELETE',
      path: /security-groups/,
      effect: { does: 'endless' },
    });
    const report = await scene.cleaner.run(scene.dead);
    expect(report.outcome.kind).toBe('again');
    expect(scene.ofDead().length).toBeGreaterThan(0);
  });
  it('stops and reports to the operator when a call is refused', async () => {
    await start();
    scene.fill();
    scene.cloud.faults.add({
      service: 'neutron',
      method: 'DELETE',
      path: /floatingips/,
      effect: { does: 'answer', status: 403 },
    });
    expect((await scene.cleaner.run(scene.dead)).outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied' },
    });
  });
  it('rejects a list of extensions that is empty', async () => {
    await start();
    scene.fill();
    scene.cloud.faults.add({
      service: 'neutron',
      path: /extensions/,
      effect: { does: 'drop-next', rows: 0 },
    });
    expect((await scene.cleaner.run(scene.dead)).outcome).toMatchObject({
      kind: 'failed',
      error: { code: 'neutron.extensions.empty' },
    });
    expect(scene.network.routers.where((row) => row.project_id === scene.dead)).not.toEqual([]);
  });
});

describe('Neutron, extensions', () => {
  it('are not called if the cloud lacks them, and the task finishes with a report of them', async () => {
    const lacking = [
      'trunk',
      'qos',
      'rbac-policies',
      'address-group',
      'address-scope',
      'subnet_allocation',
      'quotas',
    ];
    await start({ withoutExtensions: lacking });
    scene.wire(scene.dead, 'own');
    const report = await scene.cleaner.run(scene.dead);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(scene.ofDead()).toEqual([]);
    const asked = scene.cloud.calls
      .filter(({ service }) => service === 'neutron')
      .map(({ path }) => path.replace(/\?.*/, ''));
    for (const path of [
      'trunks',
      'qos',
      'rbac',
      'address',
      'subnetpools',
      'quotas',
      'vpn',
      'fwaas',
      'auto-allocated',
    ])
      expect(asked.filter((each) => each.includes(path))).toEqual([]);
    expect(report.conditions.map(({ message }) => message)).toContain(
      'skipped: this Neutron does not have the extension address-group',
    );
  });
  it('list port forwardings per floating IP if the rows of floating IPs do not show them', async () => {
    await start({ withoutExtensions: ['expose-port-forwarding-in-fip'] });
    scene.fill();
    expect((await scene.cleaner.run(scene.dead)).outcome).toEqual({ kind: 'finished' });
    expect(scene.cloud.calls.filter(({ status }) => status >= 400)).toEqual([]);
    expect(scene.ofDead()).toEqual([]);
  });
  it('include the default statefulness, which is removed for the project and for no other project', async () => {
    await start({ moreExtensions: ['security-groups-default-statefulness'] });
    const { defaultStatefulness } = scene.network;
    for (const project_id of [scene.dead, scene.control])
      defaultStatefulness.add({ id: `of ${project_id}`, project_id, stateful: false });
    const report = await scene.cleaner.run(scene.dead);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(of(report, 'neutron.default-statefulness')).toEqual({ listed: 1, gone: 1, left: 0 });
    expect(defaultStatefulness.all().map((row) => row.project_id)).toEqual([scene.control]);
  });
  it('are absent in a cloud without Neutron', async () => {
    await start();
    scene.cloud.hide('neutron');
    await expect(scene.cleaner.run(scene.dead)).rejects.toThrow('the catalog has no neutron');
  });
});
