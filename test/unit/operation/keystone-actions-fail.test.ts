import { step } from '../../../lib/operation/step.ts';
import { failure, type StatefulSimulation, TARGET } from '../../property/stateful-simulation.ts';
import { eachSimulation } from './each-simulation.ts';

let simulation: StatefulSimulation;
eachSimulation((fresh) => {
  simulation = fresh;
});

const ACTIONS = ['assign-role', 'disable', 'delete'] as const;
const ACTION_TEXTS = {
  'assign-role': 'taking a role on',
  disable: 'disabling',
  delete: 'deleting',
} as const;
const waitsOn = async () => {
  const { body } = await simulation.call('GET', `/v1/operations/${simulation.operation.id}`);
  return body.waitsOn as { on: string; actor: string; advice: string }[];
};

describe('a Keystone action that fails for a while', () => {
  it.each(ACTIONS)('%s is retried with growing delays until it succeeds', async (what) => {
    simulation.cloud.refusals[what] = Array.from({ length: 8 }, () =>
      failure('Transient', 'keystone.http.503', 'the database is down'),
    );
    await simulation.ask();
    expect(await simulation.until(() => simulation.operation.hold !== undefined)).toBe(true);
    expect(simulation.operation.hold).toMatchObject({
      reason: expect.stringContaining(`${ACTION_TEXTS[what]} the project`),
    });
    expect(await waitsOn()).toMatchObject([
      { on: expect.stringContaining('the database is down'), actor: 'none' },
    ]);
    const since = simulation.engine.time;
    expect(await simulation.until(() => simulation.operation.hold === undefined)).toBe(true);
    expect(simulation.state).toBe(
      { 'assign-role': 'pre-delete', disable: 'running', delete: 'finished' }[what],
    );
    await simulation.settle();
    expect(simulation.engine.time - since).toBeGreaterThan(8000);
    expect(simulation.operation).toMatchObject({ state: 'finished', hold: undefined });
    expect(simulation.left()).toEqual({});
    expect([...simulation.cloud.roles]).toEqual([]);
    expect(simulation.cloud.projects.has(TARGET)).toBe(false);
  });

  it('is retried after at most a minute', async () => {
    simulation.cloud.refusals.delete = Array.from({ length: 60 }, () => failure('Transient'));
    await simulation.ask();
    await simulation.until(() => simulation.state === 'closing');
    let longest = 0;
    for (
      let at = simulation.engine.time;
      simulation.state === 'closing' &&
      (await simulation.until(() => simulation.engine.time !== at, 5));
      at = simulation.engine.time
    )
      longest = Math.max(longest, simulation.engine.time - at);
    expect(longest).toBeGreaterThan(50_000);
    expect(longest).toBeLessThanOrEqual(60_000);
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });
});

describe('a Keystone action that Keystone refuses', () => {
  it.each(ACTIONS)(
    '%s holds the operation with the reason, and is retried after a release',
    async (what) => {
      simulation.cloud.refusals[what] = [
        failure('Denied', 'keystone.http.403', 'You are not authorized'),
      ];
      await simulation.ask();
      await simulation.settle();
      expect(simulation.operation).toMatchObject({
        state: 'held',
        hold: {
          about: 'keystoneAction',
          reason: expect.stringContaining('You are not authorized'),
        },
      });
      expect(await waitsOn()).toMatchObject([
        {
          actor: 'operator',
          advice: expect.stringContaining(`release ${simulation.operation.id}`),
        },
      ]);
      expect(simulation.cloud.projects.has(TARGET)).toBe(true);
      // The operation may stay held for ever, so the propagator has no role during this time.
      expect([...simulation.cloud.roles]).toEqual([]);
      expect(simulation.left()).toEqual(
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
      simulation.cloud.refusals[what]?.push(failure('Denied', 'keystone.http.403', 'still not'));
      await simulation.release();
      await simulation.settle();
      expect(simulation.operation).toMatchObject({
        state: 'held',
        hold: { reason: expect.stringContaining('still not') },
      });
      await simulation.release();
      await simulation.settle();
      expect(simulation.operation).toMatchObject({
        state: 'finished',
        hold: undefined,
        released: { by: 'bob' },
      });
      expect(simulation.left()).toEqual({});
      expect(simulation.cloud.projects.has(TARGET)).toBe(false);
    },
  );

  it.each(ACTIONS)(
    '%s is not retried if its message is delivered again; an operator must release it',
    async (what) => {
      simulation.cloud.refusals[what] = [failure('Denied')];
      await simulation.ask();
      await simulation.until(() => simulation.operation.keystoneAction?.what === what);
      const order = simulation.engine
        .dueMessages()
        .find(({ message }) => message.type === 'operation.keystone-action');
      expect(await simulation.until(() => simulation.state === 'held')).toBe(true);
      const [before, project] = [
        simulation.stored,
        structuredClone(simulation.cloud.projects.get(TARGET)),
      ];
      if (order) await simulation.handle(order.message);
      expect(simulation.cloud.projects.get(TARGET)).toEqual(project);
      expect([...simulation.cloud.roles]).toEqual([]);
      expect(simulation.stored).toEqual(before);
      expect(simulation.engine.waiting).toEqual([]);
    },
  );

  it('does not complete a newer action if its answer arrives late', async () => {
    await simulation.ask();
    await simulation.until(() => simulation.operation.keystoneAction?.what === 'disable');
    const rules = {
      ...simulation.deps.limits,
      now: simulation.engine.time,
      startedLastHour: 0,
      waivers: [],
      heldTypes: [],
    };
    const answer = (number: number) =>
      step(
        simulation.operation,
        [...simulation.engine.tasks.values()],
        { kind: 'keystone-action-result', number },
        rules,
      );
    expect(simulation.operation.keystoneAction).toMatchObject({ number: 2, done: false });
    expect(answer(1)).toBeUndefined();
    expect(answer(3)).toBeUndefined();
    expect(answer(2)?.operations).toMatchObject([
      { state: 'running', keystoneAction: { done: true } },
    ]);
  });

  it('assigns all roles or none', async () => {
    simulation.cloud.refuseSecondRole = true;
    await simulation.ask();
    await simulation.settle();
    expect(simulation.state).toBe('held');
    expect([...simulation.cloud.roles]).toEqual([]);
    simulation.cloud.refuseSecondRole = false;
    await simulation.release();
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });

  it('delete is refused while the project has a child', async () => {
    await simulation.ask();
    await simulation.until(() => simulation.state === 'running');
    simulation.cloud.projects.set('child', { name: 'child', enabled: true, parentId: TARGET });
    await simulation.settle();
    expect(simulation.operation).toMatchObject({
      state: 'held',
      hold: { reason: expect.stringContaining('it has projects below it') },
    });
    simulation.cloud.projects.delete('child');
    await simulation.release();
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });
});

describe('a login with an application credential', () => {
  it('gives no token on the project, so the request is refused, and no role is left', async () => {
    simulation.cloud.isBound = true;
    expect(await simulation.ask()).toMatchObject({
      status: 409,
      body: { error: { advice: expect.stringContaining('log in with a password') } },
    });
    expect(simulation.engine.operations.size).toBe(0);
    expect(simulation.cloud.of(TARGET)).toHaveLength(12);
    expect([...simulation.cloud.roles]).toEqual([]);
    simulation.cloud.isBound = false;
    await simulation.ask();
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });

  it('makes the operation wait before the first removal if it replaces the password after the request', async () => {
    await simulation.ask();
    simulation.cloud.isBound = true;
    await simulation.settle(40);
    expect(simulation.operation).toMatchObject({
      state: 'confirming',
      hold: { about: 'keystoneAction', reason: expect.stringContaining('application credential') },
    });
    expect(await waitsOn()).toHaveLength(1);
    expect(simulation.cloud.of(TARGET)).toHaveLength(12);
    expect([...simulation.cloud.roles]).toEqual([]);
    simulation.cloud.isBound = false;
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });

  it('is enough for a disabled project', async () => {
    simulation.cloud.isBound = true;
    simulation.cloud.enable(TARGET, false);
    await simulation.ask({});
    await simulation.settle();
    expect(simulation.left()).toEqual({ 'vault.secret': 2, 'booking.lease': 2 });
    expect(simulation.operation.hold).toMatchObject({ about: 'leftovers' });
  });
});

describe('the revocation of the role', () => {
  it('is retried until it succeeds, even while the operation is held', async () => {
    simulation.limits = { ...simulation.limits, maxResourcesPerOperation: 10 };
    simulation.cloud.refusals['revoke-role'] = [
      failure('Transient'),
      failure('Denied'),
      failure('Unexpected'),
    ];
    await simulation.ask();
    expect(await simulation.until(() => simulation.state === 'held')).toBe(true);
    expect(simulation.cloud.roles.size).toBe(2);
    const { hold } = simulation.operation;
    await simulation.settle();
    expect([...simulation.cloud.roles]).toEqual([]);
    expect(simulation.operation).toMatchObject({ state: 'held', hold });
  });

  it('is the first part of the action disable', async () => {
    simulation.cloud.refusals['revoke-role'] = [failure('Transient'), failure('Transient')];
    await simulation.ask();
    await simulation.until(() => simulation.operation.hold !== undefined);
    expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });
});

describe('a protection that is set during a cleanup', () => {
  it.each([
    ['before the role is assigned', () => simulation.state === 'pre-delete'],
    [
      'before the project is disabled',
      () => simulation.operation.keystoneAction?.what === 'disable',
    ],
    ['before the project is deleted', () => simulation.state === 'closing'],
  ])('stops the operation %s, and the operation reports the reason', async (_, moment) => {
    await simulation.ask();
    expect(await simulation.until(moment)).toBe(true);
    const { enabled } = simulation.cloud.projects.get(TARGET) ?? {};
    simulation.protectedProjects = [TARGET];
    await simulation.settle(40);
    expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled });
    expect([...simulation.cloud.roles]).toEqual([]);
    expect(await waitsOn()).toMatchObject([
      { on: expect.stringContaining('the settings protect this project'), actor: 'operator' },
    ]);
    simulation.protectedProjects = [];
    await simulation.settle();
    expect(simulation.state).toBe('finished');
  });
});
