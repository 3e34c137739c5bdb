import type { OutgoingMessage } from '../../../events/index.ts';
import { NO_POLICY } from '../../../lib/policy/schema.ts';
import { RecoverySimulation } from '../../property/recovery-simulation.ts';
import { CONTROL, TARGET } from '../../property/suspend-simulation.ts';
import { DAY, FaultyKeystone, untilSuspended } from './recovery-fixture.ts';

function simulate(states: readonly ('on' | 'off')[] = ['on', 'off']): RecoverySimulation {
  const simulation = new RecoverySimulation(states);
  simulation.policy = NO_POLICY;
  return simulation;
}

const asSuspended = (machines: ReturnType<RecoverySimulation['shown']>) =>
  machines.map((one) => (one.state === 'on' ? { ...one, state: 'off', bySuspension: true } : one));

describe('a deletion with a recovery window', () => {
  it.each([1, 2])('continues its window after wrong 404s of Keystone (%i)', async (wrong) => {
    const simulation = new FaultyKeystone(['on', 'off']);
    simulation.policy = NO_POLICY;
    const before = simulation.shown(TARGET);
    await simulation.requestDeletion(30 * DAY);
    const endsAt = simulation.cleanup?.notBefore ?? 0;
    await untilSuspended(simulation);
    simulation.wrongAnswersLeft = wrong;
    await simulation.announce('project', 'deleted');
    await simulation.until(() => simulation.cleanup?.state === 'confirming');
    expect(simulation.cleanup?.state).toBe('confirming');
    expect(await simulation.until(() => simulation.cleanup?.state !== 'confirming')).toBe(true);
    expect(simulation.cleanup).toMatchObject({ state: 'recoverable', confirmedAt: [] });
    expect(Math.abs((simulation.cleanup?.notBefore ?? 0) - endsAt)).toBeLessThan(3_600_000);
    await simulation.until(() => simulation.engine.time > endsAt - 2 * DAY * 1000);
    expect(simulation.cleanup?.state).toBe('recoverable');
    expect(simulation.projects.get(TARGET)?.enabled).toBe(false);
    expect(simulation.shown(TARGET)).toEqual(asSuspended(before));
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('finished');
    expect(simulation.engine.time).toBeGreaterThan(endsAt - DAY * 1000);
    expect(simulation.shown(TARGET)).toEqual([]);
  });

  it('restores the former state when it is canceled after a wrong 404', async () => {
    const simulation = new FaultyKeystone(['on', 'off']);
    simulation.policy = NO_POLICY;
    const before = simulation.shown(TARGET);
    await simulation.requestDeletion(30 * DAY);
    await untilSuspended(simulation);
    simulation.wrongAnswersLeft = 1;
    await simulation.announce('project', 'deleted');
    await simulation.until(() => simulation.cleanup?.state === 'confirming');
    await simulation.until(() => simulation.cleanup?.state === 'recoverable');
    await simulation.cancel();
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('canceled');
    expect(simulation.projects.get(TARGET)?.enabled).toBe(true);
    expect(simulation.shown(TARGET)).toEqual(before);
  });

  it('disables and suspends the project, and removes nothing before the end of the window', async () => {
    const simulation = simulate();
    const before = simulation.shown(TARGET);
    const { status, json } = await simulation.requestDeletion(30 * DAY);
    expect(status).toBe(202);
    expect(json.recoverableUntil).toBe(simulation.engine.time + 30 * DAY * 1000);
    await untilSuspended(simulation);
    expect(simulation.projects.get(TARGET)?.enabled).toBe(false);
    expect(simulation.shown(TARGET)).toEqual(asSuspended(before));
    expect(simulation.cleanup?.state).toBe('recoverable');

    const begin = simulation.engine.time;
    await simulation.settle();
    expect(simulation.engine.time - begin).toBeGreaterThan(29 * DAY * 1000);
    expect(simulation.cleanup?.state).toBe('finished');
    expect(simulation.shown(TARGET)).toEqual([]);
    expect(simulation.shown(CONTROL)).toHaveLength(4);
    expect(simulation.projects.has(TARGET)).toBe(false);
    expect(await simulation.recordsOf(TARGET)).toEqual([]);
  });

  it('restores the exact former state when it is canceled', async () => {
    const simulation = simulate();
    const before = simulation.shown(TARGET);
    await simulation.requestDeletion(30 * DAY);
    await untilSuspended(simulation);
    expect((await simulation.cancel()).status).toBe(202);
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('canceled');
    expect(simulation.cleanup?.hold?.advice).toContain('Nothing was removed.');
    expect(simulation.projects.get(TARGET)?.enabled).toBe(true);
    expect(simulation.shown(TARGET)).toEqual(before);
    expect(await simulation.recordsOf(TARGET)).toEqual([]);
    expect(simulation.allHaveEnded).toBe(true);
  });

  it('does not enable a project that was disabled before, and resumes the resources that the window suspended', async () => {
    const simulation = simulate();
    await simulation.set('project', false);
    await simulation.settle();
    const before = simulation.shown(TARGET);
    await simulation.requestDeletion(DAY);
    await untilSuspended(simulation);
    expect(simulation.shown(TARGET)).toEqual(asSuspended(before));
    await simulation.cancel();
    await simulation.settle();
    expect(simulation.projects.get(TARGET)?.enabled).toBe(false);
    expect(simulation.shown(TARGET)).toEqual(before);
  });

  it('does not resume resources that the policy had suspended before', async () => {
    const simulation = new RecoverySimulation(['on', 'off']);
    const before = simulation.shown(TARGET);
    await simulation.set('project', false);
    await simulation.settle();
    await simulation.requestDeletion(DAY);
    await simulation.cancel();
    await simulation.settle();
    expect(simulation.shown(TARGET)).toEqual(asSuspended(before));
    await simulation.set('project', true);
    await simulation.settle();
    expect(simulation.shown(TARGET)).toEqual(before);
  });

  it('begins to remove immediately when it is released', async () => {
    const simulation = simulate();
    await simulation.requestDeletion(30 * DAY);
    await untilSuspended(simulation);
    const begin = simulation.engine.time;
    expect((await simulation.release()).status).toBe(202);
    await simulation.until(() => simulation.cleanup?.state === 'finished');
    expect(simulation.shown(TARGET)).toEqual([]);
    expect(simulation.engine.time - begin).toBeLessThan(3_600_000);
  });

  it('removes nothing of a project that was enabled again, until it is disabled', async () => {
    const simulation = simulate();
    await simulation.requestDeletion(600);
    await untilSuspended(simulation);
    const before = simulation.shown(TARGET);
    await simulation.set('project', true);
    await simulation.until(() => simulation.cleanup?.hold?.about === 'enabled');
    expect(simulation.cleanup?.state).toBe('recoverable');
    expect(simulation.cleanup?.hold?.advice).toContain('openstack project set --disable');
    expect(simulation.shown(TARGET)).toEqual(before);
    await simulation.set('project', false);
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('finished');
    expect(simulation.shown(TARGET)).toEqual([]);
  });

  it('cleans up immediately when another client deletes the project in Keystone', async () => {
    const simulation = simulate();
    await simulation.requestDeletion(30 * DAY);
    await untilSuspended(simulation);
    const begin = simulation.engine.time;
    await simulation.delete();
    await simulation.until(() => simulation.cleanup?.state === 'finished');
    expect(simulation.shown(TARGET)).toEqual([]);
    expect(simulation.engine.time - begin).toBeLessThan(3_600_000);
  });

  it('restores the former state when the project is protected before its end', async () => {
    const simulation = simulate();
    const before = simulation.shown(TARGET);
    await simulation.requestDeletion(DAY);
    await untilSuspended(simulation);
    const protectedIds = { projects: [TARGET], domains: [] };
    const protection = async () => ({ ...protectedIds, ownProject: 'cleaner' });
    const { deps } = simulation;
    Object.defineProperty(simulation, 'deps', { value: { ...deps, protectedIds, protection } });
    await simulation.settle();
    expect(simulation.cleanup).toMatchObject({
      state: 'refused',
      hold: { reason: expect.stringContaining('protected'), advice: expect.any(String) },
    });
    expect(simulation.projects.get(TARGET)?.enabled).toBe(true);
    expect(simulation.shown(TARGET)).toEqual(before);
    expect(simulation.allHaveEnded).toBe(true);
  });

  it('publishes each reminder once', async () => {
    const simulation = simulate();
    const published: OutgoingMessage[] = [];
    const { commit } = simulation.engine;
    simulation.engine.commit = async (change) => {
      const done = await commit.call(simulation.engine, change);
      if (done === 'committed')
        published.push(...(change.messages ?? []).filter(({ type }) => type === 'operation.due'));
      return done;
    };
    await simulation.requestDeletion(30 * DAY, [DAY, 7 * DAY, 40 * DAY]);
    const until = simulation.cleanup?.notBefore ?? 0;
    await simulation.settle();
    expect(published).toEqual(
      [7 * DAY, DAY].map((beforeSeconds) => ({
        type: 'operation.due',
        data: {
          operationId: simulation.cleanup?.id,
          project: TARGET,
          name: 'shop',
          endsAt: until,
          beforeSeconds,
        },
      })),
    );
  });

  it('does not end before its time when the clock is set forward, nor late when the clock is set back', async () => {
    const simulation = simulate();
    await simulation.requestDeletion(30 * DAY);
    await untilSuspended(simulation);
    const begin = simulation.engine.time;
    simulation.engine.time += 90 * DAY * 1000;
    for (let n = 0; n < 20; n += 1) await simulation.deliver(0);
    expect(simulation.cleanup?.state).toBe('recoverable');
    expect(simulation.shown(TARGET)).toHaveLength(4);
    simulation.engine.time = begin;
    for (const waiting of simulation.engine.waiting)
      if (waiting.dueAt > begin + 3_600_000) Object.assign(waiting, { dueAt: begin + 3_600_000 });
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('finished');
    expect(simulation.engine.time - begin).toBeLessThan(31 * DAY * 1000);
  });

  it('ends once when messages about the window are repeated', async () => {
    const simulation = simulate();
    await simulation.requestDeletion(600);
    for (let n = 0; n < 3; n += 1) {
      const copies = simulation.engine.waiting.map(({ message }) => message);
      await simulation.engine.commit({
        messages: copies.filter(({ type }) => type === 'operation.window'),
      });
      await simulation.deliver(0);
    }
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('finished');
  });
});
