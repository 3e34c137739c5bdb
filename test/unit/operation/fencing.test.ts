import type { Message } from '../../../events/index.ts';
import { isConfirmed } from '../../../lib/operation/advance.ts';
import { deleted, SmallWorld, TARGET } from '../../property/small-world.ts';
import {
  deleted as deletedAccount,
  GONE_USER,
  LivingWorld,
} from '../../property/stateful-world.ts';

async function afterPlan() {
  const world = new SmallWorld({
    resources: [2, 0, 0],
    lingers: 0,
    failures: 0,
    failWith: 'Transient',
  });
  await world.engine.commit({ messages: [deleted(TARGET)] });
  const kept: Message[] = [];
  for (let n = 0; n < 100 && world.engine.waiting.length > 0; n += 1)
    for (const waiting of world.engine.due()) {
      kept.push(waiting.message);
      await world.handle(waiting.message).then(() => world.engine.take(waiting));
    }
  return { world, kept };
}

describe('a late message', () => {
  it('that requests an ended run causes no call and stores nothing', async () => {
    const { world, kept } = await afterPlan();
    let calls = 0;
    const api = () => {
      calls += 1;
      return Promise.reject(new Error('called'));
    };
    const deps = { ...world.deps, cloud: { ...world.deps.cloud, api } };
    const before = [...world.engine.tasks.values()];
    for (const message of kept.filter(({ type }) => type === 'service.requested'))
      await world.handle(message, deps);
    expect(calls).toBe(0);
    expect(world.engine.waiting).toEqual([]);
    expect([...world.engine.tasks.values()]).toEqual(before);
  });

  it('that requests an ended run of an open task has no effect', async () => {
    const { world, kept } = await afterPlan();
    const [task] = [...world.engine.tasks.values()];
    const old = kept.find(
      (message) => message.type === 'service.requested' && message.data.taskId === task?.id,
    );
    if (!task || !old) throw new Error('no task');
    world.engine.tasks.set(task.id, { ...task, state: 'requested', endedAt: undefined });
    await world.handle(old);
    expect(world.engine.waiting).toEqual([]);
  });

  it('that requests an ended confirmation does not query Keystone again', async () => {
    const { world, kept } = await afterPlan();
    world.keystoneAway = true;
    const before = [...world.engine.operations.values()];
    for (const message of kept.filter(({ type }) => type === 'operation.confirm'))
      await world.handle(message);
    expect([...world.engine.operations.values()]).toEqual(before);
    expect(world.engine.waiting).toEqual([]);
  });
});

describe('a removal request that Keystone has not confirmed', () => {
  it.each([
    ['project', TARGET],
    ['user', GONE_USER],
  ] as const)('about a %s removes nothing: a queued message is no proof', async (type, id) => {
    const world = new LivingWorld([
      { name: 'compute', resourceTypes: { server: 'A' }, userResourceTypes: ['keypair'] },
    ]);
    world.cloud.delete(id);
    world.cloud.users.delete(id);
    await world.engine.commit({ messages: [deletedAccount(type, id)] });
    expect(await world.until(() => world.taskOf('compute')?.state === 'requested')).toBe(true);
    const asked = world.engine
      .due()
      .find(({ message }) => message.type === 'service.requested')?.message;
    if (asked?.type !== 'service.requested') throw new Error('no run was requested');
    const before = world.left(id);
    for (const confirmedAt of [
      [],
      [1000],
      [1000, 1000 + world.limits.confirmationIntervalMillis - 1],
    ])
      await world.handle({ ...asked, data: { ...asked.data, confirmedAt } });
    expect(world.left(id)).toEqual(before);
    expect(Object.keys(before)).toHaveLength(1);
    await world.handle(asked);
    expect(world.left(id)).toEqual({});
  });
});

describe('the confirmation of an operation', () => {
  it('needs two answers with the interval between them, and the end of the grace period', async () => {
    const { world } = await afterPlan();
    const [operation] = [...world.engine.operations.values()];
    if (!operation) throw new Error('no operation');
    const rules = {
      ...world.deps.limits,
      confirmationIntervalMillis: 5000,
      startedLastHour: 0,
      waivers: [],
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
