import type { Message } from '../../../events/index.ts';
import type { Change } from '../../../lib/engine/port.ts';
import { InFlightRequests } from '../../../lib/shared/in-flight.ts';
import { KeyedQueue } from '../../../lib/shared/keyed-queue.ts';
import { handleMessage, type SimulationDeps } from '../../property/simulation-parts.ts';
import { deleted, StatefulSimulation, TARGET } from '../../property/stateful-simulation.ts';

const SERVICE_NAMES = ['compute', 'network', 'volume'];
let simulation: StatefulSimulation;
afterEach(() => simulation.expectOthersUntouched());

/** Counts the calls to Keystone and the results of the commits. */
interface CallCounts {
  shown: number;
  registries: number;
  conflicts: number;
}

/** `beforeCommit`: called with each change before it is committed. */
function createSimulation(beforeCommit: (change: Change) => Promise<void> = async () => {}) {
  simulation = new StatefulSimulation(
    SERVICE_NAMES.map((name) => ({ name, resourceTypes: { resource: 'A' } })),
  );
  simulation.cloud.delete(TARGET);
  const callCounts: CallCounts = { shown: 0, registries: 0, conflicts: 0 };
  const { keystone, registry } = simulation.cloud.port;
  const { engine } = simulation;
  const commit = engine.commit.bind(engine);
  engine.commit = async (change) => {
    await beforeCommit(change);
    const result = await commit(change);
    if (result === 'conflict') callCounts.conflicts += 1;
    return result;
  };
  const deps = (): SimulationDeps => ({
    ...simulation.deps,
    cloud: {
      ...simulation.cloud.port,
      keystone: {
        ...keystone,
        show: (...account) => {
          callCounts.shown += 1;
          return keystone.show(...account);
        },
      },
      registry: () => {
        callCounts.registries += 1;
        return registry();
      },
    },
  });
  return { callCounts, deps };
}

const open = () => simulation.engine.commit({ messages: [deleted('project', TARGET)] });

/** Handles the waiting messages of one type, all at the same time. Returns how many there were. */
async function handleAll(type: Message['type'], deps: SimulationDeps): Promise<number> {
  const messagesOfType = simulation.engine
    .dueMessages()
    .filter(({ message }) => message.type === type);
  await Promise.all(messagesOfType.map(({ message }) => handleMessage(message, deps)));
  for (const waiting of messagesOfType) simulation.engine.removeDelivered(waiting);
  return messagesOfType.length;
}

describe('the confirmation of a deletion', () => {
  it("reads Keystone's lists of services and endpoints once for an operation", async () => {
    const { callCounts, deps } = createSimulation();
    await open();
    await simulation.until(() => simulation.state === 'confirming');
    const handlerDeps = deps();
    for (let n = 0; n < 200 && simulation.state !== 'finished'; n += 1)
      for (const waiting of simulation.engine.dueMessages()) {
        await handleMessage(waiting.message, handlerDeps);
        simulation.engine.removeDelivered(waiting);
      }
    expect(simulation.state).toBe('finished');
    expect(simulation.left()).toEqual({});
    expect(callCounts.registries).toBe(1);
  });

  it('applies the same answer after a conflict, with the time of the answer', async () => {
    const engine = () => simulation.engine;
    let causesConflict = false;
    const { callCounts, deps } = createSimulation(async ({ operations = [] }) => {
      if (!causesConflict) return;
      causesConflict = false;
      // Another process changes the operation, some seconds after Keystone's answer.
      const [{ id } = { id: '' }] = operations;
      const stored = engine().operations.get(id as never);
      if (!stored) throw new Error('no operation');
      engine().operations.set(stored.id, { ...stored, version: stored.version + 1 });
      engine().time += 30_000;
    });
    await open();
    await simulation.until(() => simulation.state === 'confirming');
    const askedAt = engine().time;
    causesConflict = true;
    expect(await handleAll('operation.confirm', deps())).toBe(1);
    // The project itself, and its id in capitals.
    expect(callCounts).toMatchObject({ conflicts: 1, shown: 2, registries: 1 });
    expect(simulation.operation.confirmedAt).toEqual([askedAt]);
    expect(simulation.operation.order).toHaveLength(SERVICE_NAMES.length);
  });

  it('does not apply an answer to an operation that was canceled before the answer', async () => {
    const { deps } = createSimulation();
    await open();
    await simulation.until(() => simulation.state === 'confirming');
    const usualDeps = deps();
    const { show } = usualDeps.cloud.keystone;
    const cancelingDeps: SimulationDeps = {
      ...usualDeps,
      cloud: {
        ...usualDeps.cloud,
        keystone: {
          ...usualDeps.cloud.keystone,
          show: async (...account) => {
            const { operation, engine } = simulation;
            engine.operations.set(operation.id, {
              ...operation,
              version: operation.version + 1,
              state: 'canceled',
            });
            return show(...account);
          },
        },
      },
    };
    expect(await handleAll('operation.confirm', cancelingDeps)).toBe(1);
    expect(simulation.operation).toMatchObject({ state: 'canceled', confirmedAt: [] });
    expect(simulation.tasks).toEqual({});
  });
});

describe('messages about one operation that are handled at the same time', () => {
  it.each([
    ['one after the other with a queue', new KeyedQueue(), 0],
    ['again after a conflict without a queue', undefined, 3],
  ])('are decided %s', async (_, operationQueue, conflicts) => {
    const { callCounts, deps } = createSimulation();
    const handlerDeps = { ...deps(), ...(operationQueue ? { operationQueue } : {}) };
    await open();
    await simulation.until(() => simulation.engine.dueMessages().length === SERVICE_NAMES.length);
    await handleAll('service.requested', handlerDeps);
    expect(await handleAll('service.finished', handlerDeps)).toBe(SERVICE_NAMES.length);
    expect(callCounts.conflicts).toBe(conflicts);
    expect(Object.values(simulation.tasks)).toEqual(SERVICE_NAMES.map(() => 'pending'));
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(simulation.left()).toEqual({});
  });
});

describe('the services of one operation that begin at the same time', () => {
  it('ask Keystone once about the account, and again for a later run', async () => {
    const { callCounts, deps } = createSimulation();
    for (const resource of simulation.cloud.of(TARGET)) resource.lingers = 1;
    const handlerDeps = { ...deps(), inFlight: new InFlightRequests(() => simulation.engine.time) };
    await open();
    await simulation.until(() => simulation.state === 'running');
    callCounts.shown = 0;
    expect(await handleAll('service.requested', handlerDeps)).toBe(SERVICE_NAMES.length);
    expect(callCounts.shown).toBe(1);
    await simulation.until(() =>
      simulation.engine
        .dueMessages()
        .every(({ message }) => message.type === 'service.requested' && message.data.run > 2),
    );
    expect(await handleAll('service.requested', handlerDeps)).toBe(SERVICE_NAMES.length);
    expect(callCounts.shown).toBe(2);
    await simulation.settle();
    expect(simulation.left()).toEqual({});
  });
});

test('an answer is not shared if its request is older than a second, or if it has arrived', async () => {
  let [now, questions] = [0, 0];
  const inFlight = new InFlightRequests(() => now);
  const waiting: (() => void)[] = [];
  const ask = () => {
    questions += 1;
    return new Promise<number>((resolve) => waiting.push(() => resolve(questions)));
  };
  const shared = [inFlight.share('a', ask), inFlight.share('a', ask), inFlight.share('b', ask)];
  expect(questions).toBe(2);
  now = 1000;
  const late = inFlight.share('a', ask);
  expect(questions).toBe(3);
  for (const answer of waiting) answer();
  await Promise.all([...shared, late]);
  expect(await Promise.all(shared.slice(0, 2))).toEqual([3, 3]);
  const next = inFlight.share('a', ask);
  expect(questions).toBe(4);
  waiting.at(-1)?.();
  await next;
});

test('work of one operation begins when the earlier work has ended or failed', async () => {
  const queue = new KeyedQueue();
  const log: string[] = [];
  const work =
    (name: string, fails = false) =>
    async () => {
      log.push(`${name} begins`);
      await Promise.resolve();
      log.push(`${name} ends`);
      if (fails) throw new Error(name);
    };
  const results = await Promise.allSettled([
    queue.run('a', work('first', true)),
    queue.run('a', work('second')),
    queue.run('b', work('other')),
  ]);
  expect(results.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
  expect(log.filter((line) => !line.startsWith('other'))).toEqual([
    'first begins',
    'first ends',
    'second begins',
    'second ends',
  ]);
  expect(log.indexOf('other begins')).toBeLessThan(log.indexOf('second begins'));
});
