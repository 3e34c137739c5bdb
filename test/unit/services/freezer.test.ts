import { freezer } from '../../../lib/services/freezer.ts';
import { freezer as fake, release, tablesOf } from '../../cloud/documented/freezer.ts';
import { hex } from '../../cloud/resource-store.ts';
import { CleanupFixture } from './cleanup-fixture.ts';
import { testServiceContract } from './service-contract.ts';

testServiceContract(freezer, { with: [fake] });

describe('the cleanup of a project in Freezer', () => {
  let fixture: CleanupFixture;
  afterEach(async () => {
    release.bindsToUser = false;
    await fixture.close();
  });
  const open = async () => {
    fixture = await CleanupFixture.open({ with: [fake] });
    await fixture.grantCleaner();
    return tablesOf(fixture.rehearsal.state);
  };
  const called = () => fixture.rehearsal.calls.filter(({ service }) => service === 'freezer');

  it('aborts a running backup, and removes its job in the next iteration', async () => {
    const { jobs } = await open();
    const [running] = jobs.where(
      (row) => row.project_id === fixture.project && row.status === 'running',
    );
    const first = await fixture.preDelete(freezer);
    expect(called().filter(({ path }) => path.endsWith('/event'))).toHaveLength(1);
    expect(first.counts).toMatchObject({ 'freezer.job': { listed: 3 } });
    expect((await fixture.runUntilEnd(freezer)).outcome).toEqual({ kind: 'finished' });
    expect(jobs.get(running?.id ?? '')).toBeUndefined();
    expect(fixture.left('freezer')).toEqual([]);
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it.each(['preDelete', 'clean'] as const)(
    "changes no job of other projects, although an administrator's list ignores the project (%s)",
    async (phase) => {
      const { jobs } = await open();
      for (let n = 0; n < 30; n += 1)
        jobs.add({
          id: hex(),
          name: `n${n}`,
          project_id: fixture.control.projectId,
          user_id: hex(),
          status: 'scheduled',
          event: '',
        });
      fixture.rememberControls();
      let report = await fixture[phase](freezer);
      for (let runs = 0; report.outcome.kind === 'again' && runs < 5; runs += 1)
        report = await fixture[phase](freezer);
      expect(report.outcome).toEqual({ kind: 'finished' });
      expect(report.conditions).toEqual([]);
      expect(fixture.left('freezer')).toEqual([]);
      expect(fixture.controlsAreUntouched).toBe(true);
    },
  );

  it('keeps central clients of other projects, and reports one that hides a client of the project', async () => {
    const { clients } = await open();
    const [mine] = clients.where((row) => row.project_id === fixture.project);
    if (!mine) throw new TypeError('the fixture has no client');
    clients.delete(mine.id);
    const central = {
      ...mine,
      id: hex(),
      name: 'central',
      project_id: fixture.control.projectId,
      client_id: mine.client_id,
      is_central: true,
    };
    clients.add(central);
    clients.add(mine);
    fixture.rememberControls();
    const report = await fixture.runUntilEnd(freezer);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(report.conditions).toEqual([
      expect.objectContaining({
        class: 'Blocked',
        actor: 'operator',
        resourceType: 'freezer.client',
      }),
    ]);
    expect(fixture.left('freezer')).toEqual(['freezer.client web-1']);
    expect(fixture.controlsAreUntouched).toBe(true);
    clients.delete(central.id);
    fixture.rememberControls();
    expect((await fixture.runUntilEnd(freezer)).outcome).toEqual({ kind: 'finished' });
  });

  it('lists all pages with the default page size of ten', async () => {
    const { backups } = await open();
    for (let n = 0; n < 1500; n += 1)
      backups.add({ id: hex(), name: `n${n}`, project_id: fixture.project, user_id: hex() });
    expect((await fixture.plan(freezer)).counts).toMatchObject({
      'freezer.backup': { listed: 1501 },
    });
    expect(called().filter(({ path }) => path.includes('/backups'))).toHaveLength(3);
  });

  it('does not trust an empty list of a release that shows only the resources of the caller', async () => {
    await open();
    release.bindsToUser = true;
    const before = fixture.left('freezer');
    for (const report of [await fixture.preDelete(freezer), await fixture.clean(freezer)]) {
      expect(report.outcome).toEqual({
        kind: 'unreachable',
        because: expect.stringContaining('before 2026.2'),
      });
      expect(report.conditions).toContainEqual(
        expect.objectContaining({
          class: 'Unsupported',
          actor: 'operator',
          resourceType: 'freezer.job',
        }),
      );
    }
    expect(before.length).toBeGreaterThan(6);
    expect(fixture.left('freezer')).toEqual(before);
    expect(called().every(({ path }) => path === '/v2/')).toBe(true);
  });
});
