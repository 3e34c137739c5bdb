import { SteppedEngine } from '../../../lib/engine/memory/stepped.ts';
import { SERVICES } from '../../../lib/services/index.ts';
import { VirtualClock } from '../../cloud/cloud.ts';
import { handleMessage, simulationDeps } from '../../property/simulation-parts.ts';
import { deleted } from '../../property/stateful-simulation.ts';
import { CleanupFixture } from './cleanup-fixture.ts';

const LONG = 60_000;

let fixture: CleanupFixture;
let engine: SteppedEngine;
let clock: VirtualClock;
let controls: unknown;
afterEach(() => fixture.close());

const open = async (durations: Record<string, number>): Promise<void> => {
  clock = new VirtualClock();
  engine = new SteppedEngine();
  engine.time = clock.now();
  fixture = await CleanupFixture.open({ clock, durations });
  controls = fixture.rehearsal.store.resources(fixture.control.project.id);
};
const deps = () => ({
  ...simulationDeps(engine, fixture.cloud, SERVICES),
  protection: async () => ({
    projects: [],
    domains: [],
    ownProject: (await fixture.cloud.ownProject()).id,
  }),
});

/** The whole operation, message by message, on the time of the cloud. */
async function carryThrough(beforeMessage: () => void): Promise<void> {
  await fixture.deleteProject();
  await engine.commit({ messages: [deleted('project', fixture.project)] });
  for (let n = 0; n < 1000; n += 1) {
    const [next] = engine.due();
    if (!next) return;
    clock.advance(engine.time - clock.now());
    beforeMessage();
    await handleMessage(next.message, deps());
    engine.take(next);
  }
}

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

function expectFinished(): void {
  expect([...engine.operations.values()].map(({ state }) => state)).toEqual(['finished']);
  expect(engine.deadLetterList).toEqual([]);
  expect(fixture.rehearsal.store.resources(fixture.project)).toEqual([]);
  expect(fixture.rehearsal.store.resources(fixture.control.project.id)).toEqual(controls);
}

describe('a project whose servers take long to delete', () => {
  it('loses its backups and free volumes meanwhile, and no volume that a server may use', async () => {
    await open({ server: LONG });
    const [marked] = storage().volumes.where(
      ({ project_id, name }) => project_id === fixture.project && name === 'from-snapshot',
    );
    if (!marked) throw new TypeError('the customer has no volume');
    // Nova reserves a volume for a server that it builds, before there is an attachment.
    marked.status = 'reserved';
    const used = new Set([...attached(), marked.id]);
    const wrong = new Set<string>();
    const seen = new Set<string>();
    await carryThrough(() => {
      if (left('nova.server').length === 0) return;
      for (const path of removals('cinder')) seen.add(path.split('/').at(-2) ?? '');
      for (const path of removals('cinder')) {
        const id = path.split('/').at(-1)?.split('?')[0] ?? '';
        if (used.has(id)) wrong.add(path);
        if (storage().snapshots.where((row) => row.id === id && used.has(row.volume_id)).length > 0)
          wrong.add(path);
      }
    });
    expect([...wrong]).toEqual([]);
    expect([...seen].sort()).toEqual(['backups', 'snapshots', 'volume-transfers', 'volumes']);
    expectFinished();
  });

  it('loses its objects meanwhile if it has neither images nor backups', async () => {
    await open({ server: LONG });
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
  it('stay while Cinder lists a backup, whose data may be in them', async () => {
    await open({ backup: LONG });
    const before = left('swift.object').length;
    let wrong = 0;
    await carryThrough(() => {
      if (left('cinder.backup').length > 0 && left('swift.object').length < before) wrong += 1;
    });
    expect(wrong).toBe(0);
    expectFinished();
  });

  it('go when no backup and no image is left, while Cinder still deletes volumes', async () => {
    await open({ volume: LONG });
    let objects = Number.POSITIVE_INFINITY;
    await carryThrough(() => {
      if (left('cinder.volume').length > 0)
        objects = Math.min(objects, left('swift.object').length);
    });
    expect(objects).toBe(0);
    expectFinished();
  });
});

it('The images of a project go while Cinder deletes volumes', async () => {
  await open({ volume: LONG });
  let images = Number.POSITIVE_INFINITY;
  await carryThrough(() => {
    if (left('cinder.volume').length > 0) images = Math.min(images, left('glance.image').length);
  });
  expect(images).toBe(0);
  expectFinished();
});
