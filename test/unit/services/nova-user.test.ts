import { ProjectId, UserId } from '../../../events/ids.ts';
import { nova } from '../../../lib/services/nova.ts';
import { createMemoize } from '../../../lib/task/memoize.ts';
import { type RunReport, runUserCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { CleanupFixture } from './cleanup-fixture.ts';

let fixture: CleanupFixture;
afterEach(() => fixture.close());

const keypairs = () => fixture.rehearsal.state.compute.keypairs;
const addKeypair = (user: string, name: string) =>
  keypairs().add({ id: `${user}/${name}`, name, user_id: user });

async function run(
  user: string,
  projects: readonly string[],
  phase: 'plan' | 'apply' = 'apply',
): Promise<RunReport> {
  const api = await fixture.cloud.api(nova, 'RegionOne');
  if (!api) throw new TypeError('the catalog has no nova');
  const common = {
    region: 'RegionOne',
    api,
    projectApi: undefined,
    apiOf: async () => undefined,
    now: Date.now,
    memoize: createMemoize(),
  };
  const context = {
    ...common,
    user: UserId.parse(user),
    userName: 'ann',
    projects: projects.map((id) => ProjectId.parse(id)),
  };
  const confirmation = Confirmation.fromAnswers(context.user, [0, 5000], 5000);
  return runUserCleanup({
    service: nova,
    context,
    phase,
    confirmation,
    deadline: Date.now() + 60_000,
  });
}

async function open() {
  fixture = await CleanupFixture.open();
  const ann = fixture.rehearsal.seed.makeUser('default', 'ann', fixture.control.projectId);
  const bob = fixture.rehearsal.seed.makeUser('default', 'bob', fixture.control.projectId);
  for (let n = 0; n < 3; n += 1) addKeypair(ann, `laptop ${n}`);
  addKeypair(bob, 'laptop 0');
  const { quotas } = fixture.rehearsal.state.compute;
  quotas.add({ id: `${fixture.control.projectId}/${ann}`, values: { instances: 3 } });
  quotas.add({ id: `${fixture.control.projectId}/${bob}`, values: { instances: 4 } });
  fixture.rehearsal.state.identity.users.delete(ann);
  fixture.rememberControls();
  return { ann, bob };
}

describe('Nova, after a user was deleted', () => {
  it('removes the keypairs and limits of the user in existing projects, and no resource of the projects or of other users', async () => {
    const { ann, bob } = await open();
    const before = keypairs().where((row) => row.user_id !== ann);
    const report = await run(ann, [fixture.control.projectId, fixture.project]);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(report.counts).toEqual({
      'nova.keypair': { listed: 3, gone: 3, left: 0 },
      'nova.user-quota': { listed: 1, gone: 1, left: 0 },
    });
    expect(keypairs().all()).toEqual(before);
    expect(
      fixture.rehearsal.state.compute.quotas.get(`${fixture.control.projectId}/${ann}`),
    ).toBeUndefined();
    expect(
      fixture.rehearsal.state.compute.quotas.get(`${fixture.control.projectId}/${bob}`),
    ).toBeDefined();
    expect(fixture.controlsAreUntouched).toBe(true);
  });

  it('counts in phase plan and changes nothing', async () => {
    const { ann } = await open();
    const report = await run(ann, [fixture.control.projectId], 'plan');
    expect(report.counts).toMatchObject({
      'nova.keypair': { left: 3 },
      'nova.user-quota': { left: 1 },
    });
    expect(keypairs().where((row) => row.user_id === ann)).toHaveLength(3);
  });

  it('skips projects that are gone', async () => {
    const { ann } = await open();
    await fixture.deleteProject();
    const report = await run(ann, [fixture.project]);
    expect(report.outcome).toEqual({ kind: 'finished' });
    expect(keypairs().where((row) => row.user_id === ann)).toEqual([]);
  });

  it('changes no keypair of another user, even if Nova lists it for this user', async () => {
    const { ann, bob } = await open();
    // The list is filtered by the user; only the row itself proves the owner.
    const row = keypairs().get(`${ann}/laptop 2`);
    if (row) Object.assign(row, { user_id: bob });
    const table = keypairs();
    const { where } = table;
    table.where = () => where.call(table, ({ id }) => id.startsWith(`${ann}/`));
    const report = await run(ann, []);
    table.where = where;
    expect(report.conditions).toMatchObject([{ class: 'Unexpected', actor: 'operator', count: 1 }]);
    expect(table.where((one) => one.user_id === bob).map(({ name }) => name)).toEqual([
      'laptop 2',
      'laptop 0',
    ]);
    expect(table.where((one) => one.user_id === ann)).toEqual([]);
  });
});
