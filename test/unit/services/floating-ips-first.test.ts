import { SteppedEngine } from '../../../lib/engine/memory/stepped.ts';
import { designate } from '../../../lib/services/designate.ts';
import { SERVICES } from '../../../lib/services/index.ts';
import { keystone } from '../../../lib/services/keystone.ts';
import { neutron } from '../../../lib/services/neutron.ts';
import { VirtualClock } from '../../cloud/cloud.ts';
import {
  designate as before2023,
  designateIn,
  designateWithShares,
} from '../../cloud/documented/designate.ts';
import { handleMessage, simulationDeps } from '../../property/simulation-parts.ts';
import { deleted } from '../../property/stateful-simulation.ts';
import { CleanupFixture } from './cleanup-fixture.ts';

const ZONES_TAKE = 60_000;

let fixture: CleanupFixture;
let engine: SteppedEngine;
let clock: VirtualClock;
let controls: unknown;
afterEach(() => fixture.close());

const open = async (release = designateWithShares): Promise<void> => {
  clock = new VirtualClock();
  engine = new SteppedEngine();
  engine.time = clock.now();
  fixture = await CleanupFixture.open({
    with: [release],
    clock,
    durations: { documented: ZONES_TAKE },
  });
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

/**
 * Carries out the whole operation message by message, on the clock of the cloud. Calls
 * `beforeMessage` before each message.
 */
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
const stateOf = (service: string) =>
  [...engine.tasks.values()].find((task) => task.service === service)?.state;
const zonesAreLeft = () =>
  fixture.left('designate').some((resource) => resource.startsWith('designate.zone '));
const floatingIps = () =>
  fixture.rehearsal.state.network.floatingips.where((row) => row.project_id === fixture.project);

async function isFinished(): Promise<void> {
  const ends = [...engine.operations.values()].map(({ state, hold }) => [state, hold?.reason]);
  expect(ends).toEqual([['finished', undefined]]);
  expect(engine.deadLetterList).toEqual([]);
  expect(fixture.rehearsal.store.resources(fixture.project)).toEqual([]);
  expect(fixture.rehearsal.store.resources(fixture.control.project.id)).toEqual(controls);
}

describe('a project with PTR records of floating IPs and with zones whose deletion takes long', () => {
  it.each([
    ['before 2023.1', before2023],
    ['since 2023.1', designateWithShares],
  ])(
    'loses its resources of Neutron while the zones are being deleted, and keeps no PTR record (%s)',
    async (_, release) => {
      await open(release);
      expect(fixture.left('designate')).toContainEqual(
        expect.stringContaining('designate.ptr-record'),
      );
      const seen: string[] = [];
      await carryThrough(() => {
        const ptr = fixture
          .left('designate')
          .some((resource) => resource.startsWith('designate.ptr-record'));
        if (ptr && floatingIps().length === 0) seen.push('a PTR record outlived its floating IP');
        if (
          stateOf(neutron.name) === 'finished' &&
          stateOf(designate.name) === 'requested' &&
          zonesAreLeft()
        )
          seen.push('Neutron went first');
        if (stateOf(keystone.name) === 'requested' && stateOf(designate.name) !== 'finished')
          seen.push('Keystone did not wait');
      });
      expect(new Set(seen)).toEqual(new Set(['Neutron went first']));
      expect(
        designateIn(fixture.rehearsal.state).recordsets.where(
          ({ ptr }) => ptr?.project_id === fixture.project,
        ),
      ).toEqual([]);
      await isFinished();
    },
  );

  it('removes a floating IP whose name is in such a zone after the zone is gone', async () => {
    await open();
    const [named] = floatingIps();
    // Neutron removes the record from the zone first, which Designate refuses while the zone is
    // being deleted. Neutron answers with an error of its own.
    const path = new RegExp(`/floatingips/${named?.id}$`);
    const refusal = {
      service: 'neutron',
      method: 'DELETE',
      path,
      effect: { does: 'answer', status: 500 },
    } as const;
    const { zones } = designateIn(fixture.rehearsal.state);
    let refused = 0;
    await carryThrough(() => {
      fixture.rehearsal.faults.clear();
      const isDeleting =
        zones.where((zone) => zone.project_id === fixture.project && zone.action === 'DELETE')
          .length > 0;
      if (isDeleting) fixture.rehearsal.faults.inject(refusal);
      refused = fixture.rehearsal.calls.filter(
        (call) => call.method === 'DELETE' && path.test(call.path) && call.status === 500,
      ).length;
    });
    expect(refused).toBeGreaterThan(0);
    await isFinished();
  });
});
