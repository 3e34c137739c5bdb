import type { Outgoing } from '../../../events/index.ts';
import { api } from '../../../lib/api/api.ts';
import { hasEnded } from '../../../lib/operation/open.ts';
import { NO_POLICY } from '../../../lib/policy/schema.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { apiAccess, changeBy } from '../../api-tokens.ts';
import { RecoverySimulation } from '../../property/recovery-simulation.ts';
import { keystoneAway } from '../../property/simulation-parts.ts';
import { CONTROL, TARGET } from '../../property/suspend-simulation.ts';

const DAY = 86_400;

function simulate(states: readonly ('on' | 'off')[] = ['on', 'off']): RecoverySimulation {
  const simulation = new RecoverySimulation(states);
  simulation.policy = NO_POLICY;
  return simulation;
}

const suspended = (machines: ReturnType<RecoverySimulation['shown']>) =>
  machines.map((one) => (one.state === 'on' ? { ...one, state: 'off', mark: true } : one));

/** Delivers until the suspension of the window has ended. */
async function untilSuspended(simulation: RecoverySimulation): Promise<void> {
  const isSuspended = () => simulation.operations('suspend').at(-1)?.state === 'finished';
  expect(await simulation.until(isSuspended)).toBe(true);
}

/**
 * Keystone answers the next `wrong` questions about the target project with a wrong 404, and the
 * next `failures` calls that disable it with an error.
 */
class FaultyKeystone extends RecoverySimulation {
  wrong = 0;
  failures = 0;
  override get deps() {
    const deps = super.deps;
    const { keystone } = deps.cloud;
    const show: typeof keystone.show = async (type, id) => {
      const isWrong = type === 'project' && id === TARGET && this.wrong > 0;
      if (!isWrong) return keystone.show(type, id);
      this.wrong -= 1;
      return { kind: 'absent' };
    };
    const { keystoneActions } = deps.cloud;
    const disable: typeof keystoneActions.disable = async (project) => {
      if (this.failures <= 0) return keystoneActions.disable(project);
      this.failures -= 1;
      throw keystoneAway();
    };
    return {
      ...deps,
      cloud: {
        ...deps.cloud,
        keystone: { ...keystone, show },
        keystoneActions: { ...keystoneActions, disable },
      },
    };
  }
}

describe('a deletion with a recovery window', () => {
  it.each([1, 2])('continues its window after wrong 404s of Keystone (%i)', async (wrong) => {
    const simulation = new FaultyKeystone(['on', 'off']);
    simulation.policy = NO_POLICY;
    const before = simulation.shown(TARGET);
    await simulation.ask(30 * DAY);
    const endsAt = simulation.cleanup?.notBefore ?? 0;
    await untilSuspended(simulation);
    simulation.wrong = wrong;
    await simulation.announce('project', 'deleted');
    await simulation.until(() => simulation.cleanup?.state === 'confirming');
    expect(simulation.cleanup?.state).toBe('confirming');
    expect(await simulation.until(() => simulation.cleanup?.state !== 'confirming')).toBe(true);
    expect(simulation.cleanup).toMatchObject({ state: 'recoverable', confirmedAt: [] });
    expect(Math.abs((simulation.cleanup?.notBefore ?? 0) - endsAt)).toBeLessThan(3_600_000);
    await simulation.until(() => simulation.engine.time > endsAt - 2 * DAY * 1000);
    expect(simulation.cleanup?.state).toBe('recoverable');
    expect(simulation.projects.get(TARGET)?.enabled).toBe(false);
    expect(simulation.shown(TARGET)).toEqual(suspended(before));
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('finished');
    expect(simulation.engine.time).toBeGreaterThan(endsAt - DAY * 1000);
    expect(simulation.shown(TARGET)).toEqual([]);
  });

  describe('whose disable of the project takes long', () => {
    /** Begins a window, and returns the message that disables its project. */
    async function asked(begin: (simulation: FaultyKeystone) => Promise<unknown>) {
      const simulation = new FaultyKeystone(['on', 'off']);
      simulation.policy = NO_POLICY;
      await simulation.ask(30 * DAY);
      const disable = simulation.engine.waiting.find(
        ({ message }) => message.type === 'operation.keystone-action',
      );
      if (!disable) throw new Error('no project is disabled');
      simulation.engine.take(disable);
      await begin(simulation);
      await simulation.until(() => simulation.cleanup?.state === 'confirming');
      expect(simulation.cleanup?.state).toBe('confirming');
      const deliver = () => simulation.engine.commit({ messages: [disable.message] });
      return { simulation, deliver };
    }

    it('enables the project when it is canceled right after a release', async () => {
      const { simulation, deliver } = await asked((one) => one.release());
      await simulation.cancel();
      await simulation.settle();
      // Keystone carries out the call only now.
      await simulation.deps.cloud.keystoneActions.disable(TARGET);
      await deliver();
      await simulation.settle();
      expect(simulation.cleanup?.state).toBe('canceled');
      expect(simulation.projects.get(TARGET)?.enabled).toBe(true);
    });

    it('ends when it is canceled after a release, and the disable has failed', async () => {
      const { simulation, deliver } = await asked((one) => one.release());
      const confirmations = simulation.engine.waiting.filter(
        ({ message }) => message.type === 'operation.confirm',
      );
      for (const one of confirmations) simulation.engine.take(one);
      simulation.failures = 1;
      await deliver();
      await simulation.until(() => simulation.failures === 0);
      await simulation.cancel();
      await simulation.settle();
      expect(simulation.cleanup?.state).toBe('canceled');
      expect(simulation.projects.get(TARGET)?.enabled).toBe(true);
    });

    it('disables the project again when the disable fails during a wrong 404', async () => {
      const { simulation, deliver } = await asked(async (one) => {
        // The suspension asks Keystone as well, and must not get the wrong answer.
        await one.until(() => one.operations('suspend').every(hasEnded), 60);
        one.wrong = 1;
        await one.announce('project', 'deleted');
      });
      const confirmations = simulation.engine.waiting.filter(
        ({ message }) => message.type === 'operation.confirm',
      );
      for (const one of confirmations) simulation.engine.take(one);
      simulation.failures = 1;
      await deliver();
      await simulation.until(() => simulation.failures === 0);
      await simulation.engine.commit({ messages: confirmations.map(({ message }) => message) });
      await simulation.until(() => simulation.cleanup?.state === 'recoverable');
      expect(simulation.cleanup?.state).toBe('recoverable');
      const isDisabled = () => simulation.projects.get(TARGET)?.enabled === false;
      expect(await simulation.until(isDisabled, 50)).toBe(true);
      expect(simulation.cleanup?.state).toBe('recoverable');
    });
  });

  it('puts everything back when it is canceled after a wrong 404', async () => {
    const simulation = new FaultyKeystone(['on', 'off']);
    simulation.policy = NO_POLICY;
    const before = simulation.shown(TARGET);
    await simulation.ask(30 * DAY);
    await untilSuspended(simulation);
    simulation.wrong = 1;
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
    const { status, json } = await simulation.ask(30 * DAY);
    expect(status).toBe(202);
    expect(json.recoverableUntil).toBe(simulation.engine.time + 30 * DAY * 1000);
    await untilSuspended(simulation);
    expect(simulation.projects.get(TARGET)?.enabled).toBe(false);
    expect(simulation.shown(TARGET)).toEqual(suspended(before));
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

  it('puts everything back exactly when it is canceled', async () => {
    const simulation = simulate();
    const before = simulation.shown(TARGET);
    await simulation.ask(30 * DAY);
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

  describe('that is canceled while Keystone does not enable the project', () => {
    class RefusingKeystone extends RecoverySimulation {
      refusals: PropagatorError[] = [];
      override get deps() {
        const deps = super.deps;
        const { keystoneActions } = deps.cloud;
        const enable: typeof keystoneActions.enable = async (project) => {
          const refusal = this.refusals.shift();
          if (refusal) throw refusal;
          return keystoneActions.enable(project);
        };
        return {
          ...deps,
          cloud: { ...deps.cloud, keystoneActions: { ...keystoneActions, enable } },
        };
      }
      async waitsOn() {
        const app = api({ ...this.deps, ...apiAccess, health: () => ({ ok: true }) });
        const path = `http://127.0.0.1:8787/v1/operations/${this.cleanup?.id}`;
        const answer = await app.request(path, { headers: changeBy('ann', {}).headers });
        const { waitsOn } = (await answer.json()) as { waitsOn: { on: string; advice: string }[] };
        return waitsOn;
      }
    }
    async function canceled(refusals: PropagatorError[]): Promise<RefusingKeystone> {
      const simulation = new RefusingKeystone(['on', 'off']);
      simulation.policy = NO_POLICY;
      await simulation.ask(30 * DAY);
      await untilSuspended(simulation);
      simulation.refusals = refusals;
      await simulation.cancel();
      return simulation;
    }

    it('tries again with growing delays, dead-letters the action, and a redrive enables it', async () => {
      const simulation = await canceled(Array.from({ length: 200 }, keystoneAway));
      const before = simulation.shown(TARGET);
      await simulation.until(() => simulation.refusals.length < 199);
      expect(simulation.cleanup?.hold?.reason).toBe('canceled by ann: goes on');
      expect(await simulation.waitsOn()).toMatchObject([
        { on: 'enabling the project in Keystone failed: away', deadLetter: false },
      ]);
      await simulation.settle();
      expect(simulation.refusals.length).toBeGreaterThan(150);
      expect(simulation.engine.waiting).toEqual([]);
      expect(simulation.shown(TARGET)).toEqual(before);
      expect(await simulation.waitsOn()).toMatchObject([
        { deadLetter: true, advice: expect.stringContaining('--queue coordinate') },
      ]);
      simulation.refusals = [];
      const filter = { operationId: simulation.cleanup?.id, queue: 'coordinate' } as const;
      expect(await simulation.engine.redrive(filter as never, { by: 'ann' })).toBe(1);
      await simulation.settle();
      expect(simulation.projects.get(TARGET)?.enabled).toBe(true);
      expect(simulation.shown(TARGET).some(({ mark }) => mark)).toBe(false);
      expect(await simulation.waitsOn()).toEqual([]);
    });

    it('dead-letters a refusal at once, in the words of Keystone', async () => {
      const refusal = new PropagatorError({
        code: 'keystone.http.403',
        class: 'Denied',
        message: 'You are not authorized',
        advice: 'Ask.',
      });
      const simulation = await canceled([refusal]);
      await simulation.settle();
      expect(simulation.engine.deadLetterList).toMatchObject([
        {
          queue: 'coordinate',
          error: { message: 'You are not authorized' },
          operationId: simulation.cleanup?.id,
        },
      ]);
      expect(await simulation.waitsOn()).toMatchObject([
        { on: expect.stringContaining('You are not authorized'), deadLetter: true },
      ]);
    });
  });

  it('leaves a project disabled that was disabled before, and resumes what the window suspended', async () => {
    const simulation = simulate();
    await simulation.set('project', false);
    await simulation.settle();
    const before = simulation.shown(TARGET);
    await simulation.ask(DAY);
    await untilSuspended(simulation);
    expect(simulation.shown(TARGET)).toEqual(suspended(before));
    await simulation.cancel();
    await simulation.settle();
    expect(simulation.projects.get(TARGET)?.enabled).toBe(false);
    expect(simulation.shown(TARGET)).toEqual(before);
  });

  it('leaves what the policy had suspended before suspended when it is canceled', async () => {
    const simulation = new RecoverySimulation(['on', 'off']);
    const before = simulation.shown(TARGET);
    await simulation.set('project', false);
    await simulation.settle();
    await simulation.ask(DAY);
    await simulation.cancel();
    await simulation.settle();
    expect(simulation.shown(TARGET)).toEqual(suspended(before));
    await simulation.set('project', true);
    await simulation.settle();
    expect(simulation.shown(TARGET)).toEqual(before);
  });

  it('begins to remove at once when it is released', async () => {
    const simulation = simulate();
    await simulation.ask(30 * DAY);
    await untilSuspended(simulation);
    const begin = simulation.engine.time;
    expect((await simulation.release()).status).toBe(202);
    await simulation.until(() => simulation.cleanup?.state === 'finished');
    expect(simulation.shown(TARGET)).toEqual([]);
    expect(simulation.engine.time - begin).toBeLessThan(3_600_000);
  });

  it('removes nothing of a project that was enabled again, until it is disabled', async () => {
    const simulation = simulate();
    await simulation.ask(600);
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

  it('cleans up at once when the project is deleted in Keystone meanwhile', async () => {
    const simulation = simulate();
    await simulation.ask(30 * DAY);
    await untilSuspended(simulation);
    const begin = simulation.engine.time;
    await simulation.delete();
    await simulation.until(() => simulation.cleanup?.state === 'finished');
    expect(simulation.shown(TARGET)).toEqual([]);
    expect(simulation.engine.time - begin).toBeLessThan(3_600_000);
  });

  it('publishes each reminder once', async () => {
    const simulation = simulate();
    const published: Outgoing[] = [];
    const { commit } = simulation.engine;
    simulation.engine.commit = async (change) => {
      const done = await commit.call(simulation.engine, change);
      if (done === 'committed')
        published.push(...(change.messages ?? []).filter(({ type }) => type === 'operation.due'));
      return done;
    };
    await simulation.ask(30 * DAY, [DAY, 7 * DAY, 40 * DAY]);
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

  it('does not end at once when the clock is set forward, and not late when it is set back again', async () => {
    const simulation = simulate();
    await simulation.ask(30 * DAY);
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
    await simulation.ask(600);
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
