import { describeCauses } from '../../../lib/account/causes.ts';
import type { AuditRecord } from '../../../lib/audit/entry.ts';
import { fetchProjectState } from '../../../lib/handlers/project-state.ts';
import {
  readSuspensionHolds,
  suspensionHoldDocument,
  suspensionHoldOf,
} from '../../../lib/handlers/suspension-holds.ts';
import { NO_POLICY } from '../../../lib/policy/schema.ts';
import { defineService, defineType } from '../../../lib/task/service.ts';
import { CONTROL, SIBLING, SuspendSimulation, TARGET } from '../../property/suspend-simulation.ts';

let simulation: SuspendSimulation;
beforeEach(() => {
  simulation = new SuspendSimulation(['on', 'off']);
});
const states = () =>
  simulation.shown(TARGET).map(({ state, bySuspension }) => `${state}${bySuspension ? '*' : ''}`);
const newest = (action: 'suspend' | 'resume') => simulation.operations(action).at(-1);

describe('a disabled project', () => {
  it('is only counted without a policy file', async () => {
    simulation.policy = NO_POLICY;
    await simulation.set('project', false);
    await simulation.settle();
    expect(states()).toEqual(['on', 'off', 'on', 'off']);
    expect(newest('suspend')).toMatchObject({ state: 'observed', mode: 'observe' });
    const [task] = [...simulation.engine.tasks.values()];
    expect(task?.counts).toEqual({ 'outer.machine': { found: 1, removed: 0, left: 1 } });
    await simulation.set('project', true);
    await simulation.settle();
    expect(simulation.operations('resume')).toEqual([]);
  });

  it('is suspended, and verified after the cached tokens have expired', async () => {
    await simulation.set('project', false);
    await simulation.settle();
    expect(states()).toEqual(['off*', 'off', 'off*', 'off']);
    const operation = newest('suspend');
    expect(operation).toMatchObject({ state: 'finished', mode: 'enforce', lifecycle: { rule: 1 } });
    const [first = 0] = operation?.confirmedAt ?? [];
    expect((operation?.endedAt ?? 0) - first).toBeGreaterThanOrEqual(300_000);
    expect(simulation.shown(SIBLING).map(({ state }) => state)).toEqual(['on', 'off', 'on', 'off']);
    expect(simulation.shown(CONTROL).map(({ state }) => state)).toEqual(['on', 'off', 'on', 'off']);
  });

  it('is suspended again if a cached token starts a resource; the first record is kept', async () => {
    await simulation.set('project', false);
    for (let n = 0; n < 200 && states()[2] !== 'off*'; n += 1) await simulation.deliver(0);
    expect(newest('suspend')?.state).toBe('running');
    const [machine] = simulation.machines.get('inner') ?? [];
    Object.assign(machine ?? {}, { state: 'on' });
    await simulation.settle();
    expect(states()).toEqual(['off*', 'off', 'off*', 'off']);
    await simulation.set('project', true);
    await simulation.settle();
    expect(states()).toEqual(['on', 'off', 'on', 'off']);
  });

  it('finishes, and reports the resources of a service that cannot be suspended', async () => {
    const cluster = defineType<{ id: string; owner: string }>({
      name: 'cluster',
      list: async ({ project }) => [{ id: 'k8s', owner: project }],
      id: ({ id }) => id,
      owner: ({ owner }) => owner,
      remove: () => Promise.reject(new Error('a suspension removes nothing')),
    });
    const warns = { message: 'it heals stopped nodes', advice: 'Pause it.' };
    simulation.services.push(
      defineService({
        name: 'clusters',
        catalogTypes: ['clusters'],
        resourceTypes: [cluster],
        leftBySuspend: [{ types: ['cluster'], because: 'It has no pause.', warns }],
      }),
    );
    await simulation.set('project', false);
    await simulation.settle();
    expect(newest('suspend')?.state).toBe('finished');
    const conditions = [...simulation.engine.tasks.values()].flatMap((task) => task.conditions);
    expect(conditions).toContainEqual(
      expect.objectContaining({ ...warns, resourceType: 'clusters.cluster', example: 'k8s' }),
    );
    await simulation.set('project', true);
    await simulation.settle();
    expect(newest('resume')?.state).toBe('finished');
    expect(states()).toEqual(['on', 'off', 'on', 'off']);
  });
});

describe('a project that is enabled while its suspension counts the resources', () => {
  const isConfirmed = () => newest('suspend')?.confirmedAt.length === 2;

  it.each([
    ['enforce', undefined],
    ['observe', NO_POLICY],
  ])('ends the suspension before it begins, in mode %s', async (mode, policy) => {
    simulation.policy = policy ?? simulation.policy;
    await simulation.set('project', false);
    await simulation.deliverWithoutServices(isConfirmed);
    await simulation.set('project', true);
    await simulation.deliverWithoutServices(
      () =>
        !simulation.engine.dueMessages().some(({ message }) => message.type.startsWith('account.')),
    );
    await simulation.deliverServices();
    await simulation.settle();
    expect(newest('suspend')).toMatchObject({ mode, state: 'superseded', startedAt: undefined });
    expect(simulation.operations('resume')).toEqual([]);
    expect(states()).toEqual(['on', 'off', 'on', 'off']);
  });

  it('ends the suspension before it begins, if the domain is enabled', async () => {
    await simulation.set('domain', false);
    await simulation.deliverWithoutServices(isConfirmed);
    await simulation.set('domain', true);
    await simulation.deliverWithoutServices(() => newest('resume')?.startedAt !== undefined);
    await simulation.deliverServices();
    await simulation.settle();
    const suspensions = simulation
      .operations('suspend')
      .filter(({ scope }) => scope.type === 'project')
      .map(({ state, startedAt }) => [state, startedAt]);
    expect(suspensions).toEqual([
      ['superseded', undefined],
      ['superseded', undefined],
    ]);
    expect(simulation.operations('resume').map(({ scope }) => scope.type)).toEqual(['domain']);
    expect(simulation.allHaveEnded).toBe(true);
    expect(states()).toEqual(['on', 'off', 'on', 'off']);
  });

  it('is suspended under the earlier policy if Keystone still shows the project disabled', async () => {
    await simulation.set('project', false);
    await simulation.deliverWithoutServices(isConfirmed);
    // The notification is late: Keystone shows the project disabled.
    await simulation.announce('project', 'enabled');
    await simulation.deliverWithoutServices(() => newest('suspend')?.confirmedAt.length === 0);
    await simulation.deliverServices();
    simulation.policy = NO_POLICY;
    await simulation.settle();
    expect(newest('suspend')).toMatchObject({
      mode: 'enforce',
      state: 'finished',
      lifecycle: { rule: 1 },
    });
    expect(states()).toEqual(['off*', 'off', 'off*', 'off']);
  });
});

describe('a resume', () => {
  it('does not touch a resource that another actor has changed or removed, and reports it', async () => {
    await simulation.set('project', false);
    await simulation.settle();
    const [outer] = simulation.machines.get('outer') ?? [];
    Object.assign(outer ?? {}, { bySuspension: false });
    simulation.machines.set('inner', (simulation.machines.get('inner') ?? []).slice(1));
    await simulation.set('project', true);
    await simulation.settle();
    expect(states()).toEqual(['off', 'off', 'off']);
    expect(newest('resume')?.state).toBe('finished');
    const conditions = [...simulation.engine.tasks.values()].flatMap((task) => task.conditions);
    expect(conditions).toContainEqual(
      expect.objectContaining({
        resourceType: 'outer.machine',
        message: 'the resource was changed while it was suspended, and is not changed back: off',
        example: 'outer-target-0',
      }),
    );
    expect(await simulation.recordsOf(TARGET)).toEqual([]);
  });

  it('waits until an operator removes the hold of the enabled project', async () => {
    await simulation.set('project', false);
    await simulation.settle();
    const hold = { by: 'ann', reason: 'the invoice', at: 1 };
    await simulation.engine.commit({ documents: [suspensionHoldDocument(TARGET, 0, hold)] });
    await simulation.set('project', true);
    await simulation.settle();
    expect(states()).toEqual(['off*', 'off', 'off*', 'off']);
    // The enable in Keystone is reported with the hold, because an operator did not expect it.
    const state = await fetchProjectState(TARGET, {
      keystone: simulation.deps.cloud.keystone,
      reads: simulation.engine.reads,
    });
    const causes = state.kind === 'present' ? describeCauses(state.suspensionCauses) : '';
    expect(causes).toMatch(
      /^ann holds it suspended: the invoice \(Keystone reported it enabled on /,
    );
    await simulation.announce('project', 'enabled');
    await simulation.settle();
    expect(await suspensionHoldOf(TARGET, simulation.engine.reads)).toMatchObject({ version: 2 });
    await simulation.engine.commit({ documents: [suspensionHoldDocument(TARGET, 2, undefined)] });
    await simulation.announce('project', 'enabled');
    await simulation.settle();
    expect(states()).toEqual(['on', 'off', 'on', 'off']);
  });

  it('is replaced by one warning and one audit entry if the project has a hold', async () => {
    const hold = { by: 'ann', reason: 'the invoice', at: 1 };
    await simulation.set('project', false);
    await simulation.engine.commit({ documents: [suspensionHoldDocument(TARGET, 0, hold)] });
    await simulation.settle();
    const contradictions = () =>
      simulation.engine.auditRows
        .map(({ entry }) => entry as AuditRecord)
        .filter(({ what }) => what === 'hold.contradicted');
    for (const enables of [1, 2]) {
      await simulation.set('project', true);
      await simulation.announce('project', 'enabled');
      await simulation.settle();
      expect(contradictions()).toHaveLength(enables);
      expect(simulation.warnings).toHaveLength(enables);
      const [enabledHold] = await readSuspensionHolds(simulation.engine.reads);
      expect(enabledHold).toMatchObject({
        project: TARGET,
        by: 'ann',
        enabledAt: expect.any(String),
        advice: expect.stringContaining(`openstack project set --disable ${TARGET}`),
      });
      // A project that is disabled again no longer causes an alarm, and stays suspended.
      await simulation.set('project', false);
      await simulation.settle();
      const [disabledHold] = await readSuspensionHolds(simulation.engine.reads);
      expect(disabledHold).toEqual({ project: TARGET, ...hold });
      expect(states()).toEqual(['off*', 'off', 'off*', 'off']);
    }
    expect(contradictions()[0]).toMatchObject({
      by: { kind: 'process' },
      target: { type: 'project', id: TARGET },
      before: hold,
    });
    expect(simulation.warnings[0]).toMatchObject({ project: TARGET, by: 'ann' });
  });

  it('does not include a project that was disabled on its own if the domain is enabled', async () => {
    await simulation.set('project', false);
    await simulation.settle();
    await simulation.set('domain', false);
    await simulation.settle();
    expect(simulation.shown(SIBLING).map(({ state }) => state)).toEqual([
      'off',
      'off',
      'off',
      'off',
    ]);
    await simulation.set('domain', true);
    await simulation.settle();
    expect(simulation.shown(SIBLING).map(({ state }) => state)).toEqual(['on', 'off', 'on', 'off']);
    expect(states()).toEqual(['off*', 'off', 'off*', 'off']);
    // No resume of the project delays the end of the operation of the domain.
    const resumed = simulation.operations('resume');
    expect(resumed.map(({ scope }) => scope.id)).not.toContain(TARGET);
    expect(resumed.map(({ state }) => state)).toEqual(['finished', 'finished']);
  });
});
