import { preferred, required } from '../../dependencies.ts';
import type { Described } from '../../property/stateful-service.ts';
import { deleted, failure, GONE_USER, LivingWorld, TARGET } from '../../property/stateful-world.ts';

const SERVICES: readonly Described[] = [
  { name: 'compute', resourceTypes: { server: 'A' }, userResourceTypes: ['keypair'] },
  { name: 'network', resourceTypes: { port: 'A' }, dependsOn: [required('compute')] },
  {
    name: 'stacks',
    resourceTypes: { stack: 'A' },
    userResourceTypes: ['trusted', 'note'],
    retained: ['trusted'],
    dependsOn: [preferred('compute')],
  },
];
let world: LivingWorld;
beforeEach(() => {
  world = new LivingWorld(SERVICES);
});
afterEach(() => world.expectOthersUntouched());

async function leftover(id = GONE_USER): Promise<void> {
  world.cloud.users.delete(id);
  await world.engine.commit({ messages: [deleted('user', id)] });
}
/** Records the members of a project in the inventory. */
const member = (project: string, ...members: string[]) =>
  world.engine.commit({
    accounts: [
      {
        account: { type: 'project', id: project },
        seenAt: 0,
        deletedAt: undefined,
        members,
      } as never,
    ],
  });

describe('the cleanup of a user who was deleted in Keystone', () => {
  it('removes the resources of the user in every service, and none of the existing projects', async () => {
    const projects = world.left(TARGET);
    await leftover();
    await world.settle();
    expect(world.left(GONE_USER)).toEqual({ 'stacks.trusted': 2 });
    expect(world.left(TARGET)).toEqual(projects);
    expect(world.operation).toMatchObject({
      state: 'finished',
      scope: { type: 'user', id: GONE_USER },
    });
    expect(world.tasks).toEqual({ compute: 'finished', stacks: 'finished' });
  });

  it('reports the resources that no release can remove, with an advice for the operator', async () => {
    await leftover();
    await world.settle();
    expect(world.task('stacks').conditions).toEqual([
      expect.objectContaining({
        class: 'Unsupported',
        actor: 'operator',
        message: 'skipped: gone-user-0 uses a trust of the user',
        advice: 'Update it as another user.',
      }),
      expect.objectContaining({ message: 'skipped: gone-user-1 uses a trust of the user' }),
    ]);
    const { body } = await world.call('GET', `/v1/operations/${world.operation.id}`);
    expect(body).toMatchObject({ resources: { found: 6, removed: 4, left: 2 }, waitsOn: [] });
  });

  it('checks the owner of every row, also if the API ignores the filter', async () => {
    world.cloud.ignoresFilters = true;
    world.cloud.make('compute.keypair', '', 'without-owner');
    await leftover();
    await world.settle(60);
    expect(world.left(GONE_USER)).toEqual({ 'stacks.trusted': 2 });
    expect(world.left('other-user')).toMatchObject({ 'compute.keypair': 2, 'stacks.note': 2 });
    expect(world.left('')).toEqual({ 'compute.keypair': 1 });
    expect(world.tasks.compute).not.toBe('finished');
    expect(world.task('compute').conditions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          message: 'the resource has no owner field, so it is never removed',
        }),
      ]),
    );
  });

  it('reads the projects on which the user had a role from the inventory', async () => {
    await member('target', GONE_USER, 'other-user');
    await member('control', 'other-user');
    await member('gone-project', GONE_USER);
    await leftover();
    await world.settle();
    expect(world.operation.scope).toMatchObject({ projects: ['gone-project', 'target'] });
    expect([...new Set(world.cloud.asked)].sort()).toEqual(['gone-project', 'target']);
  });

  it('is refused if the user still exists, and removes nothing', async () => {
    await world.engine.commit({ messages: [deleted('user', GONE_USER)] });
    await world.settle();
    expect(world.state).toBe('refused');
    expect(world.left(GONE_USER)).toEqual({
      'compute.keypair': 2,
      'stacks.trusted': 2,
      'stacks.note': 2,
    });
  });

  it('stops if the user exists again between two runs', async () => {
    for (const resource of world.cloud.of(GONE_USER, 'compute')) resource.lingers = 9;
    await leftover();
    expect(
      await world.until(() => world.cloud.of(GONE_USER).some(({ deleting }) => deleting)),
    ).toBe(true);
    world.cloud.users.add(GONE_USER);
    await world.settle(60);
    expect(world.left(GONE_USER)).toMatchObject({ 'stacks.note': 2 });
    expect(world.task('compute').conditions).toMatchObject([
      { message: 'Keystone shows it again: nothing more is removed' },
    ]);
  });

  it('only counts in mode observe', async () => {
    world.mode = 'observe';
    await leftover();
    await world.settle();
    expect(world.state).toBe('observed');
    expect(world.task('compute').counts).toEqual({
      'compute.keypair': { found: 2, removed: 0, left: 2 },
    });
    expect(world.cloud.of(GONE_USER)).toHaveLength(6);
  });

  it('ends if no service has resources of users', async () => {
    world = new LivingWorld([{ name: 'compute', resourceTypes: { server: 'A' } }]);
    await leftover();
    await world.settle();
    expect(world.operation).toMatchObject({ state: 'finished', order: [] });
  });

  it('continues in the other services if one service fails', async () => {
    world.cloud.broken.set('compute', failure('Denied'));
    await leftover();
    await world.settle();
    expect(world.tasks).toEqual({ compute: 'dead-lettered', stacks: 'finished' });
    expect(world.left(GONE_USER)).toEqual({ 'compute.keypair': 2, 'stacks.trusted': 2 });
  });
});

describe('the cap on operations per hour', () => {
  beforeEach(() => {
    world.limits = { ...world.limits, maxOperationsPerHour: 1 };
  });
  const states = () =>
    [...world.engine.operations.values()].map(({ scope, state }) => [scope.type, state]);

  it('counts users and projects separately', async () => {
    await leftover();
    await world.settle();
    world.cloud.delete(TARGET);
    await world.engine.commit({ messages: [deleted('project', TARGET)] });
    await world.settle();
    expect(states()).toEqual([
      ['user', 'finished'],
      ['project', 'finished'],
    ]);
  });

  it('holds the operation of the second user until an operator releases it', async () => {
    await leftover();
    await world.settle();
    world.cloud.make('compute.keypair', 'third-user', 'target-like');
    await leftover('third-user');
    await world.settle();
    expect(states()).toEqual([
      ['user', 'finished'],
      ['user', 'held'],
    ]);
    expect(world.left('third-user')).toEqual({ 'compute.keypair': 1 });
    await world.release();
    await world.settle();
    expect(world.state).toBe('finished');
    expect(world.left('third-user')).toEqual({});
  });

  it('counts requested cleanups together with other cleanups of projects', async () => {
    world.cloud.delete('other');
    await world.engine.commit({ messages: [deleted('project', 'other')] });
    await world.settle();
    await world.ask();
    await world.settle();
    expect(states()).toEqual([
      ['project', 'finished'],
      ['project', 'held'],
    ]);
    expect([...world.cloud.roles]).toEqual([]);
    expect(world.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
  });
});

describe('a protected domain', () => {
  it('protects its users from cleanup', async () => {
    const deps = { ...world.deps, protectedIds: { projects: [], domains: ['vip'] } };
    world.cloud.users.delete(GONE_USER);
    const gone = deleted('user', GONE_USER);
    if ('account' in gone.data) Object.assign(gone.data.account, { domainId: 'vip' });
    await world.handle(gone, deps);
    await world.settle();
    expect(world.operation).toMatchObject({
      state: 'refused',
      hold: { reason: 'protected: the settings protect its domain' },
    });
    expect(world.cloud.of(GONE_USER)).toHaveLength(6);
  });
});
