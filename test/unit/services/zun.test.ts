import { zun } from '../../../lib/services/zun.ts';
import { zun as fake, pages, tablesOf } from '../../cloud/documented/zun.ts';
import { uuid } from '../../cloud/resource-store.ts';
import { CleanupFixture } from './cleanup-fixture.ts';
import { testServiceContract } from './service-contract.ts';

testServiceContract(zun, {
  with: [fake],
  listings: /^\/v1\/(containers|capsules|registries)\?/,
  // The fake never ends the creation of a container, and suspend waits for its end.
  prepare({ rehearsal: { state }, project }) {
    const { containers } = tablesOf(state);
    const ours = containers.where(({ project_id }) => project_id === project);
    for (const { id, status } of ours) if (status === 'Creating') containers.delete(id);
  },
});

describe('the cleanup of a project in Zun', () => {
  let fixture: CleanupFixture;
  afterEach(async () => {
    pages.limit = 1000;
    await fixture.close();
  });
  const open = async () => {
    fixture = await CleanupFixture.open({ with: [fake], durations: { documented: 5 } });
    return tablesOf(fixture.rehearsal.state);
  };
  const callsToZun = () => fixture.rehearsal.calls.filter(({ service }) => service === 'zun');

  it('deletes running containers by force, resumes paused ones, and removes the capsule as a whole', async () => {
    await open();
    const report = await fixture.runUntilEnd(zun);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('zun')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
    expect(callsToZun().filter(({ path }) => path.endsWith('/unpause'))).toHaveLength(1);
  });

  it('lists all pages, although the link to the next page lacks the query', async () => {
    const { containers, capsules } = await open();
    pages.limit = 2;
    for (let n = 0; n < 5; n += 1)
      for (const table of [containers, capsules])
        table.add({
          id: uuid(),
          name: `n${n}`,
          project_id: fixture.project,
          host: null,
          status: 'Error',
          task_state: null,
          updated_at: 0,
        });
    const report = await fixture.plan(zun);
    expect(report.counts).toMatchObject({
      'zun.container': { listed: 11 },
      'zun.capsule': { listed: 6 },
    });
    expect((await fixture.runUntilEnd(zun)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('zun')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('names the host that may be down if Zun answers only 500', async () => {
    const { down } = await open();
    down.add('compute-1');
    const report = await fixture.runUntilEnd(zun);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        class: 'Blocked',
        actor: 'operator',
        message: expect.stringContaining('zun-compute on compute-1'),
      }),
    );
    // Containers without a host are removed; the others, their registry and the quota remain.
    expect(fixture.left('zun')).not.toContain('zun.container nowhere');
    expect(fixture.left('zun')).toEqual(
      expect.arrayContaining(['zun.registry registry', 'zun.quota quota', 'zun.capsule capsule']),
    );
    down.clear();
    expect((await fixture.runUntilEnd(zun)).outcome).toEqual({ kind: 'finished' });
    expect(fixture.left('zun')).toEqual([]);
  });

  it('does not repeat a deletion that is in progress, and reports it when it takes too long', async () => {
    const { containers } = await open();
    await fixture.runUntilEnd(zun);
    const deletingContainer = {
      id: uuid(),
      name: 'going',
      project_id: fixture.project,
      host: 'compute-1',
      status: 'Running',
      task_state: 'container_deleting',
    };
    containers.add({ ...deletingContainer, updated_at: Date.now() - 60_000 });
    fixture.rehearsal.calls.length = 0;
    expect((await fixture.clean(zun)).conditions).toEqual([
      expect.objectContaining({ class: 'InProgress', actor: 'none' }),
    ]);
    expect(callsToZun().filter(({ method }) => method !== 'GET')).toEqual([]);
    const old = Date.now() - 3_600_000;
    containers.add({ ...deletingContainer, updated_at: old });
    fixture.rehearsal.faults.inject({
      service: 'zun',
      method: 'DELETE',
      effect: { does: 'endless' },
    });
    const report = await fixture.clean(zun);
    expect(report.outcome).toMatchObject({ kind: 'again' });
    expect(report.conditions).toEqual([
      expect.objectContaining({ class: 'InProgress', actor: 'operator', since: old }),
    ]);
  });

  it('keeps a limit that equals the default, and resets others', async () => {
    const { quotas } = await open();
    await fixture.runUntilEnd(zun);
    quotas.add({ id: fixture.project, containers: 40 });
    fixture.rehearsal.calls.length = 0;
    expect((await fixture.clean(zun)).outcome).toEqual({ kind: 'finished' });
    expect(callsToZun().filter(({ method }) => method === 'DELETE')).toEqual([]);
    quotas.add({ id: fixture.project, containers: 0 });
    expect((await fixture.clean(zun)).outcome).toEqual({ kind: 'finished' });
    expect(quotas.get(fixture.project)).toBeUndefined();
    expect(quotas.get(fixture.control.projectId)).toBeDefined();
  });

  it('does not skip a capsule without an owner', async () => {
    await open();
    fixture.rehearsal.faults.inject({
      service: 'zun',
      method: 'GET',
      path: /capsules/,
      effect: { does: 'drop-owner' },
    });
    const report = await fixture.runUntilEnd(zun);
    expect(report.outcome).toMatchObject({ kind: 'again' });
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'zun.capsule',
        message: expect.stringContaining('no owner'),
      }),
    );
    expect(fixture.left('zun')).toEqual(['zun.capsule capsule', 'zun.quota quota']);
    expect(fixture.controlsAreUntouched).toBe(true);
  });
});
