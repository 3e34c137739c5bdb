import type { RunReport } from '../../../lib/task/run.ts';
import type { CloudOptions } from '../../cloud/cloud.ts';
import { addPort } from '../../cloud/neutron-networks.ts';
import { sizes } from '../../cloud/seed.ts';
import { NeutronFixture } from './neutron-fixture.ts';

let fixture: NeutronFixture;
const start = async (options: CloudOptions = {}): Promise<void> => {
  fixture = await NeutronFixture.open(options);
};
afterEach(() => fixture.close());

const countsOf = (report: RunReport, resourceType: string) =>
  Object.entries(report.counts).find(([name]) => name === resourceType)?.[1];

describe('a project with resources of every type in Neutron', () => {
  it('is emptied in one run, with its default group, its quota and grants of other projects', async () => {
    await start();
    const expectedRows = fixture.fill();
    const report = await fixture.cleaner.run(fixture.target);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(fixture.rows()).toEqual(expectedRows);
    // In the right order no call is refused. The report then names only the extensions that this
    // cloud lacks.
    expect(fixture.cloud.calls.filter(({ status }) => status >= 400)).toEqual([]);
    expect(report.conditions.filter(({ class: it }) => it !== 'Unsupported')).toEqual([]);
    expect(countsOf(report, 'neutron.port-forwarding')).toEqual({ listed: 1, gone: 1, left: 0 });
    expect(countsOf(report, 'neutron.trunk')).toEqual({ listed: 2, gone: 2, left: 0 });
    expect(countsOf(report, 'neutron.rbac-grant')).toEqual({ listed: 1, gone: 1, left: 0 });
  });
  it('is counted in phase plan, which changes nothing', async () => {
    await start();
    fixture.fill();
    const before = fixture.rows();
    const plan = await fixture.cleaner.run(fixture.target, 'plan');
    expect(fixture.rows()).toEqual(before);
    expect(plan.outcome.kind).toBe('finished');
    expect(countsOf(plan, 'neutron.network')?.left).toBe(sizes.small.networks);
    expect(countsOf(plan, 'neutron.security-group')?.left).toBe(sizes.small.securityGroups + 1);
  });
  it('is listed with all its rows over many pages', async () => {
    await start();
    const { net } = fixture.addNetworkWithSubnet(fixture.target, 'wide');
    for (let n = 0; n < 2300; n += 1)
      addPort(fixture.cloud.state, fixture.target, { network_id: net.id });
    expect(countsOf(await fixture.cleaner.run(fixture.target, 'plan'), 'neutron.port')?.left).toBe(
      2300,
    );
  });
  it('is emptied when an answer is lost after the deletion', async () => {
    await start();
    fixture.fill();
    fixture.cloud.faults.add({
      service: 'neutron',
      method: 'DELETE',
      effect: { does: 'reset-after' },
      times: 5,
    });
    expect((await fixture.cleaner.runUntilEnd(fixture.target)).outcome).toEqual({
      kind: 'finished',
    });
    expect(fixture.rowsOfTarget()).toEqual([]);
  });
});

describe('an empty project in Neutron', () => {
  it('gets no new rows from a listing, and needs few calls', async () => {
    await start();
    const before = fixture.rows();
    const report = await fixture.cleaner.run(fixture.target);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(fixture.rows().filter((row) => row.includes(fixture.target))).toEqual([]);
    expect(fixture.rows()).toEqual(before);
    expect(
      fixture.cloud.calls.filter(({ service }) => service === 'neutron').length,
    ).toBeLessThanOrEqual(17);
  });
});

describe('Neutron, with a faulty API', () => {
  it('waits as long as a 429 requires, and continues', async () => {
    await start();
    fixture.fill();
    fixture.cloud.faults.add({
      service: 'neutron',
      method: 'DELETE',
      effect: { does: 'answer', status: 429, retryAfter: 2 },
      times: 3,
    });
    expect((await fixture.cleaner.run(fixture.target)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.cleaner.waitedSeconds).toEqual([2, 2, 2]);
  });
  it('runs again later when a 429 requires a minute', async () => {
    await start();
    fixture.fill();
    fixture.cloud.faults.add({
      service: 'neutron',
      method: 'DELETE',
      effect: { does: 'answer', status: 429, retryAfter: 60 },
      times: 1,
    });
    expect((await fixture.cleaner.run(fixture.target)).outcome).toMatchObject({
      kind: 'again',
      afterSeconds: 60,
    });
    expect((await fixture.cleaner.runUntilEnd(fixture.target)).outcome).toEqual({
      kind: 'finished',
    });
  });
  it.each([
    ['an error', { does: 'answer', status: 500 }],
    ['a truncated body', { does: 'cut-body' }],
    ['a broken connection', { does: 'cut-connection' }],
  ] as const)('does not treat %s as an empty list', async (_, effect) => {
    await start();
    const removeFault = fixture.cloud.faults.add({
      service: 'neutron',
      method: 'GET',
      path: /^\/v2\.0\/networks/,
      effect,
    });
    const report = await fixture.cleaner.run(fixture.target);
    expect(report.outcome).toMatchObject({ kind: 'again', error: { class: 'Transient' } });
    expect(countsOf(report, 'neutron.network')).toBeUndefined();
    removeFault();
    expect((await fixture.cleaner.run(fixture.target)).outcome).toEqual({ kind: 'finished' });
  });
  it('is not finished when a page lacks the link to the next one', async () => {
    await start();
    fixture.fill();
    fixture.cloud.faults.add({
      service: 'neutron',
      method: 'GET',
      path: /^\/v2\.0\/ports/,
      effect: { does: 'drop-next', rows: 1 },
      times: 2,
    });
    expect((await fixture.cleaner.runUntilEnd(fixture.target)).outcome).toEqual({
      kind: 'finished',
    });
    expect(fixture.rowsOfTarget()).toEqual([]);
  });
  it('changes no row without an owner, and does not report the type as empty', async () => {
    await start();
    fixture.addNetworkWithSubnet(fixture.target, 'own');
    fixture.cloud.faults.add({
      service: 'neutron',
      method: 'GET',
      path: /^\/v2\.0\/networks/,
      effect: { does: 'drop-owner' },
    });
    const report = await fixture.cleaner.run(fixture.target);
    expect(fixture.network.networks.size).toBe(1);
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ resourceType: 'neutron.network', actor: 'operator' }),
    );
  });
  it('changes no resource of other projects when the API ignores the filter by project', async () => {
    await start();
    const expectedRows = fixture.fill();
    fixture.cloud.faults.add({
      service: 'neutron',
      method: 'GET',
      effect: { does: 'ignore-filter' },
    });
    const report = await fixture.cleaner.runUntilEnd(fixture.target);
    for (const row of expectedRows) expect(fixture.rows()).toContain(row);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('resources of other owners') }),
    );
  });
  it('is not finished when accepted deletions never end', async () => {
    await start();
    fixture.fill();
    fixture.cloud.faults.add({
      service: 'neutron',
      method: 'DELETE',
      path: /security-groups/,
      effect: { does: 'endless' },
    });
    const report = await fixture.cleaner.run(fixture.target);
    expect(report.outcome.kind).toBe('again');
    expect(fixture.rowsOfTarget().length).toBeGreaterThan(0);
  });
  it('stops and reports to the operator when a call is refused', async () => {
    await start();
    fixture.fill();
    fixture.cloud.faults.add({
      service: 'neutron',
      method: 'DELETE',
      path: /floatingips/,
      effect: { does: 'answer', status: 403 },
    });
    expect((await fixture.cleaner.run(fixture.target)).outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied' },
    });
  });
  it('rejects a list of extensions that is empty', async () => {
    await start();
    fixture.fill();
    fixture.cloud.faults.add({
      service: 'neutron',
      path: /extensions/,
      effect: { does: 'drop-next', rows: 0 },
    });
    expect((await fixture.cleaner.run(fixture.target)).outcome).toMatchObject({
      kind: 'failed',
      error: { code: 'neutron.extensions.empty' },
    });
    expect(fixture.network.routers.where((row) => row.project_id === fixture.target)).not.toEqual(
      [],
    );
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
    fixture.addNetworkWithSubnet(fixture.target, 'own');
    const report = await fixture.cleaner.run(fixture.target);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(fixture.rowsOfTarget()).toEqual([]);
    const asked = fixture.cloud.calls
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
    fixture.fill();
    expect((await fixture.cleaner.run(fixture.target)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.cloud.calls.filter(({ status }) => status >= 400)).toEqual([]);
    expect(fixture.rowsOfTarget()).toEqual([]);
  });
  it('include the default statefulness, which is removed for the project and for no other project', async () => {
    await start({ moreExtensions: ['security-groups-default-statefulness'] });
    const { defaultStatefulness } = fixture.network;
    for (const project_id of [fixture.target, fixture.control])
      defaultStatefulness.add({ id: `of ${project_id}`, project_id, stateful: false });
    const report = await fixture.cleaner.run(fixture.target);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(countsOf(report, 'neutron.default-statefulness')).toEqual({
      listed: 1,
      gone: 1,
      left: 0,
    });
    expect(defaultStatefulness.all().map((row) => row.project_id)).toEqual([fixture.control]);
  });
  it('are absent in a cloud without Neutron', async () => {
    await start();
    fixture.cloud.hide('neutron');
    await expect(fixture.cleaner.run(fixture.target)).rejects.toThrow('the catalog has no neutron');
  });
});
