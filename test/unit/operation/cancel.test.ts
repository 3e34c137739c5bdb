import { DomainId, UserId } from '../../../events/ids.ts';
import { whyNotCanceled } from '../../../lib/operation/cancel.ts';
import type { Operation } from '../../../lib/operation/model.ts';
import { operation } from '../../engine/samples.ts';
import {
  deleted,
  failure,
  type StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';
import { ALL_RESOURCES, eachSimulation } from './each-simulation.ts';

let simulation: StatefulSimulation;
eachSimulation((fresh) => {
  simulation = fresh;
});
const cancel = (id: string = simulation.operation.id) =>
  simulation.call('POST', `/v1/operations/${id}/cancel`, { reason: 'the contract goes on' });

describe('the cancellation of a requested operation', () => {
  it('changes nothing before the first removal, and another request is accepted', async () => {
    await simulation.ask();
    expect(await cancel()).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(simulation.operation).toMatchObject({
      state: 'canceled',
      hold: { reason: 'canceled by ann: the contract goes on', advice: 'Nothing was changed.' },
    });
    expect(simulation.left()).toEqual(ALL_RESOURCES);
    expect(await simulation.ask()).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(simulation.operation).toMatchObject({ state: 'finished', generation: 2 });
  });

  it('revokes the role if the project is not deleted yet, and shows the removed resources', async () => {
    await simulation.ask();
    await simulation.until(() => (simulation.left()['vault.secret'] ?? 0) < 2);
    expect(simulation.cloud.roles.size).toBeGreaterThan(0);
    expect(await cancel()).toMatchObject({ status: 202 });
    await simulation.until(() => simulation.state === 'canceled');
    const left = simulation.left();
    await simulation.settle();
    expect(simulation.left()).toEqual(left);
    expect(left).toMatchObject({ 'compute.server': 2, 'network.port': 2 });
    expect([...simulation.cloud.roles]).toEqual([]);
    expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
    expect(simulation.operation.hold?.advice).toContain('as removed are gone');
    const { body } = await simulation.call('GET', `/v1/operations/${simulation.operation.id}`);
    const gone = 12 - Object.values(left).reduce((sum, count) => sum + count, 0);
    expect(body.resources).toMatchObject({ removed: gone });
    expect(simulation.engine.waiting).toEqual([]);
  });

  it('stops the next removal of a run that is under way', async () => {
    await simulation.ask();
    await simulation.until(() => simulation.state === 'running');
    let isCanceled = false;
    simulation.cloud.onRemoval = () => {
      if (isCanceled) return;
      isCanceled = true;
      const operation = { ...simulation.operation, state: 'canceled' as const };
      simulation.engine.operations.set(operation.id, operation);
      simulation.engine.time += 2000;
    };
    await simulation.until(() => isCanceled);
    await simulation.settle();
    expect(simulation.left()).toMatchObject({ 'network.port': 2 });
    expect(simulation.cloud.projects.has(TARGET)).toBe(true);
    expect(simulation.engine.waiting).toEqual([]);
  });

  it.each(['assign-role', 'disable', 'delete'] as const)(
    'is final after a refused %s: the message of the action that arrives again changes nothing',
    async (what) => {
      simulation.cloud.refusals[what] = [failure('Denied', 'keystone.http.403')];
      await simulation.ask();
      await simulation.until(() => simulation.operation.keystoneAction?.what === what);
      const again = simulation.engine
        .dueMessages()
        .find(({ message }) => message.type === 'operation.keystone-action');
      if (!again) throw new Error('the action has no message');
      expect(await simulation.until(() => simulation.state === 'held')).toBe(true);
      expect(await cancel()).toMatchObject({ status: 202 });
      await simulation.settle();
      expect(simulation.state).toBe('canceled');
      const [stored, project] = [
        simulation.stored,
        structuredClone(simulation.cloud.projects.get(TARGET)),
      ];
      await simulation.handle(again.message);
      await simulation.settle();
      expect(project).toBeDefined();
      expect(simulation.cloud.projects.get(TARGET)).toEqual(project);
      expect([...simulation.cloud.roles]).toEqual([]);
      expect(simulation.stored).toEqual(stored);
    },
  );

  it('revokes the role again after a refused revocation', async () => {
    simulation.cloud.refusals['revoke-role'] = [failure('Denied', 'keystone.http.403')];
    await simulation.ask();
    expect(await simulation.until(() => simulation.state === 'held')).toBe(true);
    expect(simulation.cloud.roles.size).toBeGreaterThan(0);
    expect(await cancel()).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(simulation.state).toBe('canceled');
    expect([...simulation.cloud.roles]).toEqual([]);
    expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
  });

  it('keeps the project if the last report arrives before the accepted cancellation', async () => {
    await simulation.ask();
    const open = () =>
      [...simulation.engine.tasks.values()].filter(({ endedAt }) => endedAt === undefined);
    const isLast = () =>
      simulation.state === 'running' &&
      open().length === 1 &&
      simulation.engine.waiting.some(({ message }) => message.type === 'service.finished');
    expect(await simulation.until(isLast)).toBe(true);
    expect(await cancel()).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(simulation.operation).toMatchObject({
      state: 'canceled',
      hold: { advice: expect.stringContaining('The project itself stays.') },
    });
    expect(simulation.cloud.projects.has(TARGET)).toBe(true);
    expect(simulation.engine.waiting).toEqual([]);
  });

  /** Runs until the message of this Keystone action waits, and returns the message. */
  async function untilActionWaits(what: 'assign-role' | 'disable') {
    const isDue = () => {
      const { keystoneAction } = simulation.operation;
      return keystoneAction?.what === what && !keystoneAction.done;
    };
    expect(await simulation.until(isDue)).toBe(true);
    const action = simulation.engine.waiting.find(
      ({ message }) => message.type === 'operation.keystone-action',
    );
    if (!action) throw new Error(`no message for ${what}`);
    return action;
  }

  it.each(['assign-role', 'disable'] as const)(
    'stops the action %s whose message arrives before the accepted cancellation',
    async (what) => {
      await simulation.ask();
      const action = await untilActionWaits(what);
      expect(await cancel()).toMatchObject({ status: 202 });
      simulation.engine.removeDelivered(action);
      await simulation.handle(action.message);
      expect([...simulation.cloud.roles]).toEqual([]);
      await simulation.settle();
      expect(simulation.operation.state).toBe('canceled');
      expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
      expect([...simulation.cloud.roles]).toEqual([]);
      expect(simulation.engine.waiting).toEqual([]);
    },
  );

  /** Keystone answers the next `times` questions about the target with a wrong 404. */
  const answerWrongly = (times: number): void => {
    const { keystone } = simulation.cloud.port;
    const { show } = keystone;
    let left = times;
    keystone.show = async (type, id) => {
      if (id !== TARGET || left <= 0) return show(type, id);
      left -= 1;
      return { kind: 'absent' };
    };
  };

  it('keeps the project if Keystone answers one wrong 404 before the last call', async () => {
    await simulation.ask();
    simulation.cloud.refusals.delete = [failure('Transient')];
    const isRefused = () =>
      simulation.state === 'closing' && simulation.operation.hold !== undefined;
    expect(await simulation.until(isRefused)).toBe(true);
    expect(await cancel()).toMatchObject({ status: 202 });
    answerWrongly(1);
    const isAskedAgain = () =>
      simulation.operation.hold?.advice.includes('Keystone does not show the project') === true;
    expect(await simulation.until(isAskedAgain)).toBe(true);
    await simulation.settle();
    expect(simulation.cloud.projects.has(TARGET)).toBe(true);
    expect(simulation.operation).toMatchObject({
      state: 'canceled',
      hold: { advice: expect.stringContaining('The project itself stays.') },
    });
    expect(simulation.engine.waiting).toEqual([]);
  });

  it('comes too late if Keystone answers 404 twice, one confirmation interval apart: the operation ends finished', async () => {
    await simulation.ask();
    simulation.cloud.refusals.delete = [failure('Transient')];
    const isRefused = () =>
      simulation.state === 'closing' && simulation.operation.hold !== undefined;
    expect(await simulation.until(isRefused)).toBe(true);
    expect(await cancel()).toMatchObject({ status: 202 });
    await simulation.until(() => simulation.operation.hold?.reason.startsWith('canceled') === true);
    simulation.cloud.projects.delete(TARGET);
    const isSeen = () => simulation.operation.keystoneAction?.absentSince !== undefined;
    expect(await simulation.until(isSeen)).toBe(true);
    const first = simulation.engine.time;
    const [action] = simulation.engine.waiting.filter(
      ({ message }) => message.type === 'operation.keystone-action',
    );
    if (!action) throw new Error('Keystone is not asked again');
    // A second delivery of the same message is not a second answer.
    await simulation.handle(action.message);
    expect(simulation.state).toBe('closing');
    await simulation.settle();
    expect(simulation.operation).toMatchObject({ state: 'finished', hold: undefined });
    const { endedAt = 0 } = simulation.operation;
    expect(endedAt - first).toBeGreaterThanOrEqual(simulation.limits.confirmationIntervalMillis);
    expect(simulation.engine.waiting).toEqual([]);
  });

  it.each(['assign-role', 'disable'] as const)(
    'sends no %s if Keystone answers one wrong 404 after the accepted cancellation',
    async (what) => {
      await simulation.ask();
      const action = await untilActionWaits(what);
      expect(await cancel()).toMatchObject({ status: 202 });
      answerWrongly(1);
      simulation.engine.removeDelivered(action);
      await simulation.handle(action.message);
      await simulation.settle();
      expect(simulation.operation.state).toBe('canceled');
      expect(simulation.cloud.projects.get(TARGET)).toMatchObject({ enabled: true });
      expect([...simulation.cloud.roles]).toEqual([]);
    },
  );

  it.each([
    ['stop', '/v1/stop-all', 'propagator resume-all', 'POST', '/v1/resume-all'],
    ['hold', '/v1/holds', 'propagator hold remove', 'DELETE', `/v1/holds/project/${TARGET}`],
  ] as const)(
    'shows the command that ends a %s after a lost answer of Keystone',
    async (...row) => {
      const [kind, path, command, method, end] = row;
      simulation.cloud.refusals.delete = [failure('Transient')];
      await simulation.ask();
      const hasNoAnswer = () =>
        simulation.state === 'closing' && simulation.operation.hold !== undefined;
      expect(await simulation.until(hasNoAnswer)).toBe(true);
      const about = kind === 'hold' ? { project: TARGET } : {};
      const begun = await simulation.call('POST', path, { ...about, reason: 'incident' });
      expect(begun.status).toBeLessThan(300);
      // Keystone has deleted the project, and the answer was lost.
      simulation.cloud.projects.delete(TARGET);
      expect(await cancel()).toMatchObject({ status: 202 });
      await simulation.settle(20);
      expect(simulation.operation).toMatchObject({
        state: 'closing',
        hold: { advice: expect.stringContaining(command) },
      });
      await simulation.call(method, end, method === 'POST' ? { reason: 'over' } : undefined);
      await simulation.settle();
      expect(simulation.operation).toMatchObject({ state: 'finished', hold: undefined });
    },
  );

  it('has one effect if its message arrives twice', async () => {
    await simulation.ask();
    await Promise.all([cancel(), cancel()]);
    await simulation.settle();
    expect(simulation.state).toBe('canceled');
    expect(await cancel()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('has ended: it is canceled') } },
    });
  });

  it('is refused before its message is handled if the operation is canceled already', async () => {
    await simulation.ask();
    expect(await cancel()).toMatchObject({ status: 202 });
    expect(await cancel()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('is canceled already, by ann') } },
    });
  });

  it('is tried again after a conflict, at most ten times', async () => {
    await simulation.ask();
    const { engine } = simulation;
    const commit = engine.commit.bind(engine);
    let conflicts = 10;
    engine.commit = async (change) => {
      conflicts -= 1;
      return conflicts >= 0 ? 'conflict' : commit(change);
    };
    expect(await cancel()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('changed during each attempt') } },
    });
    expect(simulation.operation.canceled).toBeUndefined();
    conflicts = 9;
    expect(await cancel()).toMatchObject({ status: 202 });
    expect(simulation.operation.canceled).toMatchObject({ by: 'ann' });
  });

  it('is refused for an unknown operation', async () => {
    expect(await cancel('op-0123456789ab')).toMatchObject({ status: 404 });
  });

  it('is refused if the operation follows from a deletion in Keystone, and names the hold', async () => {
    simulation.cloud.delete(TARGET);
    await simulation.handle(deleted('project', TARGET));
    expect(await cancel()).toMatchObject({
      status: 409,
      body: { error: { message: expect.stringContaining('propagator hold add --project target') } },
    });
  });

  it('is refused for a cleanup of a user, and names no command, because a user has no hold', () => {
    const of = (scope: Operation['scope']) => whyNotCanceled(operation({ scope }));
    const user = { type: 'user', id: UserId.parse('u1'), projects: [] } as const;
    expect(of(user)).toBe('user u1 was deleted in Keystone, so its deletion cannot be canceled');
    expect(of({ type: 'domain', id: DomainId.parse('d1') })).toContain('hold add --domain d1');
  });
});
