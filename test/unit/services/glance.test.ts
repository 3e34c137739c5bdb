import type { ResourceTypeName } from '../../../events/ids.ts';
import { glance } from '../../../lib/services/glance.ts';
import type { Image } from '../../cloud/rows.ts';
import { CleanupFixture } from './cleanup-fixture.ts';

let fixture: CleanupFixture;
afterEach(() => fixture.close());

const imageNamed = (name: string): Image => {
  const [image] = fixture.rehearsal.state.images.images.where(
    (row) => row.name === name && row.owner === fixture.project,
  );
  if (!image) throw new TypeError(`no image ${name}`);
  return image;
};
const addNamespace = (id: string, owner: string): void => {
  const row = { id, owner, visibility: 'public', protected: true, created_at: 0 };
  fixture.rehearsal.state.images.namespaces.add(row);
  fixture.rememberControls();
};

describe('the cleanup of a project in Glance', () => {
  it('removes plain, protected, hidden, community, shared and deactivated images and metadata definitions', async () => {
    fixture = await CleanupFixture.open();
    expect(fixture.left('glance')).toHaveLength(9);
    const report = await fixture.applyUntilEnd(glance);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('glance')).toEqual([]);
    expect(report.counts).toEqual({
      'glance.image': { listed: 8, gone: 8, left: 0 },
      'glance.metadef-namespace': { listed: 1, gone: 1, left: 0 },
    });
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('counts the resources in phase plan, and changes nothing', async () => {
    fixture = await CleanupFixture.open();
    const before = fixture.left('glance');
    const report = await fixture.plan(glance);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toMatchObject({
      'glance.image': { left: 8 },
      'glance.metadef-namespace': { left: 1 },
    });
    expect(fixture.left('glance')).toEqual(before);
    expect(fixture.rehearsal.state.images.images.where((row) => row.protected)).toHaveLength(4);
  });

  it('counts more images than one page holds', async () => {
    fixture = await CleanupFixture.open();
    const { images } = fixture.rehearsal.state.images;
    const original = imageNamed('community');
    for (let n = 0; n < 2500; n += 1)
      images.add({ ...original, id: `image-${n}`, name: `image-${n}`, os_hidden: n % 2 === 0 });
    const report = await fixture.plan(glance);
    expect(report.counts).toMatchObject({ 'glance.image': { listed: 2508 } });
  });

  it('leaves a public image to the operator, with advice', async () => {
    fixture = await CleanupFixture.open();
    imageNamed('protected').visibility = 'public';
    const report = await fixture.applyUntilEnd(glance);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(fixture.left('glance')).toEqual(['glance.image protected']);
    // A public image that is protected stays protected.
    expect(imageNamed('protected').protected).toBe(true);
    expect(report.conditions).toMatchObject([
      { class: 'Blocked', actor: 'operator', message: expect.stringContaining('public') },
    ]);
    imageNamed('protected').visibility = 'private';
    expect((await fixture.applyUntilEnd(glance)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('glance')).toEqual([]);
  });

  it('reports an image that is in use with the message of Glance, and removes it later', async () => {
    fixture = await CleanupFixture.open();
    const image = imageNamed('image-0');
    image.inUse = true;
    const report = await fixture.applyUntilEnd(glance);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(fixture.left('glance')).toEqual(['glance.image image-0']);
    expect(report.conditions).toMatchObject([
      { class: 'Blocked', actor: 'other-project', message: expect.stringContaining('in use') },
    ]);
    image.inUse = false;
    expect((await fixture.applyUntilEnd(glance)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('glance')).toEqual([]);
  });

  it('reactivates a deactivated image if Glance deletes only active ones', async () => {
    fixture = await CleanupFixture.open();
    // [DEFAULT] delayed_delete: the first DELETE is refused with 400.
    const path = new RegExp(`/${imageNamed('deactivated').id}$`);
    fixture.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      path,
      times: 1,
      effect: { does: 'answer', status: 400 },
    });
    expect((await fixture.applyUntilEnd(glance)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('glance')).toEqual([]);
  });

  it('reports an image that waits for the scrubber as in progress', async () => {
    fixture = await CleanupFixture.open();
    imageNamed('image-0').status = 'pending_delete';
    const report = await fixture.applyUntilEnd(glance);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(report.conditions).toMatchObject([{ class: 'InProgress', actor: 'none' }]);
    expect(fixture.left('glance')).toEqual(['glance.image image-0']);
  });

  it('removes no namespace of another project when Glance decodes the name differently', async () => {
    fixture = await CleanupFixture.open();
    // Glance reads %C3%BC as two characters of Latin-1.
    addNamespace('Ã¼', fixture.control.project.id);
    addNamespace('ü', fixture.project);
    addNamespace('with/slash', fixture.project);
    const report = await fixture.applyUntilEnd(glance);
    expect(fixture.left('glance')).toEqual([
      'glance.metadef-namespace with/slash',
      'glance.metadef-namespace ü',
    ]);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toMatchObject([
      { class: 'Unsupported', actor: 'operator', count: 2 },
    ]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it.each(["');alert(1)//…", 'a//b', '/a', 'a/', '..', '.', 'a/../b'])(
    'retains the namespace %j, whose name cannot be in a path',
    async (name) => {
      fixture = await CleanupFixture.open();
      addNamespace(name, fixture.project);
      const report = await fixture.applyUntilEnd(glance);
      expect(report.outcome).toEqual({ kind: 'finished' });
      expect(fixture.left('glance')).toEqual([`glance.metadef-namespace ${name}`]);
      expect(report.conditions).toMatchObject([
        {
          class: 'Unsupported',
          actor: 'operator',
          example: name,
          advice: expect.stringContaining('metadef_namespaces'),
        },
      ]);
      expect(fixture.controlsAreUntouched).toBe(true);
    },
  );

  it('removes a namespace with any other character in its name', async () => {
    fixture = await CleanupFixture.open();
    addNamespace('a b?c#d%41&e', fixture.project);
    expect((await fixture.applyUntilEnd(glance)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('glance')).toEqual([]);
  });

  it('keeps the owner of a namespace when its removal fails after the protection was removed', async () => {
    fixture = await CleanupFixture.open();
    fixture.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      path: /metadefs/,
      effect: { does: 'answer', status: 500 },
    });
    expect((await fixture.clean(glance)).outcome.kind).toBe('again');
    expect(fixture.left('glance')).toHaveLength(1);
    fixture.rehearsal.faults.clear();
    expect((await fixture.applyUntilEnd(glance)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('glance')).toEqual([]);
  });
});

describe('Glance, with a faulty API', () => {
  const images = /^\/v2\/images/;

  it('removes no resource of other projects when the API ignores the filter by owner', async () => {
    fixture = await CleanupFixture.open();
    fixture.rehearsal.faults.inject({
      service: 'glance',
      method: 'GET',
      path: images,
      effect: { does: 'ignore-filter' },
    });
    const report = await fixture.applyUntilEnd(glance);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toMatchObject([
      {
        class: 'Unexpected',
        actor: 'operator',
        message: expect.stringContaining('resources of other owners'),
      },
    ]);
    expect(fixture.left('glance')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('changes no image without an owner, and is not finished', async () => {
    fixture = await CleanupFixture.open();
    fixture.rehearsal.faults.inject({
      service: 'glance',
      method: 'GET',
      path: images,
      effect: { does: 'drop-owner' },
    });
    const report = await fixture.clean(glance);
    expect(report.outcome.kind).toBe('again');
    expect(
      fixture.left('glance').filter((resource) => resource.startsWith('glance.image')),
    ).toHaveLength(8);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('changes no namespace without an owner, and is not finished', async () => {
    fixture = await CleanupFixture.open();
    fixture.rehearsal.faults.add({
      service: 'glance',
      method: 'GET',
      path: /metadefs/,
      effect: { does: 'drop-owner' },
    });
    expect((await fixture.applyUntilEnd(glance)).outcome.kind).toBe('again');
    expect(fixture.left('glance')).toHaveLength(1);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it.each([
    ['a 500', { does: 'answer', status: 500 }],
    ['a truncated page', { does: 'cut-body' }],
    ['a broken connection', { does: 'cut-connection' }],
    ['a 404', { does: 'answer', status: 404 }],
  ] as const)('does not treat %s on the list as empty', async (_what, effect) => {
    fixture = await CleanupFixture.open();
    fixture.rehearsal.faults.inject({
      service: 'glance',
      method: 'GET',
      path: /os_hidden=true/,
      effect,
    });
    expect((await fixture.applyUntilEnd(glance)).outcome.kind).not.toBe('finished');
    fixture.rehearsal.faults.clear();
    expect((await fixture.applyUntilEnd(glance)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('glance')).toEqual([]);
  });

  it('waits as long as a 429 requires, and skips no resource', async () => {
    fixture = await CleanupFixture.open();
    fixture.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      times: 3,
      effect: { does: 'answer', status: 429, retryAfter: 17 },
    });
    const report = await fixture.clean(glance);
    expect(report.outcome).toMatchObject({
      kind: 'again',
      afterSeconds: 17,
      error: { class: 'Transient', status: 429 },
    });
    expect((await fixture.applyUntilEnd(glance)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('glance')).toEqual([]);
  });

  it('does not finish when a deletion never ends', async () => {
    fixture = await CleanupFixture.open();
    fixture.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      path: images,
      effect: { does: 'endless' },
    });
    const report = await fixture.applyUntilEnd(glance);
    expect(report.outcome.kind).toBe('again');
    expect(report.counts['glance.image' as ResourceTypeName]?.listed).toBeGreaterThan(0);
    expect(fixture.left('glance')).toHaveLength(8);
  });

  it('finishes when the answer to a deletion is lost', async () => {
    fixture = await CleanupFixture.open();
    fixture.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      times: 4,
      effect: { does: 'reset-after' },
    });
    expect((await fixture.applyUntilEnd(glance)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('glance')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('stops and reports to the operator when a call is refused', async () => {
    fixture = await CleanupFixture.open();
    fixture.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      effect: { does: 'answer', status: 403 },
    });
    expect((await fixture.applyUntilEnd(glance)).outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied', service: 'glance' },
    });
    expect(fixture.left('glance')).not.toEqual([]);
  });

  it('is absent if the catalog does not have it', async () => {
    fixture = await CleanupFixture.open();
    fixture.rehearsal.hide('glance');
    fixture.rehearsal.expireTokens();
    expect(await fixture.cloud.api(glance, 'RegionOne')).toBeUndefined();
    const { registrations } = await fixture.cloud.registry();
    expect(registrations.filter(({ type }) => type === 'image')).toEqual([]);
  });
});
