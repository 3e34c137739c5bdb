import { designate } from '../../../lib/services/designate.ts';
import { keystone } from '../../../lib/services/keystone.ts';
import { neutron } from '../../../lib/services/neutron.ts';
import {
  designate as before2023,
  designateIn,
  designateWithShares,
} from '../../cloud/documented/designate.ts';
import {
  carryThrough,
  eachOperation,
  engine,
  expectFinished,
  fixture,
  open,
} from './operation-fixture.ts';

const ZONE_DELETION_MILLIS = 60_000;

eachOperation();

const openWith = (release = designateWithShares): Promise<void> =>
  open({ with: [release], durations: { documented: ZONE_DELETION_MILLIS } });
const stateOf = (service: string) =>
  [...engine.tasks.values()].find((task) => task.service === service)?.state;
const zonesAreLeft = () =>
  fixture.left('designate').some((resource) => resource.startsWith('designate.zone '));
const floatingIps = () =>
  fixture.rehearsal.state.network.floatingips.where((row) => row.project_id === fixture.project);

describe('a project with PTR records of floating IPs and with zones whose deletion takes long', () => {
  it.each([
    ['before 2023.1', before2023],
    ['since 2023.1', designateWithShares],
  ])(
    'loses its resources of Neutron while the zones are being deleted, and keeps no PTR record (%s)',
    async (_, release) => {
      await openWith(release);
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
      expectFinished();
    },
  );

  it('removes a floating IP whose name is in such a zone after the zone is gone', async () => {
    await openWith();
    const [named] = floatingIps();
    // Neutron first removes the record from the zone. While the zone is being deleted, Designate
    // refuses this, and Neutron answers 500.
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
    expectFinished();
  });
});
