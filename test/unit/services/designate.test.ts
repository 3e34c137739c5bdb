import { designate } from '../../../lib/services/designate.ts';
import { neutron } from '../../../lib/services/neutron.ts';
import { designate as before2023, designateWithShares } from '../../cloud/documented/designate.ts';
import {
  addRecordset,
  addZone,
  SHARING_PROJECT,
  topOf,
  type Zone,
} from '../../cloud/documented/designate-shape.ts';
import { uuid } from '../../cloud/resource-store.ts';
import {
  blockedConditions,
  closeCloudAfterEachTest,
  expectCleanedUp,
  fixture,
  open,
  tables,
} from './designate-fixture.ts';
import { testServiceContract } from './service-contract.ts';

testServiceContract(designate, {
  with: [designateWithShares],
  others: [neutron],
  ownerElsewhere: ['ptr-record', 'quota', 'zone-share'],
  removals: [{ method: 'DELETE' }, { method: 'PATCH' }],
});

closeCloudAfterEachTest();

const MINUTE = 60_000;

/** A zone of the customer, by the labels below the customer's top zone. */
const zoneOf = (below: string): Zone => {
  const [row] = tables().zones.where(
    ({ name }) => name === `${below}${topOf({ id: fixture.project })}`,
  );
  if (!row) throw new TypeError(`no zone ${below}`);
  return row;
};

describe('the cleanup of a project in Designate', () => {
  it.each([
    ['before 2023.1', before2023],
    ['since 2023.1', designateWithShares],
  ])('removes everything, also after Keystone deleted the project (%s)', async (_release, fake) => {
    await open(fake);
    expect(fixture.left('designate')).toContainEqual(
      expect.stringContaining('designate.ptr-record'),
    );
    await fixture.deleteProject();
    await expectCleanedUp();
  });

  it('removes a zone only after its child zones are gone', async () => {
    await open();
    const ids = ['deep.child.', 'child.', ''].map((below) => zoneOf(below).id);
    const reasons = new Set<string>();
    const report = await fixture.runUntilEnd(designate, {}, (each) => {
      for (const { message, actor } of blockedConditions(each))
        reasons.add(`${message} (${actor})`);
    });
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect([...reasons]).toEqual(['the child zones of the zone must be deleted first (none)']);
    const orders = fixture.rehearsal.calls.filter(
      (call) => call.method === 'DELETE' && /zones\/[^/]+$/.test(call.path),
    );
    expect(
      orders
        .filter((call) => ids.some((id) => call.path.endsWith(id)))
        .map((call) => [call.path, call.status]),
    ).toEqual(ids.map((id) => [`/v2/zones/${id}`, 202]));
  });

  it('lists all pages, also if their links name another host', async () => {
    await open();
    const { imports } = tables();
    for (let n = 0; n < 1000; n += 1)
      imports.add({ id: `import-${n}`, project_id: fixture.project, zone_id: null });
    const report = await fixture.plan(designate);
    expect(report.counts).toMatchObject({
      'designate.zone-import': { listed: 1001 },
      'designate.zone': { listed: 4 },
    });
  });

  it('does not report a zone as removed while its deletion is in progress', async () => {
    await open(before2023);
    fixture.rehearsal.faults.inject({
      service: 'designate',
      method: 'DELETE',
      effect: { does: 'endless' },
    });
    const report = await fixture.clean(designate);
    expect(report.counts).toMatchObject({ 'designate.zone': { listed: 4, gone: 0, left: 4 } });
    expect(report.outcome).toMatchObject({ kind: 'again', afterSeconds: 0, error: undefined });
  });

  it('reports since when a deletion hangs, and does not repeat it', async () => {
    await open();
    const deep = zoneOf('deep.child.');
    Object.assign(deep, {
      action: 'DELETE',
      status: 'PENDING',
      updated_at: Date.now() - 20 * MINUTE,
    });
    const report = await fixture.clean(designate);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        class: 'InProgress',
        actor: 'operator',
        example: deep.id,
        since: deep.updated_at,
      }),
    );
    deep.updated_at = Date.now() - MINUTE;
    expect((await fixture.clean(designate)).conditions).toContainEqual(
      expect.objectContaining({ class: 'InProgress', actor: 'none', example: deep.id }),
    );
    expect(
      fixture.rehearsal.calls.filter(
        (call) => call.method === 'DELETE' && call.path.includes(deep.id),
      ),
    ).toEqual([]);
  });

  it('leaves a deletion that ended in ERROR to the operator, with advice on abandoning the zone', async () => {
    await open();
    const stubborn = zoneOf('deep.child.');
    stubborn.stubborn = true;
    const report = await fixture.runUntilEnd(designate);
    expect(blockedConditions(report)).toContainEqual(
      expect.objectContaining({
        actor: 'operator',
        example: stubborn.id,
        advice: expect.stringContaining('openstack zone abandon'),
      }),
    );
    // The limits are kept while resources are left.
    expect(fixture.left('designate').filter((one) => !one.startsWith('designate.zone '))).toEqual([
      'designate.quota quota',
      expect.stringMatching(/^designate.recordset/),
      expect.stringMatching(/^designate.recordset/),
      expect.stringMatching(/^designate.recordset/),
      expect.stringMatching(/^designate.recordset/),
      expect.stringMatching(/^designate.zone-share/),
    ]);
    expect(
      fixture.rehearsal.calls.filter(
        (call) => call.service === 'designate' && call.method === 'POST',
      ),
    ).toEqual([]);
  });

  it('treats a zone without a project as the cloud’s own', async () => {
    await open();
    const common = addZone(tables(), null, 'common.example.');
    tables().exports.add({ id: uuid(), project_id: null, zone_id: common.id });
    await expectCleanedUp();
    expect(tables().zones.get(common.id)).toMatchObject({ action: 'NONE' });
    expect(tables().exports.where((row) => row.project_id === null)).toHaveLength(1);
  });
});

describe('Designate, with zones that several projects use', () => {
  it('reports a child zone of another project, and does not change it', async () => {
    await open(before2023);
    const childZone = addZone(tables(), 'stranger', `given.${topOf({ id: fixture.project })}`);
    fixture.rememberControls();
    const report = await fixture.runUntilEnd(designate);
    expect(blockedConditions(report)).toEqual([
      expect.objectContaining({
        actor: 'other-project',
        example: zoneOf('').id,
        message: 'the zone has 1 child zone of project stranger',
      }),
    ]);
    expect(fixture.controlsAreUntouched).toBe(true);
    expect(childZone.action).toBe('NONE');
    tables().zones.delete(childZone.id);
    fixture.rememberControls();
    await expectCleanedUp();
  });

  it('keeps a shared zone while it has a recordset of another project', async () => {
    await open();
    const guest = addRecordset(
      tables(),
      zoneOf(''),
      SHARING_PROJECT,
      `guest.${topOf({ id: fixture.project })}`,
    );
    // A recordset that an administrator created in the zone does not block the deletion.
    addRecordset(
      tables(),
      zoneOf(''),
      'administration',
      `helped.${topOf({ id: fixture.project })}`,
    );
    fixture.rememberControls();
    const report = await fixture.runUntilEnd(designate);
    expect(blockedConditions(report)).toEqual([
      expect.objectContaining({
        actor: 'other-project',
        message: 'the shared zone contains 1 recordset of project lender',
      }),
    ]);
    expect(fixture.controlsAreUntouched).toBe(true);
    tables().recordsets.delete(guest.id);
    for (const row of tables().recordsets.where(
      ({ project_id }) => project_id === 'administration',
    ))
      tables().recordsets.delete(row.id);
    fixture.rememberControls();
    await expectCleanedUp();
  });

  it('keeps a zone that another project shares or offers, and does not report the API as faulty', async () => {
    await open();
    const [lent] = tables().zones.where(({ name }) => name === 'lent.example.');
    const offer = {
      id: uuid(),
      zone_id: lent?.id ?? '',
      zone_name: 'lent.example.',
      project_id: SHARING_PROJECT,
      target_project_id: fixture.project,
    };
    tables().transferRequests.add(offer);
    fixture.rememberControls();
    const report = await fixture.runUntilEnd(designate, {}, ({ conditions }) => {
      expect(conditions.filter((one) => one.class === 'Unexpected')).toEqual([]);
    });
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(fixture.controlsAreUntouched).toBe(true);
    expect(tables().transferRequests.get(offer.id)).toBeDefined();
    expect(
      tables().recordsets.where(
        (row) => row.zone_id === lent?.id && !['SOA', 'NS'].includes(row.type),
      ),
    ).toEqual([expect.objectContaining({ project_id: fixture.control.projectId })]);
  });

  it('removes the records in a zone of another project, and then the share', async () => {
    await open();
    const lent = tables().sharing.where((row) => row.target_project_id === fixture.project);
    expect(lent).toHaveLength(1);
    const report = await fixture.runUntilEnd(designate);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toMatchObject({ 'designate.zone-share': { listed: 0, left: 0 } });
    expect(tables().sharing.get(lent[0]?.id ?? '')).toBeUndefined();
    expect(tables().zones.where(({ name }) => name === 'lent.example.')).toHaveLength(1);
    // The share of the same zone with the control project is kept.
    expect(
      tables().sharing.where((row) => row.target_project_id === fixture.control.projectId),
    ).toHaveLength(1);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('keeps and reports a record that an administrator created for this project in the zone of another project', async () => {
    await open();
    const zone = addZone(tables(), 'stranger', 'stranger.example.', fixture.project);
    const record = addRecordset(tables(), zone, fixture.project, 'www.stranger.example.');
    const report = await fixture.runUntilEnd(designate);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toEqual([
      expect.objectContaining({
        class: 'Unsupported',
        actor: 'operator',
        example: record.id,
        message: expect.stringContaining('not shared'),
      }),
    ]);
    expect(fixture.left('designate')).toEqual(['designate.recordset www.stranger.example.']);
    // Designate created the SOA and NS records of that zone in the project's name, too.
    expect(tables().recordsets.where((row) => row.zone_id === zone.id)).toHaveLength(3);
  });
});

describe('the limits of Designate', () => {
  it('are compared with the defaults without creating a row', async () => {
    await open();
    const { quotas } = tables();
    expect((await fixture.plan(designate)).counts).toMatchObject({
      'designate.quota': { listed: 1 },
    });
    quotas.add({ id: fixture.project, values: { zones: 10 } });
    expect((await fixture.plan(designate)).counts).toMatchObject({
      'designate.quota': { listed: 0 },
    });
    quotas.delete(fixture.project);
    expect((await fixture.plan(designate)).counts).toMatchObject({
      'designate.quota': { listed: 0 },
    });
    expect(quotas.get(fixture.project)).toBeUndefined();
    expect(quotas.get('none')).toBeUndefined();
  });
});
