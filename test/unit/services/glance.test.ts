import type { ResourceTypeName } from '../../../events/ids.ts';
import { glance } from '../../../lib/services/glance.ts';
import type { Image } from '../../cloud/rows.ts';
import { Stage } from './emptying.ts';

let stage: Stage;
afterEach(() => stage.close());

const imageNamed = (name: string): Image => {
  const [image] = stage.rehearsal.state.images.images.where(
    (row) => row.name === name && row.owner === stage.project,
  );
  if (!image) throw new TypeError(`no image ${name}`);
  return image;
};
const namespace = (id: string, owner: string): void => {
  const row = { id, owner, visibility: 'public', protected: true, created_at: 0 };
  stage.rehearsal.state.images.namespaces.add(row);
  stage.remember();
};

describe('Glance, emptied of one project', () => {
  it('removes plain, protected, hidden, community, shared and deactivated images and metadata definitions', async () => {
    stage = await Stage.open();
    expect(stage.left('glance')).toHaveLength(9);
    const report = await stage.empty(glance);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(stage.left('glance')).toEqual([]);
    expect(report.counts).toEqual({
      'glance.image': { listed: 8, gone: 8, left: 0 },
      'glance.metadef-namespace': { listed: 1, gone: 1, left: 0 },
    });
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it('counts the resources in phase plan, and changes nothing', async () => {
    stage = await Stage.open();
    const before = stage.left('glance');
    const report = await stage.plan(glance);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toMatchObject({
      'glance.image': { left: 8 },
      'glance.metadef-namespace': { left: 1 },
    });
    expect(stage.left('glance')).toEqual(before);
    expect(stage.rehearsal.state.images.images.where((row) => row.protected)).toHaveLength(4);
  });

  it('counts more images than one page holds', async () => {
    stage = await Stage.open();
    const { images } = stage.rehearsal.state.images;
    const like = imageNamed('community');
    for (let n = 0; n < 2500; n += 1)
      images.add({ ...like, id: `image-${n}`, name: `image-${n}`, os_hidden: n % 2 === 0 });
    const report = await stage.plan(glance);
    expect(report.counts).toMatchObject({ 'glance.image': { listed: 2508 } });
  });

  it('leaves a public image to the operator, with advice', async () => {
    stage = await Stage.open();
    imageNamed('protected').visibility = 'public';
    const report = await stage.empty(glance);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(stage.left('glance')).toEqual(['glance.image protected']);
    // A public image that is protected stays protected.
    expect(imageNamed('protected').protected).toBe(true);
    expect(report.conditions).toMatchObject([
      { class: 'Blocked', actor: 'operator', message: expect.stringContaining('public') },
    ]);
    imageNamed('protected').visibility = 'private';
    expect((await stage.empty(glance)).outcome).toEqual({ kind: 'finished' });
    expect(stage.left('glance')).toEqual([]);
  });

  it('reports an image that is in use with the message of Glance, and removes it later', async () => {
    stage = await Stage.open();
    const image = imageNamed('image-0');
    image.inUse = true;
    const report = await stage.empty(glance);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(stage.left('glance')).toEqual(['glance.image image-0']);
    expect(report.conditions).toMatchObject([
      { class: 'Blocked', actor: 'other-project', message: expect.stringContaining('in use') },
    ]);
    image.inUse = false;
    expect((await stage.empty(glance)).outcome).toEqual({ kind: 'finished' });
    expect(stage.left('glance')).toEqual([]);
  });

  it('reactivates a deactivated image if Glance deletes only active ones', async () => {
    stage = await Stage.open();
    // [DEFAULT] delayed_delete: the first DELETE is refused with 400.
    const path = new RegExp(`/${imageNamed('deactivated').id}$`);
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      path,
      times: 1,
      effect: { does: 'answer', status: 400 },
    });
    expect((await stage.empty(glance)).outcome).toEqual({ kind: 'finished' });
    expect(stage.left('glance')).toEqual([]);
  });

  it('reports an image that waits for the scrubber neither as removed nor as failed', async () => {
    stage = await Stage.open();
    imageNamed('image-0').status = 'pending_delete';
    const report = await stage.empty(glance);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(report.conditions).toMatchObject([{ class: 'InProgress', actor: 'none' }]);
    expect(stage.left('glance')).toEqual(['glance.image image-0']);
  });

  it('removes no namespace of another project when Glance decodes the name differently', async () => {
    stage = await Stage.open();
    // Glance reads %C3%BC as two characters of Latin-1.
    namespace('Ã¼', stage.control.project.id);
    namespace('ü', stage.project);
    namespace('with/slash', stage.project);
    const report = await stage.empty(glance);
    expect(stage.left('glance')).toEqual([
      'glance.metadef-namespace with/slash',
      'glance.metadef-namespace ü',
    ]);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toMatchObject([
      { class: 'Unsupported', actor: 'operator', count: 2 },
    ]);
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it('removes a namespace with any other character in its name', async () => {
    stage = await Stage.open();
    namespace('a b?c#d%41&e', stage.project);
    expect((await stage.empty(glance)).outcome).toEqual({ kind: 'finished' });
    expect(stage.left('glance')).toEqual([]);
  });

  it('keeps the owner of a namespace when its removal fails after the protection was removed', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      path: /metadefs/,
      effect: { does: 'answer', status: 500 },
    });
    expect((await stage.clean(glance)).outcome.kind).toBe('again');
    expect(stage.left('glance')).toHaveLength(1);
    stage.rehearsal.faults.clear();
    expect((await stage.empty(glance)).outcome).toEqual({ kind: 'finished' });
    expect(stage.left('glance')).toEqual([]);
  });
});

describe('Glance, with a faulty API', () => {
  const images = /^\/v2\/images/;

  it('removes no resource of other projects when the API ignores the filter by owner', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'GET',
      path: images,
      effect: { does: 'ignore-filter' },
    });
    const report = await stage.empty(glance);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.conditions).toMatchObject([
      {
        class: 'Unexpected',
        actor: 'operator',
        message: expect.stringContaining('resources of other owners'),
      },
    ]);
    expect(stage.left('glance')).toEqual([]);
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it('changes no image without an owner, and is not finished', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'GET',
      path: images,
      effect: { does: 'drop-owner' },
    });
    const report = await stage.clean(glance);
    expect(report.outcome.kind).toBe('again');
    expect(
      stage.left('glance').filter((resource) => resource.startsWith('glance.image')),
    ).toHaveLength(8);
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it('changes no namespace without an owner, and is not finished', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.add({
      service: 'glance',
      method: 'GET',
      path: /metadefs/,
      effect: { does: 'drop-owner' },
    });
    expect((await stage.empty(glance)).outcome.kind).toBe('again');
    expect(stage.left('glance')).toHaveLength(1);
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it.each([
    ['a 500', { does: 'answer', status: 500 }],
    ['a truncated page', { does: 'cut-body' }],
    ['a broken connection', { does: 'cut-connection' }],
    ['a 404', { does: 'answer', status: 404 }],
  ] as const)('does not treat %s on the list as empty', async (_what, effect) => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'GET',
      path: /os_hidden=true/,
      effect,
    });
    expect((await stage.empty(glance)).outcome.kind).not.toBe('finished');
    stage.rehearsal.faults.clear();
    expect((await stage.empty(glance)).outcome).toEqual({ kind: 'finished' });
    expect(stage.left('glance')).toEqual([]);
  });

  it('waits as long as a 429 requires, and skips no resource', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      times: 3,
      effect: { does: 'answer', status: 429, retryAfter: 17 },
    });
    const report = await stage.clean(glance);
    expect(report.outcome).toMatchObject({
      kind: 'again',
      afterSeconds: 17,
      error: { class: 'Transient', status: 429 },
    });
    expect((await stage.empty(glance)).outcome).toEqual({ kind: 'finished' });
    expect(stage.left('glance')).toEqual([]);
  });

  it('does not finish when a deletion never ends', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      path: images,
      effect: { does: 'endless' },
    });
    const report = await stage.empty(glance);
    expect(report.outcome.kind).toBe('again');
    expect(report.counts['glance.image' as ResourceTypeName]?.listed).toBeGreaterThan(0);
    expect(stage.left('glance')).toHaveLength(8);
  });

  it('finishes when the answer to a deletion is lost', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      times: 4,
      effect: { does: 'reset-after' },
    });
    expect((await stage.empty(glance)).outcome).toEqual({ kind: 'finished' });
    expect(stage.left('glance')).toEqual([]);
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it('stops and reports to the operator when a call is refused', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      effect: { does: 'answer', status: 403 },
    });
    expect((await stage.empty(glance)).outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied', service: 'glance' },
    });
    expect(stage.left('glance')).not.toEqual([]);
  });

  it('is absent if the catalog does not have it', async () => {
    stage = await Stage.open();
    stage.rehearsal.hide('glance');
    stage.rehearsal.expireTokens();
    expect(await stage.cloud.api(glance, 'RegionOne')).toBeUndefined();
    const { registrations } = await stage.cloud.registry();
    expect(registrations.filter(({ type }) => type === 'image')).toEqual([]);
  });
});
