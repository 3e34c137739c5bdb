import { freezer } from '../../../lib/services/freezer.ts';
import { freezer as fake, release, tablesOf } from '../../cloud/documented/freezer.ts';
import { hex } from '../../cloud/world.ts';
import { Stage } from './emptying.ts';
import { testServiceContract } from './service-contract.ts';

testServiceContract(freezer, { with: [fake] });

describe('Freezer, emptied of one project', () => {
  let stage: Stage;
  afterEach(async () => {
    release.bindsToUser = false;
    await stage.close();
  });
  const open = async () => {
    stage = await Stage.open({ with: [fake] });
    await stage.grantCleaner();
    return tablesOf(stage.rehearsal.state);
  };
  const called = () => stage.rehearsal.calls.filter(({ service }) => service === 'freezer');

  it('aborts a running backup, and removes its job in the next iteration', async () => {
    const { jobs } = await open();
    const [running] = jobs.where(
      (row) => row.project_id === stage.project && row.status === 'running',
    );
    const first = await stage.preDelete(freezer);
    expect(called().filter(({ path }) => path.endsWith('/event'))).toHaveLength(1);
    expect(first.counts).toMatchObject({ 'freezer.job': { listed: 3 } });
    expect((await stage.expectEmptied(freezer)).outcome).toEqual({ kind: 'finished' });
    expect(jobs.get(running?.id ?? '')).toBeUndefined();
    expect(stage.left('freezer')).toEqual([]);
    expect(stage.controlsAreUntouched).toBe(true);
  });

  it.each(['preDelete', 'clean'] as const)(
    "changes no job of other projects, although an administrator's list ignores the project (%s)",
    async (phase) => {
      const { jobs } = await open();
      for (let n = 0; n < 30; n += 1)
        jobs.add({
          id: hex(),
          name: `n${n}`,
          project_id: stage.control.projectId,
          user_id: hex(),
          status: 'scheduled',
          event: '',
        });
      stage.remember();
      let report = await stage[phase](freezer);
      for (let runs = 0; report.outcome.kind === 'again' && runs < 5; runs += 1)
        report = await stage[phase](freezer);
      expect(report.outcome).toEqual({ kind: 'finished' });
      expect(report.conditions).toEqual([]);
      expect(stage.left('freezer')).toEqual([]);
      expect(stage.controlsAreUntouched).toBe(true);
    },
  );

  it('keeps central clients of other projects, and reports one that hides a client of the project', async () => {
    const { clients } = await open();
    const [mine] = clients.where((row) => row.project_id === stage.project);
    if (!mine) throw new TypeError('the stage has no client');
    clients.delete(mine.id);
    const central = {
      ...mine,
      id: hex(),
      name: 'central',
      project_id: stage.control.projectId,
      client_id: mine.client_id,
      is_central: true,
    };
    clients.add(central);
    clients.add(mine);
    stage.remember();
    const report = await stage.expectEmptied(freezer);
    expect(report.outcome).toMatchObject({ kind: 'again', error: undefined });
    expect(report.conditions).toEqual([
      expect.objectContaining({
        class: 'Blocked',
        actor: 'operator',
        resourceType: 'freezer.client',
      }),
    ]);
    expect(stage.left('freezer')).toEqual(['freezer.client web-1']);
    expect(stage.controlsAreUntouched).toBe(true);
    clients.delete(central.id);
    stage.remember();
    expect((await stage.expectEmptied(freezer)).outcome).toEqual({ kind: 'finished' });
  });

  it('lists all pages with the default page size of ten', async () => {
    const { backups } = await open();
    for (let n = 0; n < 1500; n += 1)
      backups.add({ id: hex(), name: `n${n}`, project_id: stage.project, user_id: hex() });
    expect((await stage.plan(freezer)).counts).toMatchObject({
      'freezer.backup': { listed: 1501 },
    });
    expect(called().filter(({ path }) => path.includes('/backups'))).toHaveLength(3);
  });

  it('does not treat the empty lists of a release that shows only own resources as empty', async () => {
    await open();
    release.bindsToUser = true;
    const before = stage.left('freezer');
    for (const report of [await stage.preDelete(freezer), await stage.clean(freezer)]) {
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
    expect(stage.left('freezer')).toEqual(before);
    expect(called().every(({ path }) => path === '/v2/')).toBe(true);
  });
});
