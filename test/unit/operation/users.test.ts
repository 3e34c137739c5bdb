import { preferred, required } from '../../dependencies.ts';
import type { Described } from '../../property/stateful-service.ts';
import {
  DELETED_USER,
  deleted,
  failure,
  StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';

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
let simulation: StatefulSimulation;
beforeEach(() => {
  simulation = new StatefulSimulation(SERVICES);
});
afterEach(() => simulation.expectOthersUntouched());

async function deleteUser(id = DELETED_USER): Promise<void> {
  simulation.cloud.users.delete(id);
  await simulation.engine.commit({ messages: [deleted('user', id)] });
}
/** Records the members of a project in the inventory. */
const recordMembers = (project: string, ...members: string[]) =>
  simulation.engine.commit({
    accounts: [
      {
        account: { type: 'project', id: project },
        seenAt: 0,
        deletedAt: undefined,
        members,
      } as never,
    ],
  });

describe('the cleanup of a user that was deleted in Keystone', () => {
  it('removes the resources of the user in every service, and none of the existing projects', async () => {
    const projects = simulation.left(TARGET);
    await deleteUser();
    await simulation.settle();
    expect(simulation.left(DELETED_USER)).toEqual({ 'stacks.trusted': 2 });
    expect(simulation.left(TARGET)).toEqual(projects);
    expect(simulation.operation).toMatchObject({
      state: 'finished',
      scope: { type: 'user', id: DELETED_USER },
    });
    expect(simulation.tasks).toEqual({ compute: 'finished', stacks: 'finished' });
  });

  it('reports the resources that no release can remove, with an advice for the operator', async () => {
    await deleteUser();
    await simulation.settle();
    expect(simulation.task('stacks').conditions).toEqual([
      expect.objectContaining({
        class: 'Unsupported',
        actor: 'operator',
        message: 'skipped: gone-user-0 uses a trust of the user',
        advice: 'Update it as another user.',
      }),
      expect.objectContaining({ message: 'skipped: gone-user-1 uses a trust of the user' }),
    ]);
    const { body } = await simulation.call('GET', `/v1/operations/${simulation.operation.id}`);
    expect(body).toMatchObject({ resources: { found: 6, removed: 4, left: 2 }, waitsOn: [] });
  });

  it('checks the owner of every row, even if the API ignores the filter', async () => {
    simulation.cloud.ignoresFilters = true;
    simulation.cloud.make('compute.keypair', '', 'without-owner');
    await deleteUser();
    await simulation.settle(60);
    expect(simulation.left(DELETED_USER)).toEqual({ 'stacks.trusted': 2 });
    expect(simulation.left('other-user')).toMatchObject({ 'compute.keypair': 2, 'stacks.note': 2 });
    expect(simulation.left('')).toEqual({ 'compute.keypair': 1 });
    expect(simulation.tasks.compute).not.toBe('finished');
    expect(simulation.task('compute').conditions).toEqual(
      expect.arrayContaining([
        expect.objectContaining({
          message: 'the resource has no owner field, so the propagator keeps it',
        }),
      ]),
    );
  });

  it('reads the projects on which the user had a role from the inventory', async () => {
    await recordMembers('target', DELETED_USER, 'other-user');
    await recordMembers('control', 'other-user');
    await recordMembers('gone-project', DELETED_USER);
    await deleteUser();
    await simulation.settle();
    expect(simulation.operation.scope).toMatchObject({ projects: ['gone-project', 'target'] });
    expect([...new Set(simulation.cloud.asked)].sort()).toEqual(['gone-project', 'target']);
  });

  it('reads a project that the inventory learns of after the deletion', async () => {
    await deleteUser();
    await simulation.until(() => simulation.engine.operations.size > 0);
    await recordMembers('late-project', DELETED_USER);
    await simulation.settle();
    expect(simulation.operation.scope).toMatchObject({ projects: ['late-project'] });
    expect(simulation.cloud.asked).toContain('late-project');
  });

  it('is refused if the user still exists, and removes nothing', async () => {
    await simulation.engine.commit({ messages: [deleted('user', DELETED_USER)] });
    await simulation.settle();
    expect(simulation.state).toBe('refused');
    expect(simulation.left(DELETED_USER)).toEqual({
      'compute.keypair': 2,
      'stacks.trusted': 2,
      'stacks.note': 2,
    });
  });

  it('stops if the user exists again between two runs', async () => {
    for (const resource of simulation.cloud.of(DELETED_USER, 'compute')) resource.lingers = 9;
    await deleteUser();
    expect(
      await simulation.until(() =>
        simulation.cloud.of(DELETED_USER).some(({ deleting }) => deleting),
      ),
    ).toBe(true);
    simulation.cloud.users.add(DELETED_USER);
    await simulation.settle(60);
    expect(simulation.left(DELETED_USER)).toMatchObject({ 'stacks.note': 2 });
    expect(simulation.task('compute').conditions).toMatchObject([
      { message: 'Keystone shows the account again, so the removals stop' },
    ]);
  });

  it('only counts in mode observe', async () => {
    simulation.mode = 'observe';
    await deleteUser();
    await simulation.settle();
    expect(simulation.state).toBe('observed');
    expect(simulation.task('compute').counts).toEqual({
      'compute.keypair': { found: 2, removed: 0, left: 2 },
    });
    expect(simulation.cloud.of(DELETED_USER)).toHaveLength(6);
  });

  it('ends if no service has resources of users', async () => {
    simulation = new StatefulSimulation([{ name: 'compute', resourceTypes: { server: 'A' } }]);
    await deleteUser();
    await simulation.settle();
    expect(simulation.operation).toMatchObject({ state: 'finished', order: [] });
  });

  it('continues in the other services if one service fails', async () => {
    simulation.cloud.broken.set('compute', failure('Denied'));
    await deleteUser();
    await simulation.settle();
    expect(simulation.tasks).toEqual({ compute: 'dead-lettered', stacks: 'finished' });
    expect(simulation.left(DELETED_USER)).toEqual({ 'compute.keypair': 2, 'stacks.trusted': 2 });
  });
});

describe('the cap on operations per hour', () => {
  beforeEach(() => {
    simulation.limits = { ...simulation.limits, maxOperationsPerHour: 1 };
  });
  const states = () =>
    [...simulation.engine.operations.values()].map(({ scope, state }) => [scope.type, state]);

  it('counts users and projects separately', async () => {
    await deleteUser();
    await simulation.settle();
    simulation.cloud.delete(TARGET);
    await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
    await simulation.settle();
    expect(states()).toEqual([
      ['user', 'finished'],
      ['project', 'finished'],
    ]);
  });

  it('holds the operation of the second user until an operator releases it', async () => {
    await deleteUser();
    await simulation.settle();
    simulation.cloud.make('compute.keypair', 'third-user', 'target-like');
    await deleteUser('third-user');
    await simulation.settle();
    expect(states()).toEqual([
      ['user', 'finished'],
      ['user', 'held'],
    ]);
    expect(simulation.left('third-user')).toEqual({ 'compute.keypair': 1 });
    await simulation.release();
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(simulation.left('third-user')).toEqual({});
  });

  it('counts requested cleanups together with other cleanups of projects', async () => {
    simulation.cloud.delete('other');
    await simulation.engine.commit({ messages: [deleted('project', 'other')] });
    await simulation.settle();
    await simulation.ask();
    await simulation.settle();
    expect(states()).toEqual([
      ['project', 'finished'],
      ['project', 'held'],
    ]);
    expect([...simulation.cloud.roles]).toEqual([]);
    expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
  });
});

describe('a protected domain', () => {
  it('protects its users from cleanup', async () => {
    const deps = { ...simulation.deps, protectedIds: { projects: [], domains: ['vip'] } };
    simulation.cloud.users.delete(DELETED_USER);
    const gone = deleted('user', DELETED_USER);
    if ('account' in gone.data) Object.assign(gone.data.account, { domainId: 'vip' });
    await simulation.handle(gone, deps);
    await simulation.settle();
    expect(simulation.operation).toMatchObject({
      state: 'refused',
      hold: { reason: 'protected: the settings protect its domain' },
    });
    expect(simulation.cloud.of(DELETED_USER)).toHaveLength(6);
  });
});
