import { step } from '../../../lib/operation/step.ts';
import { EVERY_CLASS, failure, LivingWorld, TARGET } from '../../property/stateful-world.ts';

let world: LivingWorld;
beforeEach(() => {
  world = new LivingWorld(EVERY_CLASS);
});
afterEach(() => world.expectOthersUntouched());

const ACTS = ['assign-role', 'disable', 'delete'] as const;
const DOING = {
  'assign-role': 'taking a role on',
  disable: 'disabling',
  delete: 'deleting',
} as const;
const waitsOn = async () => {
  const { body } = await world.call('GET', `/v1/operations/${world.operation.id}`);
  return body.waitsOn as { on: string; actor: string; advice: string }[];
};

describe('an act in Keystone that fails for a while', () => {
  it.each(ACTS)('%s is tried again, ever more rarely, until it is done', async (what) => {
    world.cloud.refusals[what] = Array.from({ length: 8 }, () =>
      failure('Transient', 'keystone.http.503', 'the database is away'),
    );
    await world.ask();
    expect(await world.until(() => world.operation.hold !== undefined)).toBe(true);
    expect(world.operation.hold).toMatchObject({
      reason: expect.stringContaining(`${DOING[what]} the project`),
    });
    expect(await waitsOn()).toMatchObject([
      { on: expect.stringContaining('the database is away'), actor: 'none' },
    ]);
    const since = world.engine.time;
    expect(await world.until(() => world.operation.hold === undefined)).toBe(true);
    expect(world.state).toBe(
      { 'assign-role': 'pre-delete', disable: 'running', delete: 'finished' }[what],
    );
    await world.settle();
    expect(world.engine.time - since).toBeGreaterThan(8000);
    expect(world.operation).toMatchObject({ state: 'finished', hold: undefined });
    expect(world.left()).toEqual({});
    expect([...world.cloud.roles]).toEqual([]);
    expect(world.cloud.projects.has(TARGET)).toBe(false);
  });

  it('waits no longer than a minute between two tries', async () => {
    world.cloud.refusals.delete = Array.from({ length: 60 }, () => failure('Transient'));
    await world.ask();
    await world.until(() => world.state === 'closing');
    let longest = 0;
    for (
      let at = world.engine.time;
      world.state === 'closing' && (await world.until(() => world.engine.time !== at, 5));
      at = world.engine.time
    )
      longest = Math.max(longest, world.engine.time - at);
    expect(longest).toBeGreaterThan(50_000);
    expect(longest).toBeLessThanOrEqual(60_000);
    await world.settle();
    expect(world.state).toBe('finished');
  });
});

describe('an act that Keystone refuses', () => {
  it.each(ACTS)(
    '%s holds the operation with the reason; released, it is tried again',
    async (what) => {
      world.cloud.refusals[what] = [
        failure('Denied', 'keystone.http.403', 'You are not authorized'),
      ];
      await world.ask();
      await world.settle();
      expect(world.operation).toMatchObject({
        state: 'held',
        hold: {
          about: 'keystoneAction',
          reason: expect.stringContaining('You are not authorized'),
        },
      });
      expect(await waitsOn()).toMatchObject([
        { actor: 'operator', advice: expect.stringContaining(`release ${world.operation.id}`) },
      ]);
      expect(world.cloud.projects.has(TARGET)).toBe(true);
      // A person may let it stand for good: no role of ours stays meanwhile.
      expect([...world.cloud.roles]).toEqual([]);
      expect(world.left()).toEqual(
        {
          'assign-role': {
            'compute.server': 2,
            'network.port': 2,
            'vault.secret': 2,
            'vault.label': 2,
            'booking.lease': 2,
            'booking.host': 2,
          },
          disable: { 'compute.server': 2, 'network.port': 2 },
          delete: {},
        }[what],
      );
      world.cloud.refusals[what]?.push(failure('Denied', 'keystone.http.403', 'still not'));
      await world.release();
      await world.settle();
      expect(world.operation).toMatchObject({
        state: 'held',
        hold: { reason: expect.stringContaining('still not') },
      });
      await world.release();
      await world.settle();
      expect(world.operation).toMatchObject({
        state: 'finished',
        hold: undefined,
        released: { by: 'bob' },
      });
      expect(world.left()).toEqual({});
      expect(world.cloud.projects.has(TARGET)).toBe(false);
    },
  );

  it.each(ACTS)(
    '%s is not tried again by a message that comes twice: a person must say so',
    async (what) => {
      world.cloud.refusals[what] = [failure('Denied')];
      await world.ask();
      await world.until(() => world.operation.keystoneAction?.what === what);
      const order = world.engine
        .due()
        .find(({ message }) => message.type === 'operation.keystone-action');
      expect(await world.until(() => world.state === 'held')).toBe(true);
      const [before, project] = [world.stored, structuredClone(world.cloud.projects.get(TARGET))];
      if (order) await world.handle(order.message);
      expect(world.cloud.projects.get(TARGET)).toEqual(project);
      expect([...world.cloud.roles]).toEqual([]);
      expect(world.stored).toEqual(before);
      expect(world.engine.waiting).toEqual([]);
    },
  );

  it('says nothing of a newer act when its answer comes late', async () => {
    await world.ask();
    await world.until(() => world.operation.keystoneAction?.what === 'disable');
    const rules = { ...world.deps.limits, now: world.engine.time, startedLastHour: 0, waivers: [] };
    const answer = (number: number) =>
      step(world.operation, [...world.engine.tasks.values()], { is: 'acted', number }, rules);
    expect(world.operation.keystoneAction).toMatchObject({ number: 2, done: false });
    expect(answer(1)).toBeUndefined();
    expect(answer(3)).toBeUndefined();
    expect(answer(2)?.operations).toMatchObject([
      { state: 'running', keystoneAction: { done: true } },
    ]);
  });

  it('takes no half of the roles', async () => {
    world.cloud.refuseSecondRole = true;
    await world.ask();
    await world.settle();
    expect(world.state).toBe('held');
    expect([...world.cloud.roles]).toEqual([]);
    world.cloud.refuseSecondRole = false;
    await world.release();
    await world.settle();
    expect(world.state).toBe('finished');
  });

  it('is what a project below it makes of its deletion', async () => {
    await world.ask();
    await world.until(() => world.state === 'running');
    world.cloud.projects.set('child', { name: 'child', enabled: true, parentId: TARGET });
    await world.settle();
    expect(world.operation).toMatchObject({
      state: 'held',
      hold: { reason: expect.stringContaining('it has projects below it') },
    });
    world.cloud.projects.delete('child');
    await world.release();
    await world.settle();
    expect(world.state).toBe('finished');
  });
});

describe('a login with an application credential', () => {
  it('gives no token on the project: refused at once, and no role is left on the project', async () => {
    world.cloud.isBound = true;
    expect(await world.ask()).toMatchObject({
      status: 409,
      body: { error: { advice: expect.stringContaining('log in with a password') } },
    });
    expect(world.engine.operations.size).toBe(0);
    expect(world.cloud.of(TARGET)).toHaveLength(12);
    expect([...world.cloud.roles]).toEqual([]);
    world.cloud.isBound = false;
    await world.ask();
    await world.settle();
    expect(world.state).toBe('finished');
  });

  it('that replaces the password later holds nothing and waits before the first removal', async () => {
    await world.ask();
    world.cloud.isBound = true;
    await world.settle(40);
    expect(world.operation).toMatchObject({
      state: 'confirming',
      hold: { about: 'keystoneAction', reason: expect.stringContaining('application credential') },
    });
    expect(await waitsOn()).toHaveLength(1);
    expect(world.cloud.of(TARGET)).toHaveLength(12);
    expect([...world.cloud.roles]).toEqual([]);
    world.cloud.isBound = false;
    await world.settle();
    expect(world.state).toBe('finished');
  });

  it('is no hindrance for a disabled project', async () => {
    world.cloud.isBound = true;
    world.cloud.enable(TARGET, false);
    await world.ask({});
    await world.settle();
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
    expect(world.operation.hold).toMatchObject({ about: 'leftovers' });
  });
});

describe('giving the role back', () => {
  it('goes on while the operation is held, until it is done', async () => {
    world.limits = { ...world.limits, maxResourcesPerOperation: 10 };
    world.cloud.refusals['revoke-role'] = [
      failure('Transient'),
      failure('Denied'),
      failure('Unexpected'),
    ];
    await world.ask();
    expect(await world.until(() => world.state === 'held')).toBe(true);
    expect(world.cloud.roles.size).toBe(2);
    const { hold } = world.operation;
    await world.settle();
    expect([...world.cloud.roles]).toEqual([]);
    expect(world.operation).toMatchObject({ state: 'held', hold });
  });

  it('is part of disabling, and comes first', async () => {
    world.cloud.refusals['revoke-role'] = [failure('Transient'), failure('Transient')];
    await world.ask();
    await world.until(() => world.operation.hold !== undefined);
    expect(world.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
    await world.settle();
    expect(world.state).toBe('finished');
  });
});

describe('a protection that is set in the middle', () => {
  it.each([
    ['before the role is taken', () => world.state === 'pre-delete'],
    ['before it is disabled', () => world.operation.keystoneAction?.what === 'disable'],
    ['before it is deleted', () => world.state === 'closing'],
  ])('stops it %s, and people are told', async (_, moment) => {
    await world.ask();
    expect(await world.until(moment)).toBe(true);
    const { enabled } = world.cloud.projects.get(TARGET) ?? {};
    world.protectedProjects = [TARGET];
    await world.settle(40);
    expect(world.cloud.projects.get(TARGET)).toMatchObject({ enabled });
    expect([...world.cloud.roles]).toEqual([]);
    expect(await waitsOn()).toMatchObject([
      { on: expect.stringContaining('the settings protect this project'), actor: 'operator' },
    ]);
    world.protectedProjects = [];
    await world.settle();
    expect(world.state).toBe('finished');
  });
});
