import { createApi } from '../../../lib/api/api.ts';
import { hasEnded } from '../../../lib/operation/ended.ts';
import { NO_POLICY } from '../../../lib/policy/schema.ts';
import { PropagatorError } from '../../../lib/shared/errors.ts';
import { apiAccess, changeBy } from '../../api-tokens.ts';
import { DomainRecoverySimulation } from '../../property/domain-recovery-simulation.ts';
import { RecoverySimulation } from '../../property/recovery-simulation.ts';
import { keystoneAway, LIMITS } from '../../property/simulation-parts.ts';
import { SIBLING, TARGET } from '../../property/suspend-simulation.ts';
import { DAY, FaultyKeystone, untilSuspended } from './recovery-fixture.ts';

describe('a recovery window in which Keystone is slow to disable the project', () => {
  /**
   * Requests a deletion with a recovery window, and withholds the message that disables the
   * project. Runs `trigger`, which must lead to the state `confirming`. `deliver` delivers the
   * withheld message.
   */
  async function withDelayedDisable(trigger: (simulation: FaultyKeystone) => Promise<unknown>) {
    const simulation = new FaultyKeystone(['on', 'off']);
    simulation.policy = NO_POLICY;
    await simulation.requestDeletion(30 * DAY);
    const disable = simulation.engine.waiting.find(
      ({ message }) => message.type === 'operation.keystone-action',
    );
    if (!disable) throw new Error('no project is disabled');
    simulation.engine.removeDelivered(disable);
    await trigger(simulation);
    await simulation.until(() => simulation.cleanup?.state === 'confirming');
    expect(simulation.cleanup?.state).toBe('confirming');
    const deliver = () => simulation.engine.commit({ messages: [disable.message] });
    return { simulation, deliver };
  }

  it('enables the project when it is canceled right after a release', async () => {
    const { simulation, deliver } = await withDelayedDisable((one) => one.release());
    await simulation.cancel();
    await simulation.settle();
    // Keystone carries out the call only now.
    await simulation.deps.cloud.projectAdmin.disable(TARGET);
    await deliver();
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('canceled');
    expect(simulation.projects.get(TARGET)?.enabled).toBe(true);
  });

  it('ends when it is canceled after a release and a failed attempt to disable the project', async () => {
    const { simulation, deliver } = await withDelayedDisable((one) => one.release());
    const confirmations = simulation.engine.waiting.filter(
      ({ message }) => message.type === 'operation.confirm',
    );
    for (const one of confirmations) simulation.engine.removeDelivered(one);
    simulation.disableFailuresLeft = 1;
    await deliver();
    await simulation.until(() => simulation.disableFailuresLeft === 0);
    await simulation.cancel();
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('canceled');
    expect(simulation.projects.get(TARGET)?.enabled).toBe(true);
  });

  it('retries the failed attempt to disable the project after a wrong 404 of Keystone', async () => {
    const { simulation, deliver } = await withDelayedDisable(async (one) => {
      // The suspension asks Keystone as well, and must not get the wrong answer.
      await one.until(() => one.operations('suspend').every(hasEnded), 60);
      one.wrongAnswersLeft = 1;
      await one.announce('project', 'deleted');
    });
    const confirmations = simulation.engine.waiting.filter(
      ({ message }) => message.type === 'operation.confirm',
    );
    for (const one of confirmations) simulation.engine.removeDelivered(one);
    simulation.disableFailuresLeft = 1;
    await deliver();
    await simulation.until(() => simulation.disableFailuresLeft === 0);
    await simulation.engine.commit({ messages: confirmations.map(({ message }) => message) });
    await simulation.until(() => simulation.cleanup?.state === 'recoverable');
    expect(simulation.cleanup?.state).toBe('recoverable');
    const isDisabled = () => simulation.projects.get(TARGET)?.enabled === false;
    expect(await simulation.until(isDisabled, 50)).toBe(true);
    expect(simulation.cleanup?.state).toBe('recoverable');
  });
});

describe('a recovery window that is canceled while Keystone does not enable the project', () => {
  class RefusingKeystone extends RecoverySimulation {
    refusals: PropagatorError[] = [];
    override get deps() {
      const deps = super.deps;
      const { projectAdmin } = deps.cloud;
      const enable: typeof projectAdmin.enable = async (project) => {
        const refusal = this.refusals.shift();
        if (refusal) throw refusal;
        return projectAdmin.enable(project);
      };
      return {
        ...deps,
        cloud: { ...deps.cloud, projectAdmin: { ...projectAdmin, enable } },
      };
    }
    async waitsOn() {
      const app = createApi({ ...this.deps, ...apiAccess, health: () => ({ ok: true }) });
      const path = `http://127.0.0.1:8787/v1/operations/${this.cleanup?.id}`;
      const answer = await app.request(path, { headers: changeBy('ann', {}).headers });
      const { waitsOn } = (await answer.json()) as { waitsOn: { on: string; advice: string }[] };
      return waitsOn;
    }
  }
  const refusal = () =>
    new PropagatorError({
      code: 'keystone.http.403',
      class: 'Denied',
      message: 'You are not authorized',
      advice: 'Ask.',
    });
  async function canceled(refusals: PropagatorError[]): Promise<RefusingKeystone> {
    const simulation = new RefusingKeystone(['on', 'off']);
    simulation.policy = NO_POLICY;
    await simulation.requestDeletion(30 * DAY);
    await untilSuspended(simulation);
    simulation.refusals = refusals;
    await simulation.cancel();
    return simulation;
  }

  it('retries with growing delays, then dead-letters; a redrive enables the project', async () => {
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
    expect(simulation.shown(TARGET).some(({ bySuspension }) => bySuspension)).toBe(false);
    expect(await simulation.waitsOn()).toEqual([]);
  });

  it('a discard names the project that stays disabled, and its commands restore the project', async () => {
    const simulation = await canceled([refusal()]);
    const before = simulation.shown(TARGET);
    await simulation.settle();
    const { id } = simulation.cleanup ?? {};
    const selected = { operation: id, queue: 'coordinate', reason: 'not needed' };
    const { json } = await simulation.post('/v1/dead-letters/discard', selected);
    const left =
      `The project ${TARGET} stays disabled in Keystone, and its resources that ${id} suspended ` +
      `stay suspended. To enable it: openstack project set --enable ${TARGET}. Then resume it: ` +
      `propagator project resume ${TARGET} --reason "…"`;
    expect(json).toEqual({ discarded: 1, unrestored: [left] });
    expect(simulation.cleanup).toMatchObject({
      state: 'canceled',
      hold: {
        reason: 'canceled by ann: goes on',
        advice: `${left}. ann discarded the dead letter: not needed`,
      },
    });
    expect(await simulation.waitsOn()).toEqual([]);
    expect(simulation.projects.get(TARGET)?.enabled).toBe(false);
    expect(simulation.shown(TARGET)).toEqual(before);
    await simulation.set('project', true);
    await simulation.settle();
    const resumed = await simulation.post(`/v1/projects/${TARGET}/resume`, { reason: 'back' });
    expect(resumed.status).toBe(202);
    await simulation.settle();
    expect(simulation.shown(TARGET).some(({ bySuspension }) => bySuspension)).toBe(false);
  });

  it('a discard of the undo names the resources that stay suspended', async () => {
    const simulation = await canceled([]);
    const isEnabled = () => simulation.projects.get(TARGET)?.enabled === true;
    expect(await simulation.until(isEnabled)).toBe(true);
    const isUndo = () =>
      simulation.engine.waiting.some(({ message }) => message.type === 'operation.undo');
    expect(await simulation.until(isUndo)).toBe(true);
    const { id } = simulation.cleanup ?? {};
    const undo = simulation.engine.waiting.find(({ message }) => message.type === 'operation.undo');
    if (!undo) throw new Error('nothing is undone');
    simulation.engine.removeDelivered(undo);
    await simulation.engine.commit({
      deadLetters: [{ message: undo.message as never, error: refusal().report }],
    });
    const selected = { operation: id, queue: 'coordinate', reason: 'not needed' };
    const { json } = await simulation.post('/v1/dead-letters/discard', selected);
    const left =
      `Resources of project ${TARGET} that ${id} suspended stay suspended. To resume them: ` +
      `propagator project resume ${TARGET} --reason "…"`;
    expect(json).toEqual({ discarded: 1, unrestored: [left] });
    expect(simulation.cleanup?.hold?.advice).toContain(left);
  });

  it('dead-letters a refusal without a retry, with the message of Keystone', async () => {
    const simulation = await canceled([refusal()]);
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

describe('a deletion that a cap holds at the end of its recovery window', () => {
  class CappedSimulation extends RecoverySimulation {
    override get deps() {
      return { ...super.deps, limits: { ...LIMITS, maxResourcesPerOperation: 1 } };
    }
  }

  it('starts to remove when it is released, so a later cancellation reports removed resources', async () => {
    const simulation = new CappedSimulation(['on', 'off', 'on', 'off']);
    simulation.policy = NO_POLICY;
    await simulation.requestDeletion(600);
    expect(await simulation.until(() => simulation.cleanup?.state === 'held')).toBe(true);
    expect(simulation.cleanup?.startedAt).toBeUndefined();
    const before = simulation.shown(TARGET).length;
    await simulation.release();
    expect(await simulation.until(() => simulation.shown(TARGET).length < before)).toBe(true);
    expect(simulation.cleanup).toMatchObject({ state: 'running', startedAt: expect.any(Number) });
    expect(await simulation.cancel()).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(simulation.cleanup).toMatchObject({
      state: 'canceled',
      hold: { advice: expect.stringContaining('Resources that the counts show as removed are') },
    });
    expect(simulation.projects.get(TARGET)?.enabled).toBe(false);
  });
});

describe('a recovery window that is canceled after another client deleted the account', () => {
  const adviceOf = (simulation: RecoverySimulation, id: string | undefined): string =>
    simulation.engine.operations.get(id as never)?.hold?.advice ?? '';

  it('reports that the project is deleted, and restores nothing', async () => {
    const simulation = new RecoverySimulation(['on', 'off']);
    simulation.policy = NO_POLICY;
    await simulation.requestDeletion(DAY);
    await untilSuspended(simulation);
    const id = simulation.cleanup?.id;
    await simulation.delete();
    await simulation.until(() => simulation.cleanup?.confirmedAt.length === 1);
    const { json } = await simulation.cancel();
    expect(json).toMatchObject({ canceled: id, putBack: false });
    await simulation.until(() => simulation.operations('cleanup').length > 1);
    const advice = adviceOf(simulation, id);
    expect(advice).toContain(
      'The project is deleted in Keystone, so nothing is put back. Its resources are removed: ' +
        `propagator operation list --project ${TARGET}`,
    );
    await simulation.settle();
    expect(adviceOf(simulation, id)).toBe(advice);
    expect(simulation.shown(TARGET)).toEqual([]);
  });

  it('reports a deleted project even if only the last answer of Keystone was a 404', async () => {
    const simulation = new RecoverySimulation(['on', 'off']);
    simulation.policy = NO_POLICY;
    await simulation.requestDeletion(DAY);
    await untilSuspended(simulation);
    const id = simulation.cleanup?.id;
    simulation.projects.delete(TARGET);
    expect((await simulation.cancel()).json).toMatchObject({ putBack: true });
    await simulation.until(() => simulation.operations('cleanup').length > 1);
    expect(adviceOf(simulation, id)).toContain('Keystone no longer shows the project');
    expect(adviceOf(simulation, id)).not.toContain('it is enabled and resumed');
  });

  it('reports that the domain is deleted', async () => {
    const simulation = new DomainRecoverySimulation(['on', 'off']);
    await simulation.requestDomainDeletion(DAY);
    const suspensions = () => simulation.operations('suspend');
    await simulation.until(() => suspensions().length > 0 && suspensions().every(hasEnded));
    const id = simulation.cleanup?.id;
    await simulation.deleteDomain();
    await simulation.until(() => simulation.cleanup?.confirmedAt.length === 1);
    expect((await simulation.cancel()).json).toMatchObject({ putBack: false });
    await simulation.settle();
    expect(adviceOf(simulation, id)).toContain(
      'The domain is deleted in Keystone, with its projects and users',
    );
  });

  it('cleans up the resources of the deleted project', async () => {
    const simulation = new RecoverySimulation(['on', 'off']);
    simulation.policy = NO_POLICY;
    await simulation.requestDeletion(DAY);
    await untilSuspended(simulation);
    const { cleanup } = simulation;
    await simulation.delete();
    // Keystone has answered 404 once.
    await simulation.until(() => simulation.cleanup?.confirmedAt.length === 1);
    expect((await simulation.cancel()).status).toBe(202);
    await simulation.settle();
    expect(simulation.engine.operations.get(cleanup?.id as never)?.state).toBe('canceled');
    expect(simulation.shown(TARGET)).toEqual([]);
    expect(simulation.allHaveEnded).toBe(true);
  });

  it('cleans up the resources of the projects of the deleted domain', async () => {
    const simulation = new DomainRecoverySimulation(['on', 'off']);
    await simulation.requestDomainDeletion(DAY);
    const suspensions = () => simulation.operations('suspend');
    await simulation.until(() => suspensions().length > 0 && suspensions().every(hasEnded));
    await simulation.deleteDomain();
    await simulation.until(() => simulation.cleanup?.confirmedAt.length === 1);
    expect((await simulation.cancel()).status).toBe(202);
    await simulation.settle();
    expect([TARGET, SIBLING].flatMap((project) => simulation.shown(project))).toEqual([]);
    expect(simulation.allHaveEnded).toBe(true);
  });

  it('cleans up even if the operation had begun before it received the deletion', async () => {
    const simulation = new RecoverySimulation(['on', 'off']);
    simulation.policy = NO_POLICY;
    const deliver = (type: string) =>
      simulation.deliver(
        simulation.engine.dueMessages().findIndex(({ message }) => message.type === type),
      );
    await simulation.requestDeletion(undefined);
    expect(await simulation.until(() => simulation.cleanup?.state === 'pre-delete')).toBe(true);
    await simulation.delete();
    await deliver('account.project.deleted');
    expect((await simulation.cancel()).status).toBe(202);
    await deliver('operation.canceled');
    expect(simulation.cleanup?.state).toBe('canceled');
    await simulation.settle();
    expect(simulation.shown(TARGET)).toEqual([]);
    expect(simulation.allHaveEnded).toBe(true);
  });

  it('restores the former state when the 404 of Keystone was wrong', async () => {
    const simulation = new FaultyKeystone(['on', 'off']);
    simulation.policy = NO_POLICY;
    const before = simulation.shown(TARGET);
    await simulation.requestDeletion(DAY);
    await untilSuspended(simulation);
    await simulation.cancel();
    await simulation.until(() => simulation.projects.get(TARGET)?.enabled === true);
    simulation.wrongAnswersLeft = 1;
    await simulation.settle();
    expect(simulation.projects.get(TARGET)?.enabled).toBe(true);
    expect(simulation.shown(TARGET)).toEqual(before);
    expect(simulation.allHaveEnded).toBe(true);
  });
});

describe('a recovery window that is stopped before Keystone is told to disable the project', () => {
  it('does not enable a project that a person has disabled during the window', async () => {
    const simulation = new RecoverySimulation(['on', 'off']);
    simulation.policy = NO_POLICY;
    await simulation.post('/v1/stop-all', { reason: 'incident' });
    await simulation.requestDeletion(DAY);
    await simulation.until(() => simulation.cleanup?.hold !== undefined);
    expect(simulation.projects.get(TARGET)?.enabled).toBe(true);
    await simulation.set('project', false);
    await simulation.advance(20);
    expect(await simulation.cancel()).toMatchObject({ status: 202 });
    expect(await simulation.until(() => simulation.cleanup?.state === 'canceled')).toBe(true);
    await simulation.advance(60);
    expect(simulation.projects.get(TARGET)?.enabled).toBe(false);
  });

  it('does not enable such a project even if the first call to disable it had no answer', async () => {
    const simulation = new FaultyKeystone(['on', 'off']);
    simulation.policy = NO_POLICY;
    await simulation.post('/v1/stop-all', { reason: 'incident' });
    await simulation.requestDeletion(DAY);
    await simulation.until(() => simulation.cleanup?.hold !== undefined);
    await simulation.set('project', false);
    await simulation.advance(20);
    simulation.disableFailuresLeft = 1;
    await simulation.post('/v1/resume-all', { reason: 'over' });
    const isDone = () => simulation.cleanup?.keystoneAction?.done === true;
    expect(await simulation.until(isDone)).toBe(true);
    expect(simulation.disableFailuresLeft).toBe(0);
    expect(await simulation.cancel()).toMatchObject({ status: 202 });
    await simulation.settle();
    expect(simulation.cleanup?.state).toBe('canceled');
    expect(simulation.projects.get(TARGET)?.enabled).toBe(false);
  });

  it('does not enable a project for its cleanup if a person has disabled it during the window', async () => {
    const simulation = new RecoverySimulation(['on', 'off']);
    const [first] = simulation.services;
    Object.assign(first ?? {}, { preDelete: true });
    simulation.policy = NO_POLICY;
    await simulation.post('/v1/stop-all', { reason: 'incident' });
    await simulation.requestDeletion(DAY);
    await simulation.until(() => simulation.cleanup?.hold !== undefined);
    await simulation.set('project', false);
    await simulation.advance(20);
    await simulation.post('/v1/resume-all', { reason: 'over' });
    const wasEnabled: boolean[] = [];
    await simulation.until(() => {
      wasEnabled.push(simulation.projects.get(TARGET)?.enabled === true);
      return simulation.allHaveEnded;
    }, 2000);
    expect(wasEnabled).not.toContain(true);
    expect(simulation.cleanup?.state).toBe('finished');
  });

  it('enables a project after a call to disable it that had no answer', async () => {
    const simulation = new FaultyKeystone(['on', 'off']);
    simulation.policy = NO_POLICY;
    simulation.disableFailuresLeft = 1;
    await simulation.requestDeletion(DAY);
    await simulation.until(() => simulation.disableFailuresLeft === 0);
    await simulation.post('/v1/stop-all', { reason: 'incident' });
    // Keystone carries out the call that had no answer.
    await simulation.set('project', false);
    expect(await simulation.cancel()).toMatchObject({ status: 202 });
    expect(await simulation.until(() => simulation.cleanup?.state === 'canceled')).toBe(true);
    await simulation.advance(60);
    expect(simulation.projects.get(TARGET)?.enabled).toBe(true);
  });
});
