import { designate } from '../../../lib/services/designate.ts';
import { designate as before2023 } from '../../cloud/documented/designate.ts';
import { addZone, MANAGED, setPtr } from '../../cloud/documented/designate-shape.ts';
import { uuid } from '../../cloud/resource-store.ts';
import {
  blockedConditions,
  closeCloudAfterEachTest,
  expectCleanedUp,
  fixture,
  open,
  tables,
} from './designate-fixture.ts';

closeCloudAfterEachTest();

const floatingIps = (project: string = fixture.project) =>
  fixture.rehearsal.state.network.floatingips.where((row) => row.project_id === project);

describe('PTR records of floating IPs', () => {
  const [first, second] = [0, 1];
  const address = (index: number) => {
    const row = floatingIps()[index];
    if (!row) throw new TypeError('too few floating IPs');
    return row;
  };

  it('are unset, and their zone is kept', async () => {
    await open(before2023);
    setPtr(tables(), address(second).id, 'b.example.');
    const report = await fixture.clean(designate);
    expect(report.counts).toMatchObject({
      'designate.ptr-record': { listed: 2, gone: 2, left: 0 },
    });
    expect(fixture.left('designate').filter((one) => one.includes('ptr-record'))).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
    expect(tables().zones.where((zone) => zone.project_id === MANAGED)).toHaveLength(1);
  });

  it('are listed without paging: the link after twenty floating IPs leads to no page', async () => {
    await open();
    const { floatingips } = fixture.rehearsal.state.network;
    const original = address(first);
    for (let n = floatingIps().length; n < 20; n += 1)
      floatingips.add({ ...original, id: uuid(), floating_ip_address: `198.51.100.${n}` });
    expect((await fixture.plan(designate)).counts).toMatchObject({
      'designate.ptr-record': { listed: 1 },
    });
  });

  it('are not changed if Neutron does not show the floating IP as the project’s', async () => {
    await open();
    const [stranger] = floatingIps(fixture.control.projectId);
    fixture.rehearsal.faults.inject({
      service: 'neutron',
      path: /floatingips/,
      effect: { does: 'drop-owner' },
    });
    const report = await fixture.clean(designate);
    expect(blockedConditions(report)).toContainEqual(
      expect.objectContaining({
        resourceType: 'designate.ptr-record',
        message: expect.stringContaining('no owner'),
      }),
    );
    expect(fixture.left('designate')).toContainEqual(expect.stringContaining('ptr-record'));
    expect(stranger).toBeDefined();
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('are not listed in a cloud without Neutron', async () => {
    await open();
    fixture.others = [];
    expect((await fixture.plan(designate)).counts).toMatchObject({
      'designate.ptr-record': { listed: 0 },
    });
  });

  it('are removed before their zone if the project owns the zone', async () => {
    await open(before2023);
    for (const zone of tables().zones.where((row) => row.project_id === MANAGED))
      tables().zones.delete(zone.id);
    const [third, second_, first_] = String(address(second).floating_ip_address)
      .split('.')
      .reverse()
      .slice(1);
    addZone(tables(), fixture.project, `${third}.${second_}.${first_}.in-addr.arpa.`);
    setPtr(tables(), address(second).id, 'own.example.');
    fixture.rememberControls();
    await expectCleanedUp();
    expect(
      fixture.rehearsal.calls.filter((call) => call.method === 'PATCH' && call.status >= 400),
    ).toEqual([]);
  });

  it('do not delay the task while Designate deletes their zone, because it removes them with the zone', async () => {
    await open(before2023);
    const [zone] = tables().zones.where((row) => row.project_id === MANAGED);
    if (zone) zone.action = 'DELETE';
    const report = await fixture.clean(designate);
    expect(report.outcome.kind).toBe('again');
    expect(blockedConditions(report)).toContainEqual(
      expect.objectContaining({ resourceType: 'designate.ptr-record', actor: 'none' }),
    );
  });

  it('are found since 2023.1 after the deletion of their floating IP, in the zone of Designate itself', async () => {
    await open();
    fixture.rehearsal.state.network.floatingips.delete(address(first).id);
    expect((await fixture.plan(designate)).counts).toMatchObject({
      'designate.ptr-record': { listed: 0 },
      'designate.recordset': { listed: 2 },
    });
    await expectCleanedUp();
    // Designate created the SOA and NS records of that zone in the project's name. They are kept.
    const [zone] = tables().zones.where((row) => row.project_id === MANAGED);
    expect(
      tables().recordsets.where((row) => row.zone_id === zone?.id && row.type !== 'PTR'),
    ).toHaveLength(2);
  });

  it('are kept if the address now belongs to another project', async () => {
    await open();
    const mine = address(first);
    const next = { ...mine, id: uuid(), project_id: fixture.control.projectId };
    fixture.rehearsal.state.network.floatingips.delete(mine.id);
    fixture.rehearsal.state.network.floatingips.add(next);
    const record = setPtr(tables(), next.id, 'theirs.example.');
    fixture.rememberControls();
    const report = await fixture.runUntilEnd(designate);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(tables().recordsets.get(record.id)?.ptr).toMatchObject({ ptrdname: 'theirs.example.' });
    expect(report.conditions).toEqual([
      expect.objectContaining({
        class: 'Unsupported',
        example: record.id,
        message: expect.stringContaining('another project'),
      }),
    ]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });
});
