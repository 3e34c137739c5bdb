import { ProjectId, UserId } from '../../../events/ids.ts';
import { heat as heatService } from '../../../lib/services/heat.ts';
import { keystone } from '../../../lib/services/keystone.ts';
import { serviceDependencies } from '../../../lib/task/dependencies.ts';
import { createMemoize } from '../../../lib/task/memoize.ts';
import { type RunReport, runUserCleanup } from '../../../lib/task/run.ts';
import { Confirmation } from '../../../lib/task/safety-rules.ts';
import { heat, heatOf } from '../../cloud/documented/heat.ts';
import { heatIn, made, resource, type Stack } from '../../cloud/documented/heat-rows.ts';
import { dependentsOf, preferred } from '../../dependencies.ts';
import { testServiceContract } from './service-contract.ts';
import { TimedFixture } from './timed-fixture.ts';

testServiceContract(heatService, { with: [heat] });

const MINUTE = 60_000;
let timed: TimedFixture;
const open = async (options: Parameters<typeof TimedFixture.open>[0] = {}): Promise<void> => {
  timed = await TimedFixture.open({ with: [heat], durations: { documented: 5000 }, ...options });
};
afterEach(() => timed?.fixture.close());

const tables = () => heatIn(timed.fixture.rehearsal.state);
const left = (): string[] => timed.fixture.left('heat').sort();
const owner = { name: 'ann' };
const addStack = (name: string, more: Partial<Stack> = {}, project = timed.project): Stack =>
  tables().stacks.add(made(owner, project, name, timed.clock.now(), more));
const stackNamed = (name: string): Stack => {
  const [row] = tables().stacks.where(
    (one) => one.name === name && one.project_id === timed.project,
  );
  if (!row) throw new TypeError(`no stack ${name}`);
  return row;
};
const calls = (method: string) =>
  timed.fixture.rehearsal.calls.filter((call) => call.service === 'heat' && call.method === method);
const run = (): Promise<RunReport> => timed.run(heatService);
const finished = { kind: 'finished' };

describe('Heat', () => {
  beforeEach(() => open());

  it('runs in phase pre-delete, before the services of the resources in stacks', () => {
    expect(heatService.preDelete).toBe(true);
    expect(dependentsOf(heatService)).toEqual(
      expect.arrayContaining([
        'nova',
        'cinder',
        'neutron',
        'octavia',
        'swift',
        'barbican',
        'mistral',
      ]),
    );
    expect(heatService.dependsOn).toEqual(serviceDependencies([preferred('magnum', 'tacker')]));
  });

  it('deletes root stacks only, and nested stacks whose parent is gone', async () => {
    const outlived = stackNamed('kept');
    expect((await timed.applyUntilEnd(heatService)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
    const deletedNames = calls('DELETE').map(({ path }) =>
      decodeURIComponent(path.split('/').at(-2) ?? ''),
    );
    expect(deletedNames.filter((name) => name.startsWith('group'))).toEqual(['group']);
    expect(deletedNames).toContain(outlived.name);
    expect(timed.controlsAreUntouched).toBe(true);
  });

  it('finds a nested stack that remains after the deletion of its parent', async () => {
    const parent = addStack('parent');
    addStack('child', { parent: parent.id, retained: true });
    expect((await timed.applyUntilEnd(heatService)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('lists all pages', async () => {
    for (let n = 0; n < 2100; n += 1) addStack(`one-of-many-${n}`);
    const report = await timed.run(heatService, 'plan');
    expect(report.counts).toMatchObject({ 'heat.stack': { listed: 2100 + 7 } });
  });

  it('makes one call per list and resource type for an empty project', async () => {
    await timed.applyUntilEnd(heatService);
    timed.fixture.rehearsal.calls.length = 0;
    expect((await run()).outcome).toEqual(finished);
    expect(calls('GET').map(({ path }) => path.replace(/.*\/|\?.*/g, ''))).toEqual([
      'stacks',
      'software_configs',
    ]);
  });

  it('keeps configurations until the stacks and the deployments that use them are gone', async () => {
    stackNamed('network').fails =
      'Resource DELETE failed: Conflict: resources.the-net: ports are on it';
    for (let runs = 0; runs < 3; runs += 1) {
      await run();
      timed.clock.advance(10_000);
    }
    expect(left()).toContain('heat.software-config manual');
    delete stackNamed('network').fails;
    expect((await timed.applyUntilEnd(heatService)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
    expect(timed.controlsAreUntouched).toBe(true);
  });

  it("reports Heat's reason when a deletion failed, and repeats the deletion", async () => {
    const stack = stackNamed('network');
    stack.fails = 'Resource DELETE failed: Conflict: resources.the-net: ports are on it';
    await run();
    timed.clock.advance(10_000);
    const report = await run();
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        class: 'Blocked',
        message: expect.stringContaining('ports are on it'),
        actor: 'operator',
        example: stack.id,
      }),
    );
    expect(stack.status).toBe('DELETE_IN_PROGRESS');
    delete stack.fails;
    expect((await timed.applyUntilEnd(heatService)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('does not report a stack as removed that Heat lists but cannot load', async () => {
    const stack = addStack('retired', { resources: [resource('OS::Murano::Application')] });
    const report = await timed.applyUntilEnd(heatService);
    expect(report.conditions).toEqual([
      expect.objectContaining({
        class: 'Blocked',
        actor: 'operator',
        example: stack.id,
        message: expect.stringContaining('OS::Murano::'),
      }),
    ]);
    expect(report.counts).toMatchObject({ 'heat.stack': { gone: 0, left: 1 } });
  });

  it('reports since when a deletion is stuck, and repeats it after more than an hour', async () => {
    const stack = stackNamed('network');
    const since = timed.clock.now();
    Object.assign(stack, { status: 'DELETE_IN_PROGRESS', updated: since });
    const deletionCount = () =>
      calls('DELETE').filter(({ path }) => path.endsWith(stack.id)).length;
    timed.clock.advance(14 * MINUTE);
    const young = await run();
    expect(young.conditions.filter((one) => one.since !== undefined)).toEqual([]);
    timed.clock.advance(2 * MINUTE);
    const old = await run();
    expect(old.conditions).toContainEqual(
      expect.objectContaining({ class: 'InProgress', actor: 'operator', since, example: stack.id }),
    );
    expect(deletionCount()).toBe(0);
    timed.clock.advance(60 * MINUTE);
    await run();
    expect(deletionCount()).toBe(1);
    expect((await timed.applyUntilEnd(heatService)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });

  it('reports a pre-delete hook, which stops the deletion until a person clears it', async () => {
    const registry = { resources: { group: { 'web-*': { hooks: ['pre-create', 'pre-delete'] } } } };
    const stack = addStack('hooked', { registry });
    await timed.applyUntilEnd(heatService);
    expect(left()).toEqual(expect.arrayContaining(['heat.stack hooked']));
    timed.clock.advance(2 * MINUTE);
    const report = await run();
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        class: 'Blocked',
        actor: 'operator',
        example: stack.id,
        advice: expect.stringContaining(`--pre-delete ${stack.id} group/web-*`),
      }),
    );
    stack.registry.resources = {};
    timed.clock.advance(90 * MINUTE);
    expect((await timed.applyUntilEnd(heatService)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
  });
});

describe('the check whether the cleaner is an administrator in Heat', () => {
  it('fails without the administrator role, because an empty list then proves nothing', async () => {
    await open({ adminRoles: ['member', 'reader'] });
    const before = left();
    const report = await run();
    expect(report.outcome).toMatchObject({
      kind: 'failed',
      error: { class: 'Denied', advice: expect.stringContaining('admin') },
    });
    expect(left()).toEqual(before);
  });

  it('needs a stack of any project as proof if the policy refuses the usual request to administrators', async () => {
    await open({ with: [heatOf({ newDefaults: true })] });
    expect((await timed.applyUntilEnd(heatService)).outcome).toEqual(finished);
    expect(left()).toEqual([]);
    for (const row of tables().stacks.all()) tables().stacks.delete(row.id);
    expect((await run()).outcome).toMatchObject({ kind: 'failed', error: { class: 'Denied' } });
  });

  it('fails without the administrator role if the policy refuses the usual request to every user', async () => {
    await open({ with: [heatOf({ newDefaults: true })], adminRoles: ['member', 'reader'] });
    expect((await run()).outcome).toMatchObject({ kind: 'failed', error: { class: 'Denied' } });
  });
});

describe('Heat, after a user was deleted', () => {
  const user = UserId.parse('0123456789abcdef0123456789abcdef');
  async function userReport(
    projects: readonly string[],
    recorded: { userName?: string } = { userName: 'ann' },
  ): Promise<RunReport> {
    const { cloud } = timed.fixture;
    const api = await cloud.api(heatService, 'RegionOne');
    if (!api) throw new TypeError('the catalog has no heat');
    const apiOf = (name: string) =>
      cloud.api(name === 'keystone' ? keystone : heatService, 'RegionOne');
    const common = {
      region: 'RegionOne',
      api,
      projectApi: undefined,
      apiOf,
      now: () => timed.clock.now(),
      memoize: createMemoize(),
    };
    const context = {
      ...common,
      user,
      userName: recorded.userName,
      projects: projects.map((id) => ProjectId.parse(id)),
    };
    const confirmation = Confirmation.fromAnswers(user, [0, 5000], 5000);
    return runUserCleanup({
      service: heatService,
      context,
      phase: 'apply',
      confirmation,
      deadline: Date.now() + 60_000,
    });
  }
  beforeEach(async () => {
    await open();
    addStack('of-ann', { resources: [resource('OS::Heat::AutoScalingGroup')] });
    // MySQL treats the names `ann` and `Ann` as equal.
    tables().stacks.add(made({ name: 'Ann' }, timed.project, 'of-another', timed.clock.now()));
    addStack('of-ann', {}, timed.controlProject);
  });
  const allStacks = () => tables().stacks.all();

  it('reports and keeps the stacks that used a trust of the user', async () => {
    const stacksBefore = allStacks();
    const report = await userReport([timed.project]);
    expect(report.outcome).toEqual(finished);
    expect(report.counts).toEqual({ 'heat.trusted-stack': { listed: 1, gone: 0, left: 1 } });
    expect(report.conditions).toEqual([
      expect.objectContaining({
        class: 'Unsupported',
        actor: 'operator',
        count: 1,
        advice: expect.stringContaining('update'),
      }),
    ]);
    expect(allStacks()).toEqual(stacksBefore);
  });

  it.each([
    [
      'the user has no recorded role on its project',
      () => userReport([timed.fixture.customer.project.domain_id ?? '']),
    ],
    ['the user had no project', () => userReport([])],
    ['the name of the user was not recorded', () => userReport([timed.project], {})],
    [
      'an existing user in any domain has the same name',
      () => {
        timed.fixture.rehearsal.seed.makeUser(
          timed.fixture.rehearsal.seed.makeDomain('elsewhere'),
          'ann',
        );
        return userReport([timed.project]);
      },
    ],
  ])('reports no stack when %s', async (_title, ask) => {
    const report = await ask();
    expect(report.outcome).toEqual(finished);
    expect(report.conditions).toEqual([]);
  });

  it('is not finished when the list of stacks fails', async () => {
    timed.fixture.rehearsal.faults.inject({
      service: 'heat',
      method: 'GET',
      effect: { does: 'answer', status: 500 },
    });
    expect((await userReport([timed.project])).outcome).toMatchObject({ kind: 'again' });
  });
});
