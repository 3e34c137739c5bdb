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
  it('keeps nothing: plain, protected, hidden, community, shared and deactivated images and metadata definitions', async () => {
    stage = await Stage.open();
    expect(stage.left('glance')).toHaveLength(9);
    const report = await stage.empty(glance);
    expect(report.outcome).toEqual({ is: 'finished' });
    expect(stage.left('glance')).toEqual([]);
    expect(report.counts).toEqual({
      'glance.image': { listed: 8, gone: 8, left: 0 },
      'glance.metadef-namespace': { listed: 1, gone: 1, left: 0 },
    });
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it('counts in a survey what it would remove, and changes nothing', async () => {
    stage = await Stage.open();
    const before = stage.left('glance');
    const report = await stage.plan(glance);
    expect(report.outcome).toEqual({ is: 'finished' });
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

  it('leaves a public image to the operator, and says what to do', async () => {
    stage = await Stage.open();
    imageNamed('protected').visibility = 'public';
    const report = await stage.empty(glance);
    expect(report.outcome).toMatchObject({ is: 'again', error: undefined });
    expect(stage.left('glance')).toEqual(['glance.image protected']);
    // A public image that somebody protected stays protected.
    expect(imageNamed('protected').protected).toBe(true);
    expect(report.conditions).toMatchObject([
      { class: 'Blocked', actor: 'operator', message: expect.stringContaining('public') },
    ]);
    imageNamed('protected').visibility = 'private';
    expect((await stage.empty(glance)).outcome).toEqual({ is: 'finished' });
    expect(stage.left('glance')).toEqual([]);
  });

  it('waits for an image that is in use, in the words of Glance, and takes it later', async () => {
    stage = await Stage.open();
    const image = imageNamed('image-0');
    image.inUse = true;
    const report = await stage.empty(glance);
    expect(report.outcome).toMatchObject({ is: 'again', error: undefined });
    expect(stage.left('glance')).toEqual(['glance.image image-0']);
    expect(report.conditions).toMatchObject([
      { class: 'Blocked', actor: 'other-project', message: expect.stringContaining('in use') },
    ]);
    image.inUse = false;
    expect((await stage.empty(glance)).outcome).toEqual({ is: 'finished' });
    expect(stage.left('glance')).toEqual([]);
  });

  it('reactivates a deactivated image where Glance can only delete it then', async () => {
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
    expect((await stage.empty(glance)).outcome).toEqual({ is: 'finished' });
    expect(stage.left('glance')).toEqual([]);
  });

  it('calls an image that the scrubber still has neither gone nor a failure', async () => {
    stage = await Stage.open();
    imageNamed('image-0').status = 'pending_delete';
    const report = await stage.empty(glance);
    expect(report.outcome).toMatchObject({ is: 'again', error: undefined });
    expect(report.conditions).toMatchObject([{ class: 'InProgress', actor: 'none' }]);
    expect(stage.left('glance')).toEqual(['glance.image image-0']);
  });

  it('removes no namespace of somebody else whose name an escaped one is taken for', async () => {
    stage = await Stage.open();
    // Glance reads %C3%BC as two letters of Latin-1.
    namespace('Ã¼', stage.control.project.id);
    namespace('ü', stage.project);
    namespace('with/slash', stage.project);
    const report = await stage.empty(glance);
    expect(stage.left('glance')).toEqual([
      'glance.metadef-namespace with/slash',
      'glance.metadef-namespace ü',
    ]);
    expect(report.outcome).toEqual({ is: 'finished' });
    expect(report.conditions).toMatchObject([
      { class: 'Unsupported', actor: 'operator', count: 2 },
    ]);
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it('removes a namespace with any other letter in its name', async () => {
    stage = await Stage.open();
    namespace('a b?c#d%41&e', stage.project);
    expect((await stage.empty(glance)).outcome).toEqual({ is: 'finished' });
    expect(stage.left('glance')).toEqual([]);
  });

  it('keeps a namespace in its project when its removal fails after the protection was taken off', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      path: /metadefs/,
      effect: { does: 'answer', status: 500 },
    });
    expect((await stage.clean(glance)).outcome.is).toBe('again');
    expect(stage.left('glance')).toHaveLength(1);
    stage.rehearsal.faults.clear();
    expect((await stage.empty(glance)).outcome).toEqual({ is: 'finished' });
    expect(stage.left('glance')).toEqual([]);
  });
});

describe('Glance, when it does not behave', () => {
  const images = /^\/v2\/images/;

  it('removes nothing foreign when the filter by owner is ignored', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'GET',
      path: images,
      effect: { does: 'ignore-filter' },
    });
    const report = await stage.empty(glance);
    expect(report.outcome).toEqual({ is: 'finished' });
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

  it('touches no image without an owner, and is not finished', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'GET',
      path: images,
      effect: { does: 'drop-owner' },
    });
    const report = await stage.clean(glance);
    expect(report.outcome.is).toBe('again');
    expect(
      stage.left('glance').filter((resource) => resource.startsWith('glance.image')),
    ).toHaveLength(8);
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it('touches no namespace without an owner, and is not finished', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.add({
      service: 'glance',
      method: 'GET',
      path: /metadefs/,
      effect: { does: 'drop-owner' },
    });
    expect((await stage.empty(glance)).outcome.is).toBe('again');
    expect(stage.left('glance')).toHaveLength(1);
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it.each([
    ['a 500', { does: 'answer', status: 500 }],
    ['half a page', { does: 'cut-body' }],
    ['half an answer', { does: 'cut-connection' }],
    ['a 404', { does: 'answer', status: 404 }],
  ] as const)('never takes %s on the listing for empty', async (_what, effect) => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'GET',
      path: /os_hidden=true/,
      effect,
    });
    expect((await stage.empty(glance)).outcome.is).not.toBe('finished');
    stage.rehearsal.faults.clear();
    expect((await stage.empty(glance)).outcome).toEqual({ is: 'finished' });
    expect(stage.left('glance')).toEqual([]);
  });

  it('waits as long as a 429 asks, and loses nothing', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      times: 3,
      effect: { does: 'answer', status: 429, retryAfter: 17 },
    });
    const report = await stage.clean(glance);
    expect(report.outcome).toMatchObject({
      is: 'again',
      afterSeconds: 17,
      error: { class: 'Transient', status: 429 },
    });
    expect((await stage.empty(glance)).outcome).toEqual({ is: 'finished' });
    expect(stage.left('glance')).toEqual([]);
  });

  it('does not believe a deletion that never ends', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      path: images,
      effect: { does: 'endless' },
    });
    const report = await stage.empty(glance);
    expect(report.outcome.is).toBe('again');
    expect(report.counts['glance.image' as ResourceTypeName]?.listed).toBeGreaterThan(0);
    expect(stage.left('glance')).toHaveLength(8);
  });

  it('takes a deletion of which nobody heard for what it is', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      times: 4,
      effect: { does: 'reset-after' },
    });
    expect((await stage.empty(glance)).outcome).toEqual({ is: 'finished' });
    expect(stage.left('glance')).toEqual([]);
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it('stops and calls the operator when it is refused', async () => {
    stage = await Stage.open();
    stage.rehearsal.faults.inject({
      service: 'glance',
      method: 'DELETE',
      effect: { does: 'answer', status: 403 },
    });
    expect((await stage.empty(glance)).outcome).toMatchObject({
      is: 'failed',
      error: { class: 'Denied', service: 'glance' },
    });
    expect(stage.left('glance')).not.toEqual([]);
  });

  it('is not found where the catalog lacks it', async () => {
    stage = await Stage.open();
    stage.rehearsal.hide('glance');
    stage.rehearsal.expireTokens();
    expect(await stage.cloud.api(glance, 'RegionOne')).toBeUndefined();
    const { registrations } = await stage.cloud.registry();
    expect(registrations.filter(({ type }) => type === 'image')).toEqual([]);
  });
});
