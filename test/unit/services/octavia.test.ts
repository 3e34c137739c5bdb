import { neutron } from '../../../lib/services/neutron.ts';
import { octavia } from '../../../lib/services/octavia.ts';
import {
  addLoadBalancer,
  octavia as fake,
  type LoadBalancer,
  octaviaIn,
} from '../../cloud/documented/octavia.ts';
import { CleanupFixture } from './cleanup-fixture.ts';
import { testServiceContract } from './service-contract.ts';

testServiceContract(octavia, { with: [fake] });

const MINUTE = 60_000;
let fixture: CleanupFixture;
beforeEach(async () => {
  fixture = await CleanupFixture.open({ with: [fake], durations: { documented: 5 } });
});
afterEach(() => fixture.close());

const tables = () => octaviaIn(fixture.rehearsal.state);
const balancer = (name: string): LoadBalancer => {
  const [row] = tables().loadBalancers.where(
    (one) => one.name === name && one.project_id === fixture.project,
  );
  if (!row) throw new TypeError(`no load balancer ${name}`);
  return row;
};
/** Sets the provisioning status of a load balancer, as if it had changed some minutes ago. */
const setStatus = (name: string, provisioning_status: string, minutes: number): void => {
  Object.assign(balancer(name), { provisioning_status, updated_at: Date.now() - minutes * MINUTE });
};
const blocked = (report: { conditions: readonly { class: string }[] }) =>
  report.conditions.filter((one) => one.class === 'Blocked');

describe('the cleanup of a project in Octavia', () => {
  it('removes load balancers with all their parts, also broken ones, and the limits last', async () => {
    const first = await fixture.clean(octavia);
    expect(first.outcome).toEqual({ kind: 'again', afterSeconds: 0, error: undefined });
    expect(first.counts['octavia.load-balancer' as never]).toEqual({ listed: 3, gone: 0, left: 3 });
    expect(fixture.left('octavia')).toContain('octavia.quota quota');
    expect((await fixture.runUntilEnd(octavia)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('octavia')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('lists all pages of load balancers', async () => {
    await fixture.close();
    fixture = await CleanupFixture.open({ with: [fake], pageLimit: 2 });
    for (let n = 0; n < 4; n += 1) addLoadBalancer(tables(), fixture.customer.project, `more-${n}`);
    const report = await fixture.plan(octavia);
    expect(report.counts).toMatchObject({
      'octavia.load-balancer': { listed: 7 },
      'octavia.quota': { listed: 1 },
    });
  });

  it('lists everything in one page with a negative page limit', async () => {
    tables().hasNegativePageLimit = true;
    expect((await fixture.runUntilEnd(octavia)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('octavia')).toEqual([]);
  });

  it('waits for a load balancer that a worker changes, and removes it afterwards', async () => {
    setStatus('web', 'PENDING_UPDATE', 1);
    const report = await fixture.applyUntilEnd(octavia);
    expect(report.outcome.kind).toBe('again');
    expect(blocked(report)).toEqual([
      expect.objectContaining({
        actor: 'none',
        message: 'Octavia is processing the load balancer (PENDING_UPDATE)',
        example: balancer('web').id,
      }),
    ]);
    expect(balancer('web').provisioning_status).toBe('PENDING_UPDATE');
    setStatus('web', 'ACTIVE', 0);
    expect((await fixture.runUntilEnd(octavia)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('octavia')).toEqual([]);
  });

  it('reports a load balancer that is pending for long, with its age, and removes the others', async () => {
    setStatus('web', 'PENDING_UPDATE', 30);
    Object.assign(balancer('bare'), {
      provisioning_status: 'PENDING_CREATE',
      created_at: Date.now() - 90 * MINUTE,
      updated_at: null,
    });
    let report = await fixture.runUntilEnd(octavia);
    expect(blocked(report)).toHaveLength(2);
    for (const condition of blocked(report))
      expect(condition).toMatchObject({
        actor: 'operator',
        message: expect.stringMatching(/PENDING_(CREATE|UPDATE) since 20.*Z/),
        advice: expect.stringMatching(/ERROR in the Octavia database/),
      });
    expect(fixture.left('octavia').sort()).toEqual([
      'octavia.load-balancer bare',
      'octavia.load-balancer web',
      'octavia.quota quota',
    ]);
    setStatus('web', 'ERROR', 0);
    setStatus('bare', 'ERROR', 0);
    report = await fixture.runUntilEnd(octavia);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('octavia')).toEqual([]);
  });

  it('reports since when a deletion hangs, and does not repeat it', async () => {
    setStatus('web', 'PENDING_DELETE', 5);
    setStatus('bare', 'PENDING_DELETE', 50);
    const brokenId = balancer('broken').id;
    const report = await fixture.applyUntilEnd(octavia);
    const pending = report.conditions.filter((one) => one.class === 'InProgress');
    expect(pending).toContainEqual(
      expect.objectContaining({
        actor: 'operator',
        example: balancer('bare').id,
        since: expect.any(Number),
      }),
    );
    expect(pending).toContainEqual(
      expect.objectContaining({ actor: 'none', example: balancer('web').id }),
    );
    expect(pending).toHaveLength(2);
    const deletions = fixture.rehearsal.calls.filter(
      (call) => call.method === 'DELETE' && /loadbalancers/.test(call.path),
    );
    expect(deletions.map((call) => call.path)).toEqual([expect.stringContaining(brokenId)]);
  });

  it('reports removals that end in ERROR, and repeats them', async () => {
    balancer('web').failing = 2;
    const messages = new Set<string>();
    const lastReport = await fixture.runUntilEnd(octavia, {}, (report) => {
      for (const one of blocked(report)) messages.add(JSON.stringify(one));
    });
    expect([...messages]).toEqual([
      expect.stringMatching(/the load balancer changed to ERROR less than an hour ago.*"operator"/),
    ]);
    expect(lastReport.outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('octavia')).toEqual([]);
  });

  it('leaves a load balancer to the operator if its provider no longer deletes it', async () => {
    balancer('web').provider = 'retired';
    const report = await fixture.runUntilEnd(octavia);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(blocked(report)).toEqual([
      expect.objectContaining({
        actor: 'operator',
        message: expect.stringContaining("'retired' is not enabled"),
      }),
    ]);
    expect(fixture.left('octavia')).toEqual(['octavia.load-balancer web', 'octavia.quota quota']);
  });

  it('creates no quota row by listing, and treats a row without limits as none', async () => {
    const { quotas } = tables();
    quotas.delete(fixture.project);
    expect((await fixture.plan(octavia)).counts).toMatchObject({ 'octavia.quota': { listed: 0 } });
    expect(quotas.get(fixture.project)).toBeUndefined();
    quotas.add({ id: fixture.project, limits: { listener: null } });
    expect((await fixture.plan(octavia)).counts).toMatchObject({ 'octavia.quota': { listed: 0 } });
    quotas.add({ id: fixture.project, limits: { listener: 0 } });
    expect((await fixture.plan(octavia)).counts).toMatchObject({ 'octavia.quota': { listed: 1 } });
  });

  it('does not treat the defaults that Octavia 2026.2 writes into the row as limits of the project', async () => {
    tables().writesDefaults = true;
    expect((await fixture.runUntilEnd(octavia)).outcome).toEqual({ kind: 'finished' });
    expect(tables().quotas.get(fixture.project)?.limits).toMatchObject({ loadbalancer: -1 });
    const resets = () =>
      fixture.rehearsal.calls.filter(
        (call) => call.method === 'DELETE' && call.path.includes('/quotas/'),
      );
    expect(resets()).toHaveLength(1);
    expect((await fixture.clean(octavia)).outcome).toEqual({ kind: 'finished' });
    expect(resets()).toHaveLength(1);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('lists and removes everything after Keystone deleted the project', async () => {
    await fixture.deleteProject();
    expect((await fixture.runUntilEnd(octavia)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('octavia')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });
});

describe('VIP ports, when Neutron is emptied', () => {
  const vips = () =>
    fixture.rehearsal.state.network.ports.where(
      (row) => row.device_owner === 'Octavia' && row.project_id === fixture.project,
    );

  it('are kept while their load balancer exists, and are removed with it', async () => {
    const apiOf = async (name: string) =>
      name === 'octavia' ? fixture.cloud.api(octavia, 'RegionOne') : undefined;
    const report = await fixture.clean(neutron, { apiOf });
    expect(vips()).toHaveLength(3);
    expect(blocked(report)).toContainEqual(
      expect.objectContaining({
        resourceType: 'neutron.port',
        actor: 'none',
        message: 'octavia still has the load balancer that uses the port',
        count: 3,
      }),
    );
    expect((await fixture.runUntilEnd(octavia)).outcome).toEqual({ kind: 'finished' });
    expect(vips()).toEqual([]);
    expect(fixture.rehearsal.state.sideEffects).toEqual([]);
  });

  it('are kept for a person if their device id names no load balancer', async () => {
    for (const port of vips()) Object.assign(port, { device_id: 'unknown' });
    const apiOf = async (name: string) =>
      name === 'octavia' ? fixture.cloud.api(octavia, 'RegionOne') : undefined;
    const report = await fixture.clean(neutron, { apiOf });
    expect(vips()).toHaveLength(3);
    expect(blocked(report)).toContainEqual(
      expect.objectContaining({
        resourceType: 'neutron.port',
        actor: 'operator',
        message: expect.stringContaining('its device_id contains no id of a load balancer'),
      }),
    );
  });

  it('are removed by Neutron if their load balancer is gone', async () => {
    expect(vips()).not.toEqual([]);
    const { loadBalancers } = tables();
    for (const row of loadBalancers.where(({ project_id }) => project_id === fixture.project))
      loadBalancers.delete(row.id);
    const apiOf = async (name: string) =>
      name === 'octavia' ? fixture.cloud.api(octavia, 'RegionOne') : undefined;
    await fixture.clean(neutron, { apiOf });
    expect(vips()).toEqual([]);
  });
});
