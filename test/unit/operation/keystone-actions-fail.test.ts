import { step } from '../../../lib/operation/step.ts';
import { EVERY_CLASS, failure, LivingWorld, TARGET } from '../../property/stateful-world.ts';

let world: LivingWorld;
beforeEach(() => {
  world = new LivingWorld(EVERY_CLASS);
});
afterEach(() => world.expectOthersUntouched());

const ACTIONS = ['assign-role', 'disable', 'delete'] as const;
const DOING = {
  'assign-role': 'taking a role on',
  disable: 'disabling',
  delete: 'deleting',
} as const;
const waitsOn = async () => {
  const { body } = await world.call('GET', `/v1/operations/${world.operation.id}`);
  return body.waitsOn as { on: string; actor: string; advice: string }[];
};

describe('a Keystone action that fails for a while', () => {
  it.each(ACTIONS)('%s is retried with growing delays until it succeeds', async (what) => {
    world.cloud.refusals[what] = Array.from({ length: 8 }, () =>
      failure('Transient', 'keystone.http.503', 'the database is down'),
    );
    await world.ask();
    expect(await world.until(() => world.operation.hold !== undefined)).toBe(true);
    expect(world.operation.hold).toMatchObject({
      reason: expect.stringContaining(`${DOING[what]} the project`),
    });
    expect(await waitsOn()).toMatchObject([
      { on: expect.stringContaining('the database is down'), actor: 'none' },
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

  it('is retried after at most a minute', async () => {
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

describe('a Keystone action that Keystone refuses', () => {
  it.each(ACTIONS)(
    '%s holds the operation with the reason, and is retried after a release',
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
      // The operation may stay held for ever, so the propagator keeps no role meanwhile.
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

  it.each(ACTIONS)(
    '%s is not retried if its message is delivered again; an operator must release it',
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

  it('whose answer arrives late does not complete a newer action', async () => {
    await world.ask();
    await world.until(() => world.operation.keystoneAction?.what === 'disable');
    const rules = { ...world.deps.limits, now: world.engine.time, startedLastHour: 0, waivers: [] };
    const answer = (number: number) =>
      step(world.operation, [...world.engine.tasks.values()], { kind: 'acted', number }, rules);
    expect(world.operation.keystoneAction).toMatchObject({ number: 2, done: false });
    expect(answer(1)).toBeUndefined();
    expect(answer(3)).toBeUndefined();
    expect(answer(2)?.operations).toMatchObject([
      { state: 'running', keystoneAction: { done: true } },
    ]);
  });

  it('assigns all roles or none', async () => {
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

  it('delete is refused while the project has a child', async () => {
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
  it('gives no token on the project, so the request is refused, and no role is left', async () => {
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

  it('that replaces the password after the request makes the operation wait before the first removal', async () => {
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

  it('is enough for a disabled project', async () => {
    world.cloud.isBound = true;
    world.cloud.enable(TARGET, false);
    await world.ask({});
    await world.settle();
    expect(world.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
    expect(world.operation.hold).toMatchObject({ about: 'leftovers' });
  });
});

describe('the revocation of the role', () => {
  it('is retried until it succeeds, also while the operation is held', async () => {
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

  it('is the first part of the action disable', async () => {
    world.cloud.refusals['revoke-role'] = [failure('Transient'), failure('Transient')];
    await world.ask();
    await world.until(() => world.operation.hold !== undefined);
    expect(world.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
    await world.settle();
    expect(world.state).toBe('finished');
  });
});

describe('a protection that is set during a cleanup', () => {
  it.each([
    ['before the role is assigned', () => world.state === 'pre-delete'],
    ['before the project is disabled', () => world.operation.keystoneAction?.what === 'disable'],
    ['before the project is deleted', () => world.state === 'closing'],
  ])('stops the operation %s, and the operation reports the reason', async (_, moment) => {
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
