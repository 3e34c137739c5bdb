import { ProjectId } from '../../../events/ids.ts';
import { runProjectCleanup } from '../../../lib/task/run.ts';
import { Confirmation, ownershipOf, protectedBecause } from '../../../lib/task/safety-rules.ts';
import { CONTROL, deleted, Simulation, TARGET } from '../../property/simulation.ts';
import { contextOf } from './context.ts';
import {
  errorOfClass,
  removeRow,
  rowsOf,
  runCleanup,
  storageService,
} from './safety-rules-fixture.ts';

describe('safety rule "Keystone decides"', () => {
  it('needs two 404 answers of Keystone with the confirmation interval between them', () => {
    expect(Confirmation.fromAnswers(TARGET, [], 5000)).toBeUndefined();
    expect(Confirmation.fromAnswers(TARGET, [1000], 5000)).toBeUndefined();
    expect(Confirmation.fromAnswers(TARGET, [1000, 5999], 5000)).toBeUndefined();
    expect(Confirmation.fromAnswers(TARGET, [1000, 6000], 5000)?.account).toBe(TARGET);
  });
  it('removes nothing without a confirmation, or with the confirmation of another project', async () => {
    const snapshots = rowsOf(TARGET);
    await expect(
      runCleanup(
        storageService(snapshots, [], removeRow),
        contextOf(),
        Confirmation.fromAnswers(CONTROL, [0, 5000], 5000),
      ),
    ).rejects.toThrow('without a confirmation');
    for (const phase of ['pre-delete', 'apply'] as const)
      await expect(
        runProjectCleanup({
          service: storageService(snapshots, [], removeRow),
          context: contextOf(),
          phase,
          confirmation: undefined,
          deadline: 9e9,
        }),
      ).rejects.toThrow('without a confirmation');
    expect(snapshots).toHaveLength(1);
  });
  it('removes nothing before the grace period ends, and queries Keystone again at its end', async () => {
    const simulation = new Simulation({
      resources: [1, 1, 1],
      lingers: 0,
      failures: 0,
      failWith: 'Transient',
    });
    const deps = { ...simulation.deps, gracePeriodMillis: 3_600_000 };
    const openedAt = simulation.engine.time;
    await simulation.engine.commit({ messages: [deleted(TARGET)] });
    for (let n = 0; n < 200 && simulation.engine.waiting.length > 0; n += 1)
      for (const waiting of simulation.engine.dueMessages()) {
        await simulation
          .handle(waiting.message, deps)
          .then(() => simulation.engine.removeDelivered(waiting));
        if (simulation.engine.time < openedAt + 3_600_000)
          expect(simulation.resources(TARGET)).toBe(3);
      }
    const [operation] = [...simulation.engine.operations.values()];
    expect(operation?.confirmedAt.at(-1)).toBeGreaterThanOrEqual(openedAt + 3_600_000);
    expect(simulation.resources(TARGET)).toBe(0);
  });
  it('starts the confirmation again after an answer that shows the project', async () => {
    for (const shownAt of [0, 1, 2]) {
      const simulation = new Simulation({
        resources: [1, 1, 1],
        lingers: 0,
        failures: 0,
        failWith: 'Transient',
      });
      await simulation.engine.commit({ messages: [deleted(TARGET)] });
      let confirmations = 0;
      for (let n = 0; n < 200 && simulation.engine.waiting.length > 0; n += 1)
        for (const waiting of simulation.engine.dueMessages()) {
          if (waiting.message.type === 'operation.confirm') {
            if (confirmations === shownAt) simulation.alive.add(TARGET);
            else simulation.alive.delete(TARGET);
            confirmations += 1;
          }
          await simulation
            .handle(waiting.message)
            .then(() => simulation.engine.removeDelivered(waiting));
        }
      const [operation] = [...simulation.engine.operations.values()];
      expect(operation?.state).toBe('finished');
      const [first, last] = [operation?.confirmedAt.at(0) ?? 0, operation?.confirmedAt.at(-1) ?? 0];
      expect(last - first).toBeGreaterThanOrEqual(2000);
      expect(simulation.resources(TARGET)).toBe(0);
    }
  });
  it('waits while Keystone does not answer, and reports the reason', async () => {
    const simulation = new Simulation({
      resources: [1, 0, 0],
      lingers: 0,
      failures: 0,
      failWith: 'Transient',
    });
    simulation.keystoneAway = true;
    await simulation.engine.commit({ messages: [deleted(TARGET)] });
    await simulation.settle(simulation.deps, 20);
    const [operation] = [...simulation.engine.operations.values()];
    expect(operation?.state).toBe('confirming');
    expect(operation?.hold?.reason).toContain('Keystone gave no certain answer');
    expect(simulation.resources(TARGET)).toBe(1);
  });
  it('stops between two runs if Keystone shows the project again', async () => {
    const simulation = new Simulation({
      resources: [2, 2, 2],
      lingers: 3,
      failures: 0,
      failWith: 'Transient',
    });
    await simulation.engine.commit({ messages: [deleted(TARGET)] });
    for (let n = 0; n < 200 && simulation.of('first', TARGET).length > 0; n += 1)
      for (const waiting of simulation.engine.dueMessages())
        await simulation
          .handle(waiting.message)
          .then(() => simulation.engine.removeDelivered(waiting));
    simulation.alive.add(TARGET);
    await simulation.settle(simulation.deps, 50);
    expect(simulation.of('last', TARGET)).toHaveLength(2);
    expect(
      [...simulation.engine.tasks.values()]
        .flatMap(({ conditions }) => conditions)
        .map(({ message }) => message),
    ).toContain('Keystone shows the account again, so the removals stop');
  });
});

describe('safety rule "Check the owner of every row"', () => {
  it('compares the owner character by character', () => {
    expect(ownershipOf({ owner: TARGET }, TARGET)).toBe('ours');
    for (const owner of [CONTROL, ` ${TARGET}`, `${TARGET} `, TARGET.toUpperCase()])
      expect(ownershipOf({ owner }, TARGET)).toBe('foreign');
    for (const owner of [undefined, '']) expect(ownershipOf({ owner }, TARGET)).toBe('ownerless');
  });
  it('reports and does not change the resources of other owners if the API ignores the filter', async () => {
    const snapshots = rowsOf(CONTROL, TARGET, CONTROL);
    const report = await runCleanup(storageService(snapshots, [], removeRow));
    expect(snapshots.map(({ owner }) => owner)).toEqual([CONTROL, CONTROL]);
    expect(report.outcome.kind).toBe('finished');
    expect(report.conditions).toContainEqual(
      expect.objectContaining({
        count: 2,
        actor: 'operator',
        message: expect.stringContaining('resources of other owners'),
      }),
    );
  });
  it('never changes a resource without an owner, and does not report its type as empty', async () => {
    const snapshots = rowsOf(undefined, TARGET);
    const report = await runCleanup(storageService(snapshots, [], removeRow));
    expect(snapshots).toEqual([{ id: 'r0' }]);
    expect(report.outcome.kind).toBe('again');
    expect(report.conditions).toContainEqual(
      expect.objectContaining({ class: 'Blocked', actor: 'operator' }),
    );
  });
});

describe('safety rule "Never the cloud\'s own"', () => {
  const protection = {
    projects: ['kept'],
    domains: ['vip'],
    ownProject: 'cleaner',
    ownProjectDomain: 'operations',
    ownUserDomain: 'automation',
  };
  it.each([
    [{ type: 'project', id: 'cleaner' }, 'logged in'],
    [{ type: 'project', id: 'kept', domainId: 'x' }, 'settings protect this project'],
    [{ type: 'project', id: 'p', domainId: 'vip' }, 'settings protect its domain'],
    [{ type: 'project', id: 'p' }, 'never recorded'],
    [{ type: 'project', id: 'p', name: 'service', domainId: 'default' }, 'belong to the cloud'],
    [{ type: 'domain', id: 'default' }, 'default domain'],
    [{ type: 'domain', id: 'vip' }, 'settings protect'],
    [{ type: 'domain', id: 'operations' }, 'the project of the propagator belongs to this domain'],
    [{ type: 'domain', id: 'Automation' }, 'the user of the propagator belongs to this domain'],
  ] as const)('protects %j', (scope, why) =>
    expect(protectedBecause(scope, protection)).toContain(why),
  );
  it('does not protect the projects of customers', () => {
    expect(
      protectedBecause(
        { type: 'project', id: 'p', name: 'service', domainId: 'customer' },
        protection,
      ),
    ).toBeUndefined();
    expect(
      protectedBecause({ type: 'project', id: 'p', domainId: 'default', name: 'shop' }, protection),
    ).toBeUndefined();
  });
  it('makes no API call for the project that the propagator is logged in to', async () => {
    const snapshots = rowsOf(TARGET);
    await expect(
      runCleanup(storageService(snapshots, [], removeRow), contextOf(TARGET, TARGET)),
    ).rejects.toMatchObject({
      report: { code: 'safety-rules.own-project' },
    });
    expect(snapshots).toHaveLength(1);
  });
  it.each([
    ['by the settings', { projects: [TARGET], domains: [] }, 'cleaner'],
    ['as the project of the cleaner', { projects: [], domains: [] }, TARGET],
  ])(
    'refuses the operation on a project that is protected %s',
    async (_, protectedIds, ownProject) => {
      const simulation = new Simulation({
        resources: [1, 1, 1],
        lingers: 0,
        failures: 0,
        failWith: 'Transient',
      });
      const deps = {
        ...simulation.deps,
        protectedIds,
        protection: async () => ({ ...protectedIds, ownProject }),
      };
      await simulation.engine.commit({ messages: [deleted(TARGET)] });
      await simulation.settle(deps);
      expect([...simulation.engine.operations.values()]).toEqual([
        expect.objectContaining({
          state: 'refused',
          hold: expect.objectContaining({ reason: expect.stringContaining('protected: ') }),
        }),
      ]);
      expect(simulation.resources(TARGET)).toBe(3);
    },
  );
  it('waits, and dead-letters no message, while the propagator cannot log in to learn its own project', async () => {
    const simulation = new Simulation({
      resources: [1, 1, 1],
      lingers: 0,
      failures: 0,
      failWith: 'Transient',
    });
    const deps = {
      ...simulation.deps,
      protection: () => Promise.reject(errorOfClass('Transient')),
    };
    await simulation.engine.commit({ messages: [deleted(TARGET)] });
    await simulation.settle(deps, 20);
    expect([...simulation.engine.operations.values()]).toEqual([
      expect.objectContaining({ state: 'confirming' }),
    ]);
    expect(simulation.engine.waiting).toHaveLength(1);
    expect(simulation.resources(TARGET)).toBe(3);
  });
});

describe('safety rule "Caps and a stop switch"', () => {
  it('holds an operation with more resources than the cap until an operator releases it', async () => {
    const simulation = new Simulation({
      resources: [3, 3, 3],
      lingers: 0,
      failures: 0,
      failWith: 'Transient',
    });
    const deps = {
      ...simulation.deps,
      limits: { ...simulation.deps.limits, maxResourcesPerOperation: 8 },
    };
    await simulation.engine.commit({ messages: [deleted(TARGET)] });
    await simulation.settle(deps);
    const [held] = [...simulation.engine.operations.values()];
    expect(held).toMatchObject({
      state: 'held',
      hold: { reason: 'the account has 9 resources, and the cap is 8' },
    });
    expect(simulation.resources(TARGET)).toBe(9);
    if (!held) throw new Error('no operation is held');
    const release = async (since: number | undefined) => {
      const data = { operationId: held.id, by: 'ann', reason: 'checked', since };
      await simulation.engine.commit({ messages: [{ type: 'operation.released', data }] });
      await simulation.settle(deps);
    };
    // A queue or a replay delivers the release of an earlier hold again.
    await release((held.hold?.since ?? 0) - 1);
    expect([...simulation.engine.operations.values()]).toMatchObject([{ state: 'held' }]);
    await release(held.hold?.since);
    expect([...simulation.engine.operations.values()]).toEqual([
      expect.objectContaining({
        state: 'finished',
        released: { by: 'ann', reason: 'checked', at: expect.any(Number) },
      }),
    ]);
    expect(simulation.resources(TARGET)).toBe(0);
  });
  it('holds the operation that exceeds the cap per hour', async () => {
    const simulation = new Simulation({
      resources: [1, 0, 0],
      lingers: 0,
      failures: 0,
      failWith: 'Transient',
    });
    const deps = {
      ...simulation.deps,
      limits: { ...simulation.deps.limits, maxOperationsPerHour: 1 },
    };
    await simulation.engine.commit({ messages: [deleted(ProjectId.parse('other'))] });
    await simulation.settle(deps);
    await simulation.engine.commit({ messages: [deleted(TARGET)] });
    await simulation.settle(deps);
    expect([...simulation.engine.operations.values()].map(({ state }) => state)).toEqual([
      'finished',
      'held',
    ]);
    expect(simulation.resources(TARGET)).toBe(1);
  });
});

describe('safety rule "Observe first"', () => {
  it('removes nothing in phase plan', async () => {
    const snapshots = rowsOf(TARGET, TARGET);
    const report = await runProjectCleanup({
      service: storageService(snapshots, [], removeRow),
      context: contextOf(),
      phase: 'plan',
      confirmation: undefined,
      deadline: 60_000,
    });
    expect(report).toMatchObject({
      outcome: { kind: 'finished' },
      counts: { 'storage.snapshot': { listed: 2, gone: 0, left: 2 } },
    });
    expect(snapshots).toHaveLength(2);
  });
  it('removes nothing after the mode was set back to observe, even if messages are queued', async () => {
    const simulation = new Simulation({
      resources: [2, 2, 2],
      lingers: 0,
      failures: 0,
      failWith: 'Transient',
    });
    await simulation.engine.commit({ messages: [deleted(TARGET)] });
    for (let n = 0; n < 100; n += 1)
      for (const waiting of simulation.engine.dueMessages()) {
        const mode = waiting.message.type === 'service.requested' ? 'observe' : 'enforce';
        await simulation
          .handle(waiting.message, { ...simulation.deps, mode })
          .then(() => simulation.engine.removeDelivered(waiting));
      }
    expect(simulation.resources(TARGET)).toBe(6);
  });
});

describe('safety rule "Every failure has an owner"', () => {
  it('dead-letters a task at once if the service refuses the calls', async () => {
    const simulation = new Simulation({
      resources: [1, 1, 1],
      lingers: 0,
      failures: 0,
      failWith: 'Transient',
    });
    const [first] = simulation.services;
    if (!first) throw new Error('no service');
    const refusing = {
      ...first,
      resourceTypes: first.resourceTypes.map((resourceType) => ({
        ...resourceType,
        list: () => Promise.reject(errorOfClass('Denied')),
      })),
    };
    simulation.services.splice(0, 1, refusing);
    await simulation.engine.commit({ messages: [deleted(TARGET)] });
    await simulation.settle();
    const tasks = [...simulation.engine.tasks.values()];
    expect(tasks.map(({ service, state }) => [service, state])).toEqual([
      ['first', 'dead-lettered'],
      ['middle', 'pending'],
      ['last', 'pending'],
    ]);
    expect(simulation.engine.deadLetterList.map(({ error: cause }) => cause?.class)).toEqual([
      'Denied',
    ]);
  });
});
