import { SteppedEngine } from '../../../lib/engine/memory/stepped.ts';
import { SERVICES } from '../../../lib/services/index.ts';
import { type CloudOptions, VirtualClock } from '../../cloud/cloud.ts';
import { handleMessage, simulationDeps } from '../../property/simulation-parts.ts';
import { deleted } from '../../property/stateful-simulation.ts';
import { CleanupFixture } from './cleanup-fixture.ts';

/** The cloud of the current test. */
export let fixture: CleanupFixture;
/** The store and the queues of the propagator. */
export let engine: SteppedEngine;
export let clock: VirtualClock;
let controls: unknown;

/** Opens a cloud whose time advances only with the messages of an operation. */
export async function open(options: Omit<CloudOptions, 'clock'>): Promise<void> {
  clock = new VirtualClock();
  engine = new SteppedEngine();
  engine.time = clock.now();
  fixture = await CleanupFixture.open({ ...options, clock });
  controls = fixture.rehearsal.store.resources(fixture.control.project.id);
}

/** Closes the cloud after each test of the file. */
export function eachOperation(): void {
  afterEach(() => fixture.close());
}

/** The dependencies of the propagator, with all services. */
const deps = () => ({
  ...simulationDeps(engine, fixture.cloud, SERVICES),
  protection: async () => ({
    projects: [],
    domains: [],
    ownProject: (await fixture.cloud.ownProject()).id,
  }),
});

/**
 * Deletes the project, and carries out the whole operation message by message. Calls `beforeMessage`
 * before each message.
 */
export async function carryThrough(beforeMessage: () => void): Promise<void> {
  await fixture.deleteProject();
  await engine.commit({ messages: [deleted('project', fixture.project)] });
  await deliverAll(beforeMessage);
}

/** Delivers messages until none waits, 1000 at most. Calls `beforeMessage` before each message. */
export async function deliverAll(beforeMessage: () => void): Promise<void> {
  for (let n = 0; n < 1000; n += 1) {
    const [next] = engine.dueMessages();
    if (!next) return;
    clock.advance(engine.time - clock.now());
    beforeMessage();
    await handleMessage(next.message, deps());
    engine.removeDelivered(next);
  }
}

/** Expects that the operation finished, and that no other project changed. */
export function expectFinished(): void {
  const ends = [...engine.operations.values()].map(({ state, hold }) => [state, hold?.reason]);
  expect(ends).toEqual([['finished', undefined]]);
  expect(engine.deadLetterList).toEqual([]);
  expect(fixture.rehearsal.store.resources(fixture.project)).toEqual([]);
  expectControlsUnchanged();
}

/** Expects that the control project has the same resources as at the start. */
export function expectControlsUnchanged(): void {
  expect(fixture.rehearsal.store.resources(fixture.control.project.id)).toEqual(controls);
}
