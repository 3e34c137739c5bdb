import type { Message } from '../../../events/index.ts';
import { isConfirmed } from '../../../lib/operation/advance.ts';
import { deleted, Simulation, TARGET } from '../../property/simulation.ts';
import {
  DELETED_USER,
  deleted as deletedAccount,
  StatefulSimulation,
} from '../../property/stateful-simulation.ts';

async function simulationAfterPlan() {
  const simulation = new Simulation({
    resources: [2, 0, 0],
    lingers: 0,
    failures: 0,
    failWith: 'Transient',
  });
  await simulation.engine.commit({ messages: [deleted(TARGET)] });
  const kept: Message[] = [];
  for (let n = 0; n < 100 && simulation.engine.waiting.length > 0; n += 1)
    for (const waiting of simulation.engine.dueMessages()) {
      kept.push(waiting.message);
      await simulation
        .handle(waiting.message)
        .then(() => simulation.engine.removeDelivered(waiting));
    }
  return { simulation, kept };
}

describe('a late message', () => {
  it('causes no call and stores nothing if it requests an ended run', async () => {
    const { simulation, kept } = await simulationAfterPlan();
    let calls = 0;
    const api = () => {
      calls += 1;
      return Promise.reject(new Error('called'));
    };
    const deps = { ...simulation.deps, cloud: { ...simulation.deps.cloud, api } };
    const before = [...simulation.engine.tasks.values()];
    for (const message of kept.filter(({ type }) => type === 'service.requested'))
      await simulation.handle(message, deps);
    expect(calls).toBe(0);
    expect(simulation.engine.waiting).toEqual([]);
    expect([...simulation.engine.tasks.values()]).toEqual(before);
  });

  it('has no effect if it requests an ended run of an open task', async () => {
    const { simulation, kept } = await simulationAfterPlan();
    const [task] = [...simulation.engine.tasks.values()];
    const old = kept.find(
      (message) => message.type === 'service.requested' && message.data.taskId === task?.id,
    );
    if (!task || !old) throw new Error('no task');
    simulation.engine.tasks.set(task.id, { ...task, state: 'requested', endedAt: undefined });
    await simulation.handle(old);
    expect(simulation.engine.waiting).toEqual([]);
  });

  it('does not query Keystone again if it requests an ended confirmation', async () => {
    const { simulation, kept } = await simulationAfterPlan();
    simulation.keystoneAway = true;
    const before = [...simulation.engine.operations.values()];
    for (const message of kept.filter(({ type }) => type === 'operation.confirm'))
      await simulation.handle(message);
    expect([...simulation.engine.operations.values()]).toEqual(before);
    expect(simulation.engine.waiting).toEqual([]);
  });
});

describe('a removal request that Keystone has not confirmed', () => {
  it.each([
    ['project', TARGET],
    ['user', DELETED_USER],
  ] as const)('about a %s removes nothing: a queued message is no proof', async (type, id) => {
    const simulation = new StatefulSimulation([
      { name: 'compute', resourceTypes: { server: 'A' }, userResourceTypes: ['keypair'] },
    ]);
    simulation.cloud.delete(id);
    simulation.cloud.users.delete(id);
    await simulation.engine.commit({ messages: [deletedAccount(type, id)] });
    expect(await simulation.until(() => simulation.taskOf('compute')?.state === 'requested')).toBe(
      true,
    );
    const asked = simulation.engine
      .dueMessages()
      .find(({ message }) => message.type === 'service.requested')?.message;
    if (asked?.type !== 'service.requested') throw new Error('no run was requested');
    const before = simulation.left(id);
    for (const confirmedAt of [
      [],
      [1000],
      [1000, 1000 + simulation.limits.confirmationIntervalMillis - 1],
    ])
      await simulation.handle({ ...asked, data: { ...asked.data, confirmedAt } });
    expect(simulation.left(id)).toEqual(before);
    expect(Object.keys(before)).toHaveLength(1);
    await simulation.handle(asked);
    expect(simulation.left(id)).toEqual({});
  });
});

describe('the confirmation of an operation', () => {
  it('needs two answers with the interval between them, and the end of the grace period', async () => {
    const { simulation } = await simulationAfterPlan();
    const [operation] = [...simulation.engine.operations.values()];
    if (!operation) throw new Error('no operation');
    const rules = {
      ...simulation.deps.limits,
      confirmationIntervalMillis: 5000,
      startedLastHour: 0,
      waivers: [],
      heldTypes: [],
    };
    const confirmed = (confirmedAt: number[], notBefore: number, now: number) =>
      isConfirmed({ ...operation, confirmedAt, notBefore }, { ...rules, now });
    expect(confirmed([0, 5000], 0, 5000)).toBe(true);
    expect(confirmed([0, 4999], 0, 5000)).toBe(false);
    expect(confirmed([0], 0, 5000)).toBe(false);
    expect(confirmed([0, 5000], 9000, 8999)).toBe(false);
    expect(confirmed([0, 5000], 9000, 9000)).toBe(true);
  });
});
