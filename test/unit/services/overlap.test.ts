import { deletionHoldDocument } from '../../../lib/handlers/deletion-holds.ts';
import {
  carryThrough,
  deliverAll,
  eachOperation,
  engine,
  expectFinished,
  fixture,
  open,
} from './operation-fixture.ts';

const LONG = 60_000;

eachOperation();

/** The names of the customer's resources of a type. */
const left = (resourceType: string): string[] =>
  fixture
    .left(resourceType.split('.')[0] ?? '')
    .filter((one) => one.startsWith(`${resourceType} `))
    .map((one) => one.slice(resourceType.length + 1));
const storage = () => fixture.rehearsal.state.storage;
const attached = () =>
  new Set(
    storage()
      .attachments.all()
      .map((row) => row.volume_id),
  );
/** The calls so far that remove a resource of a service. */
const removals = (service: string): string[] =>
  fixture.rehearsal.calls
    .filter((call) => call.service === service && call.method === 'DELETE' && call.status < 400)
    .map(({ path }) => path);

describe('a project whose servers take long to delete', () => {
  it.each(['reserved', 'error_attaching', 'error_detaching'])(
    'has its backups and free volumes removed during that time, and no volume that a server may use (one is %s)',
    async (status) => {
      await open({ durations: { server: LONG } });
      const [marked] = storage().volumes.where(
        ({ project_id, name }) => project_id === fixture.project && name === 'from-snapshot',
      );
      if (!marked) throw new TypeError('the customer has no volume');
      // Nova reserves a volume for a server that it builds, before there is an attachment. A failed
      // attachment leaves an error state.
      marked.status = status;
      const used = new Set([...attached(), marked.id]);
      const wrong = new Set<string>();
      const seen = new Set<string>();
      await carryThrough(() => {
        if (left('nova.server').length === 0) return;
        for (const path of removals('cinder')) seen.add(path.split('/').at(-2) ?? '');
        for (const path of removals('cinder')) {
          const id = path.split('/').at(-1)?.split('?')[0] ?? '';
          if (used.has(id)) wrong.add(path);
          if (
            storage().snapshots.where((row) => row.id === id && used.has(row.volume_id)).length > 0
          )
            wrong.add(path);
        }
      });
      expect([...wrong]).toEqual([]);
      expect([...seen].sort()).toEqual(['backups', 'snapshots', 'volume-transfers', 'volumes']);
      expectFinished();
    },
  );

  it('has its objects removed during that time if it has neither images nor backups', async () => {
    await open({ durations: { server: LONG } });
    for (const row of storage().backups.where((one) => one.project_id === fixture.project))
      storage().backups.delete(row.id);
    const { images } = fixture.rehearsal.state.images;
    for (const row of images.where((one) => one.owner === fixture.project)) images.delete(row.id);
    let objects = Number.POSITIVE_INFINITY;
    await carryThrough(() => {
      if (left('nova.server').length > 0) objects = Math.min(objects, left('swift.object').length);
    });
    expect(objects).toBe(0);
    expectFinished();
  });
});

describe('the objects of a project', () => {
  it('are kept while Cinder lists a backup, whose data may be in them', async () => {
    await open({ durations: { backup: LONG } });
    const before = left('swift.object').length;
    let wrong = 0;
    await carryThrough(() => {
      if (left('cinder.backup').length > 0 && left('swift.object').length < before) wrong += 1;
    });
    expect(wrong).toBe(0);
    expectFinished();
  });

  it.each([
    ['cinder.backup', () => storage().backups.where((row) => row.project_id === fixture.project)],
    [
      'glance.image',
      () => fixture.rehearsal.state.images.images.where((row) => row.owner === fixture.project),
    ],
    [
      'nova.server',
      () =>
        fixture.rehearsal.state.compute.servers.where((row) => row.project_id === fixture.project),
    ],
  ])(
    'are kept while a hold keeps a %s, and are removed after the hold ends',
    async (type, rows) => {
      await open({ durations: {} });
      const id = `${type}/${rows()[0]?.id}`;
      const hold = { target: 'resource', id, by: 'ann', reason: 'lawsuit', at: 0 } as const;
      await engine.commit({ documents: [deletionHoldDocument('resource', id, 0, hold)] });
      const before = left('swift.object').length;
      await carryThrough(() => {});
      expect(left(type)).toHaveLength(1);
      expect(left('swift.object')).toHaveLength(before);
      await engine.commit({ documents: [deletionHoldDocument('resource', id, 1, undefined)] });
      await deliverAll(() => {});
      expectFinished();
    },
  );

  it('are removed when no backup and no image is left, while Cinder still deletes volumes', async () => {
    await open({ durations: { volume: LONG } });
    let objects = Number.POSITIVE_INFINITY;
    await carryThrough(() => {
      if (left('cinder.volume').length > 0)
        objects = Math.min(objects, left('swift.object').length);
    });
    expect(objects).toBe(0);
    expectFinished();
  });
});

it('the images of a project are removed while Cinder deletes volumes', async () => {
  await open({ durations: { volume: LONG } });
  let images = Number.POSITIVE_INFINITY;
  await carryThrough(() => {
    if (left('cinder.volume').length > 0) images = Math.min(images, left('glance.image').length);
  });
  expect(images).toBe(0);
  expectFinished();
});
