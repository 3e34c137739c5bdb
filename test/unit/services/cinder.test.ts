import { volume as volumeType } from '../../../lib/services/cinder/volume.ts';
import { cinder } from '../../../lib/services/cinder.ts';
import { contextOf } from '../task/context.ts';
import {
  closeCloudAfterEachTest,
  faults,
  finished,
  fixture,
  left,
  MINUTE,
  open,
  setFields,
  volume,
} from './cinder-fixture.ts';

closeCloudAfterEachTest();

describe('the calls to Cinder for its volumes', () => {
  const listed = async (): Promise<string[]> => {
    const { cloud, rehearsal } = fixture.fixture;
    const api = await cloud.api(cinder, 'RegionOne');
    if (!api) throw new TypeError('the cloud has no Cinder');
    rehearsal.calls.length = 0;
    const context = { ...contextOf(fixture.fixture.project), api, now: () => fixture.clock.now() };
    await volumeType('cinder').list(context);
    return [...new Set(rehearsal.calls.map(({ path }) => path.split(/[/?]/)[3] ?? ''))].sort();
  };

  it('are only the listing of volumes while Cinder deletes all volumes, and all listings otherwise', async () => {
    await open();
    for (const row of fixture.storage.volumes.where((one) => one.project_id === fixture.project))
      setFields(row.name, { status: 'deleting', updated_at: fixture.clock.now() });
    expect(await listed()).toEqual(['volumes']);
    fixture.clock.advance(11 * MINUTE);
    const all = ['attachments', 'groups', 'snapshots', 'volume-transfers', 'volumes'];
    expect(await listed()).toEqual(all);
  });
});

describe('the cleanup of a project in Cinder', () => {
  it('removes volumes in every state, snapshots, backups, groups, transfers, type access, the default type and limits', async () => {
    await open();
    await fixture.fixture.deleteProject();
    const resourceTypes = new Set(left().map((resource) => resource.split(' ')[0]));
    expect([...resourceTypes].sort()).toEqual(
      'backup default-type group group-snapshot quota snapshot transfer type-access volume'
        .split(' ')
        .map((resourceType) => `cinder.${resourceType}`),
    );
    expect((await fixture.applyUntilEnd(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('names no actor for a resource that waits only for another resource of the project', async () => {
    await open();
    const first = await fixture.run(cinder);
    fixture.clock.advance(10_000);
    const conditions = [...first.conditions, ...(await fixture.run(cinder)).conditions].filter(
      ({ class: errorClass }) => errorClass === 'Blocked',
    );
    expect(new Set(conditions.map(({ actor }) => actor))).toEqual(new Set(['none']));
    expect(
      new Set(conditions.map(({ resourceType, message }) => `${resourceType}: ${message}`)),
    ).toEqual(
      new Set([
        'cinder.backup: the incremental backups that depend on the backup must be deleted first',
        'cinder.group: the snapshots of the group must be deleted first',
        'cinder.snapshot: Cinder deletes the snapshot with its group snapshot',
        'cinder.volume: the snapshots of the volume must be deleted first',
        'cinder.volume: Cinder deletes the volume with its group',
      ]),
    );
  });

  it('removes no backup before its increments', async () => {
    await open();
    await fixture.applyUntilEnd(cinder);
    expect(left('backup')).toEqual([]);
    expect(fixture.fixture.rehearsal.state.sideEffects).toEqual([]);
  });

  it('counts the resources in phase plan, and changes nothing', async () => {
    await open();
    const before = left();
    const report = await fixture.run(cinder, 'plan');
    expect(report.outcome).toEqual(finished);
    expect(Object.values(report.counts).reduce((sum, count) => sum + (count?.left ?? 0), 0)).toBe(
      before.length,
    );
    expect(left()).toEqual(before);
  });

  it('lists all pages, also those of attachments, which have no links', async () => {
    await open({ pageLimit: 2 });
    for (const name of ['data-2', 'data-3', 'source'])
      fixture.storage.attachments.add({
        id: `to-${name}`,
        volume_id: volume(name).id,
        instance: 'a-server-that-is-gone',
        status: 'attached',
        project_id: fixture.project,
        delete_on_termination: false,
        created_at: fixture.clock.now(),
      });
    faults().inject({
      service: 'cinder',
      method: 'GET',
      path: /\/attachments/,
      effect: { does: 'drop-next', rows: 1 },
    });
    const { counts } = await fixture.run(cinder, 'plan');
    expect(counts).toMatchObject({
      'cinder.attachment': { listed: 3 },
      'cinder.backup': { listed: 3 },
      'cinder.group': { listed: 1 },
    });
    expect((await fixture.applyUntilEnd(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('keeps the limits until the volumes are gone', async () => {
    await open();
    await fixture.run(cinder);
    expect(left('quota')).toHaveLength(1);
  });

  it('finishes and reports the default type if Cinder does not remove it for a deleted project', async () => {
    await open({ defaultTypesOfGoneProjects: false });
    await fixture.fixture.deleteProject();
    const report = await fixture.applyUntilEnd(cinder);
    expect(report.outcome).toEqual(finished);
    expect(left().map((resource) => resource.split(' ')[0])).toEqual(['cinder.default-type']);
    expect(report.conditions).toMatchObject([
      { resourceType: 'cinder.default-type', class: 'Unsupported', actor: 'operator' },
    ]);
  });

  it('lists no default types if Cinder is too old to have them', async () => {
    await open();
    // Seen with 3.59 on Cinder 21.3.
    faults().inject({
      service: 'cinder',
      path: /default-types/,
      effect: { does: 'answer', status: 404 },
    });
    const report = await fixture.applyUntilEnd(cinder);
    expect(report.outcome).toEqual(finished);
    expect(report.conditions).toMatchObject([
      { resourceType: 'cinder.default-type', class: 'Unsupported' },
    ]);
    expect(left('volume')).toEqual([]);
  });
});
