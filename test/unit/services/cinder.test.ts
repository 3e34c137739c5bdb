import { volume as volumeType } from '../../../lib/services/cinder/volume.ts';
import { cinder } from '../../../lib/services/cinder.ts';
import { nova } from '../../../lib/services/nova.ts';
import type { CloudOptions } from '../../cloud/cloud.ts';
import type { Volume } from '../../cloud/rows.ts';
import type { SizeName } from '../../cloud/seed.ts';
import { contextOf } from '../task/context.ts';
import { TimedFixture } from './timed-fixture.ts';

let fixture: TimedFixture;
afterEach(() => fixture.fixture.close());

const MINUTE = 60_000;
const left = (resourceType = '') =>
  fixture.fixture
    .left('cinder')
    .filter((resource) => resource.startsWith(`cinder.${resourceType}`));
const faults = () => fixture.fixture.rehearsal.faults;
const mine = <T extends { project_id: string; name: string }>(
  rows: readonly T[],
  name: string,
): T => {
  const row = rows.find((each) => each.name === name && each.project_id === fixture.project);
  if (!row) throw new TypeError(`nothing is called ${name}`);
  return row;
};
const volume = (name: string): Volume => mine(fixture.storage.volumes.all(), name);
const setFields = (name: string, fields: Partial<Volume>): Volume =>
  Object.assign(volume(name), fields);
const ago = (minutes: number) => fixture.clock.now() - minutes * MINUTE;

/** Without servers, because Cinder runs after Nova. */
async function open(
  options: Omit<CloudOptions, 'clock'> = {},
  size: SizeName = 'small',
): Promise<void> {
  fixture = await TimedFixture.open(options, size);
  await fixture.empty(nova);
}
const finished = { kind: 'finished' };

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

  it('are one listing while Cinder deletes all of them, and all listings otherwise', async () => {
    await open();
    for (const row of fixture.storage.volumes.where((one) => one.project_id === fixture.project))
      setFields(row.name, { status: 'deleting', updated_at: fixture.clock.now() });
    expect(await listed()).toEqual(['volumes']);
    fixture.clock.advance(11 * MINUTE);
    const all = ['attachments', 'groups', 'snapshots', 'volume-transfers', 'volumes'];
    expect(await listed()).toEqual(all);
  });
});

describe('Cinder, emptied of one project', () => {
  it('removes volumes in every state, snapshots, backups, groups, transfers, type access, the default type and limits', async () => {
    await open();
    await fixture.fixture.deleteProject();
    const resourceTypes = new Set(left().map((resource) => resource.split(' ')[0]));
    expect([...resourceTypes].sort()).toEqual(
      'backup default-type group group-snapshot quota snapshot transfer type-access volume'
        .split(' ')
        .map((resourceType) => `cinder.${resourceType}`),
    );
    expect((await fixture.empty(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('reports no actor for a resource that waits only for another resource of the project', async () => {
    await open();
    const first = await fixture.run(cinder);
    fixture.clock.advance(10_000);
    const conditions = [...first.conditions, ...(await fixture.run(cinder)).conditions].filter(
      ({ class: resourceType }) => resourceType === 'Blocked',
    );
    expect(new Set(conditions.map(({ actor }) => actor))).toEqual(new Set(['none']));
    expect(
      new Set(conditions.map(({ resourceType, message }) => `${resourceType}: ${message}`)),
    ).toEqual(
      new Set([
        'cinder.backup: the incremental backups that depend on it must be deleted first',
        'cinder.group: the snapshots of the group must be deleted first',
        'cinder.snapshot: Cinder deletes the snapshot with its group snapshot',
        'cinder.volume: its snapshots must be deleted first',
        'cinder.volume: Cinder deletes the volume with its group',
      ]),
    );
  });

  it('removes no backup before its increments', async () => {
    await open();
    await fixture.empty(cinder);
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
    expect((await fixture.empty(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('keeps the limits until the volumes are gone', async () => {
    await open();
    await fixture.run(cinder);
    expect(left('quota')).toHaveLength(1);
  });

  it('finishes with the default type reported if Cinder does not remove it for a deleted project', async () => {
    await open({ defaultTypesOfGoneProjects: false });
    await fixture.fixture.deleteProject();
    const report = await fixture.empty(cinder);
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
    const report = await fixture.empty(cinder);
    expect(report.outcome).toEqual(finished);
    expect(report.conditions).toMatchObject([
      { resourceType: 'cinder.default-type', class: 'Unsupported' },
    ]);
    expect(left('volume')).toEqual([]);
  });
});

describe('A volume whose deletion does not end', () => {
  it('is deleted again when a busy back end made it available again', async () => {
    await open();
    setFields('busy', { busy: 3 });
    mine(fixture.storage.snapshots.all(), 'source-snapshot').busy = 2;
    expect((await fixture.empty(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('is left while it is deleting, and is deleted by force after too long', async () => {
    await open();
    const stuck = setFields('stuck', { updated_at: ago(9) });
    await fixture.run(cinder);
    expect(stuck.updated_at).toBe(ago(9));
    fixture.clock.advance(2 * MINUTE);
    const since = stuck.updated_at;
    expect((await fixture.run(cinder)).conditions).toContainEqual(
      expect.objectContaining({ resourceType: 'cinder.volume', actor: 'operator', since }),
    );
    fixture.clock.advance(MINUTE);
    expect((await fixture.empty(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('is deleted by force when it hangs in creation, is empty and is not in use', async () => {
    await open();
    const hung = setFields('broken', { status: 'creating', updated_at: fixture.clock.now() });
    const copy = setFields('from-snapshot', {
      status: 'creating',
      updated_at: fixture.clock.now(),
    });
    await fixture.run(cinder);
    expect(hung.status).toBe('creating');
    fixture.clock.advance(2 * MINUTE);
    await fixture.run(cinder);
    expect(hung.status).toBe('deleting');
    // This volume is being filled, which may take long.
    expect(copy.status).toBe('creating');
    copy.status = 'available';
    expect((await fixture.empty(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it.each([
    ['uploading', { status: 'uploading' }],
    ['migrating', { migration_status: 'migrating' }],
    ['maintenance', { status: 'maintenance' }],
  ])(
    'waits while Cinder works on it (%s), and is reported to the operator after an hour',
    async (word, fields) => {
      await open();
      setFields('data-3', { ...fields, updated_at: fixture.clock.now() });
      const preDelete = await fixture.empty(cinder);
      expect(preDelete.outcome.kind).toBe('again');
      expect(preDelete.conditions).toContainEqual(
        expect.objectContaining({
          actor: 'none',
          message: `Cinder is still working on it (status ${word})`,
        }),
      );
      expect(left('volume')).toEqual(['cinder.volume data-3']);
      fixture.clock.advance(61 * MINUTE);
      const late = await fixture.run(cinder);
      expect(late.conditions).toContainEqual(
        expect.objectContaining({
          class: 'Blocked',
          actor: 'operator',
          message: expect.stringContaining(word),
        }),
      );
      expect(left('volume')).toEqual(['cinder.volume data-3']);
    },
  );

  it('is detached from a server that is gone, with or without a row of the attachment', async () => {
    await open();
    fixture.storage.attachments.add({
      id: 'leftover',
      volume_id: setFields('data-2', { status: 'in-use' }).id,
      instance: 'a-server-that-is-gone',
      status: 'attached',
      project_id: fixture.project,
      delete_on_termination: false,
      created_at: fixture.clock.now(),
    });
    setFields('data-3', { status: 'in-use' });
    setFields('busy', { status: 'detaching' });
    setFields('broken', { status: 'awaiting-transfer' });
    expect((await fixture.empty(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('is not detached from an existing server, of this project or another one', async () => {
    fixture = await TimedFixture.open();
    const [foreign] = fixture.compute.servers.where((row) => row.project_id === fixture.stranger);
    fixture.storage.attachments.add({
      id: 'abroad',
      volume_id: setFields('data-3', { status: 'in-use' }).id,
      instance: foreign?.id ?? '',
      status: 'attached',
      project_id: fixture.project,
      delete_on_termination: false,
      created_at: fixture.clock.now(),
    });
    const before = fixture.storage.attachments.where(
      (row) => row.project_id === fixture.project,
    ).length;
    const report = await fixture.empty(cinder);
    expect(report.outcome.kind).toBe('again');
    expect(
      fixture.storage.attachments.where((row) => row.project_id === fixture.project),
    ).toHaveLength(before);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'cinder.attachment',
        actor: 'none',
        message: expect.stringContaining('of the project'),
      }),
    );
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'cinder.attachment',
        actor: 'other-project',
        example: 'abroad',
        message: expect.stringContaining('another'),
      }),
    );
    expect(left('volume').sort()).toEqual([
      'cinder.volume data-0',
      'cinder.volume data-1',
      'cinder.volume data-3',
    ]);
  });
});

it('A volume is not detached from an existing server when the list of attachments leaves it out', async () => {
  fixture = await TimedFixture.open();
  faults().inject({
    service: 'cinder',
    method: 'GET',
    path: /\/attachments/,
    effect: { does: 'drop-next', rows: 0 },
  });
  const before = JSON.stringify(fixture.storage.attachments.all());
  expect((await fixture.empty(cinder)).outcome.kind).toBe('again');
  expect(JSON.stringify(fixture.storage.attachments.all())).toBe(before);
  expect(volume('data-0')).toMatchObject({ status: 'in-use' });
});

describe('A deletion in Cinder that would remove other resources', () => {
  it('is not sent for a volume of which another project has a snapshot', async () => {
    await open();
    const snapshot = {
      ...mine(fixture.storage.snapshots.all(), 'source-snapshot'),
      id: 'theirs',
      project_id: fixture.stranger,
    };
    fixture.storage.snapshots.add(snapshot);
    fixture.remember();
    const report = await fixture.empty(cinder);
    expect(left('volume')).toEqual(['cinder.volume source']);
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'cinder.volume',
        class: 'Blocked',
        actor: 'other-project',
        message: expect.stringContaining('snapshots'),
      }),
    );
    expect(fixture.controlsAreUntouched).toBe(true);
    fixture.storage.snapshots.delete('theirs');
    expect((await fixture.empty(cinder)).outcome).toEqual(finished);
  });

  it('is not sent for a group with a volume of another project', async () => {
    await open();
    const group = mine(fixture.storage.groups.all(), 'group');
    const [theirs] = fixture.storage.volumes.where(
      (row) => row.project_id === fixture.stranger && row.group_id === null,
    );
    if (theirs) theirs.group_id = group.id;
    fixture.remember();
    const report = await fixture.empty(cinder);
    expect(left('group ')).toEqual(['cinder.group group']);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'cinder.group',
        class: 'Blocked',
        actor: 'operator',
        message: expect.stringContaining('another project'),
      }),
    );
    expect(fixture.controlsAreUntouched).toBe(true);
    if (theirs) theirs.group_id = null;
    expect((await fixture.empty(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });
});

describe('Cinder, when one of its services fails', () => {
  it('does not take a 404 about cinder-backup for a deleted backup, and removes the other types', async () => {
    await open({ backupService: false });
    const report = await fixture.empty(cinder);
    expect(report.outcome.kind).toBe('again');
    expect(
      left()
        .filter((resource) => !resource.startsWith('cinder.quota'))
        .sort(),
    ).toEqual(['full', 'increment-1', 'increment-2'].map((name) => `cinder.backup ${name}`));
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'cinder.backup',
        class: 'Blocked',
        actor: 'operator',
        message: expect.stringContaining('cinder-backup'),
      }),
    );
  });

  it('resets and deletes snapshots, group snapshots, groups and backups whose deletion hangs or failed', async () => {
    await open();
    const { snapshots, groupSnapshots, backups, groups } = fixture.storage;
    mine(snapshots.all(), 'data-0-snapshot-0').status = 'error_deleting';
    Object.assign(mine(snapshots.all(), 'data-1-snapshot-0'), {
      status: 'deleting',
      updated_at: ago(11),
    });
    mine(backups.all(), 'increment-2').status = 'error_deleting';
    Object.assign(mine(backups.all(), 'increment-1'), { status: 'deleting', updated_at: ago(61) });
    const hanging = mine(groupSnapshots.all(), 'group-snapshot');
    hanging.status = 'deleting';
    for (const part of snapshots.where((row) => row.group_snapshot_id === hanging.id))
      part.updated_at = ago(11);
    mine(groups.all(), 'group').status = 'error_deleting';
    expect((await fixture.empty(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
    expect(fixture.fixture.rehearsal.state.sideEffects).toEqual([]);
  });

  it('recognizes by its volumes a group whose deletion hangs, and deletes it again', async () => {
    await open();
    faults().inject({
      service: 'cinder',
      method: 'POST',
      path: /\/groups\//,
      times: 1,
      effect: { does: 'endless' },
    });
    await fixture.empty(cinder);
    expect(left('group ')).toHaveLength(1);
    fixture.clock.advance(11 * MINUTE);
    expect((await fixture.empty(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('does not finish when deletions never end', async () => {
    await open();
    const fault = faults().inject({ service: 'cinder', effect: { does: 'endless' } });
    expect((await fixture.empty(cinder)).outcome.kind).toBe('again');
    expect(left('volume')).toHaveLength(12);
    fault.clear();
    fixture.clock.advance(61 * MINUTE);
    expect((await fixture.empty(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });
});

describe('Cinder, with a faulty API', () => {
  it('removes no resource of other projects when the API ignores the filter by project', async () => {
    await open();
    faults().inject({ service: 'cinder', method: 'GET', effect: { does: 'ignore-filter' } });
    const report = await fixture.empty(cinder);
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ message: expect.stringContaining('resources of other owners') }),
    );
    expect(left()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('changes no resource without an owner, and is not finished', async () => {
    await open();
    const before = left();
    faults().inject({ service: 'cinder', method: 'GET', effect: { does: 'drop-owner' } });
    expect((await fixture.empty(cinder)).outcome.kind).not.toBe('finished');
    expect(left('volume')).toEqual(
      before.filter((resource) => resource.startsWith('cinder.volume')),
    );
    expect(left('snapshot')).toEqual(
      before.filter((resource) => resource.startsWith('cinder.snapshot')),
    );
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it.each([
    '/volumes/detail',
    '/snapshots/detail',
    '/backups/detail',
    '/groups/detail',
    '/group_snapshots/detail',
    '/volume-transfers/detail',
    '/attachments',
    '/types\\?',
    '/os-volume-type-access',
    '/default-types',
    '/os-quota-sets/[^/]*$',
    '/defaults',
  ])('does not treat a failed list of %s as empty', async (path) => {
    await open({}, 'tiny');
    const effects = [
      { does: 'answer', status: 500 },
      { does: 'answer', status: 403 },
      { does: 'cut-body' },
      { does: 'cut-connection' },
    ] as const;
    for (const effect of effects) {
      const fault = faults().inject({
        service: 'cinder',
        method: 'GET',
        path: new RegExp(path),
        effect,
      });
      expect((await fixture.empty(cinder)).outcome.kind).not.toBe('finished');
      fault.clear();
    }
    expect((await fixture.empty(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('retries after a 409', async () => {
    await open();
    faults().inject({
      service: 'cinder',
      method: 'DELETE',
      path: /\/volumes\//,
      times: 3,
      effect: { does: 'answer', status: 409 },
    });
    expect((await fixture.run(cinder)).outcome).toMatchObject({
      kind: 'again',
      error: { class: 'Transient', status: 409 },
    });
    expect((await fixture.empty(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('waits as long as a 429 requires, and skips no resource', async () => {
    await open();
    const effect = { does: 'answer', status: 429, retryAfter: 17 } as const;
    faults().inject({ service: 'cinder', method: 'DELETE', path: /\/volumes\//, times: 3, effect });
    expect((await fixture.run(cinder)).outcome).toMatchObject({
      kind: 'again',
      afterSeconds: 17,
      error: { class: 'Transient', status: 429 },
    });
    fixture.clock.advance(17_000);
    expect((await fixture.empty(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('finishes when the answer to a deletion is lost', async () => {
    await open();
    faults().inject({
      service: 'cinder',
      method: 'DELETE',
      times: 6,
      effect: { does: 'reset-after' },
    });
    expect((await fixture.empty(cinder)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('stops and reports to the operator when a call is refused', async () => {
    await open();
    faults().inject({
      service: 'cinder',
      method: 'DELETE',
      path: /\/volumes\//,
      effect: { does: 'answer', status: 403 },
    });
    expect((await fixture.empty(cinder)).outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied', service: 'cinder' },
    });
    expect(left('volume')).not.toEqual([]);
  });

  it('is not changed if it is too old to show the owner of a resource', async () => {
    fixture = await TimedFixture.open({
      microversions: { compute: '2.93', volume: '3.50', placement: '1.39' },
    });
    const before = left();
    await expect(fixture.run(cinder)).rejects.toMatchObject({ report: { class: 'Unsupported' } });
    expect(left()).toEqual(before);
  });

  it('is absent if the catalog does not have it', async () => {
    fixture = await TimedFixture.open();
    fixture.fixture.rehearsal.hide('cinder');
    fixture.fixture.rehearsal.expireTokens();
    expect(await fixture.fixture.cloud.api(cinder, 'RegionOne')).toBeUndefined();
  });
});
