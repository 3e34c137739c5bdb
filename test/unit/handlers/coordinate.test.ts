import type { Message } from '../../../events/index.ts';
import type { Change } from '../../../lib/engine/port.ts';
import { InFlightRequests } from '../../../lib/shared/in-flight.ts';
import { KeyedQueue } from '../../../lib/shared/keyed-queue.ts';
import { handleMessage, type SimulationDeps } from '../../property/simulation-parts.ts';
import { deleted, StatefulSimulation, TARGET } from '../../property/stateful-simulation.ts';

const NAMES = ['compute', 'network', 'volume'];
let simulation: StatefulSimulation;
afterEach(() => simulation.expectOthersUntouched());

/** Counts the calls to Keystone and the results of the commits. */
interface Counted {
  shown: number;
  registries: number;
  conflicts: number;
}

/** `beforeCommit`: called with each change before it is committed. */
function begin(beforeCommit: (change: Change) => Promise<void> = async () => {}) {
  simulation = new StatefulSimulation(
    NAMES.map((name) => ({ name, resourceTypes: { resource: 'A' } })),
  );
  simulation.cloud.delete(TARGET);
  const counted: Counted = { shown: 0, registries: 0, conflicts: 0 };
  const { keystone, registry } = simulation.cloud.port;
  const { engine } = simulation;
  const commit = engine.commit.bind(engine);
  engine.commit = async (change) => {
    await beforeCommit(change);
    const result = await commit(change);
    if (result === 'conflict') counted.conflicts += 1;
    return result;
  };
  const deps = (): SimulationDeps => ({
    ...simulation.deps,
    cloud: {
      ...simulation.cloud.port,
      keystone: {
        ...keystone,
        show: (...account) => {
          counted.shown += 1;
          return keystone.show(...account);
        },
      },
      registry: () => {
        counted.registries += 1;
        return registry();
      },
    },
  });
  return { counted, deps };
}

const open = () => simulation.engine.commit({ messages: [deleted('project', TARGET)] });

/** Handles the waiting messages of one type, all at the same time. Returns how many there were. */
async function handleAll(type: Message['type'], deps: SimulationDeps): Promise<number> {
  const some = simulation.engine.dueMessages().filter(({ message }) => message.type === type);
  await Promise.all(some.map(({ message }) => handleMessage(message, deps)));
  for (const waiting of some) simulation.engine.removeDelivered(waiting);
  return some.length;
}

describe('the confirmation of a deletion', () => {
  it("reads Keystone's lists of services and endpoints once for an operation", async () => {
    const { counted, deps } = begin();
    await open();
    await simulation.until(() => simulation.state === 'confirming');
    const inOrder = deps();
    for (let n = 0; n < 200 && simulation.state !== 'finished'; n += 1)
      for (const waiting of simulation.engine.dueMessages()) {
        await handleMessage(waiting.message, inOrder);
        simulation.engine.removeDelivered(waiting);
      }
    expect(simulation.state).toBe('finished');
    expect(simulation.left()).toEqual({});
    expect(counted.registries).toBe(1);
  });

  it('applies the same answer after a conflict, with the time of the answer', async () => {
    const { engine } = { engine: () => simulation.engine };
    let meddle = false;
    const { counted, deps } = begin(async ({ operations = [] }) => {
      if (!meddle) return;
      meddle = false;
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
    meddle = true;
    expect(await handleAll('operation.confirm', deps())).toBe(1);
    // The project itself, and its id in capitals.
    expect(counted).toMatchObject({ conflicts: 1, shown: 2, registries: 1 });
    expect(simulation.operation.confirmedAt).toEqual([askedAt]);
    expect(simulation.operation.order).toHaveLength(NAMES.length);
  });

  it('does not apply an answer to an operation that was canceled before the answer', async () => {
    const { deps } = begin();
    await open();
    await simulation.until(() => simulation.state === 'confirming');
    const inTime = deps();
    const { show } = inTime.cloud.keystone;
    const canceled: SimulationDeps = {
      ...inTime,
      cloud: {
        ...inTime.cloud,
        keystone: {
          ...inTime.cloud.keystone,
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
    expect(await handleAll('operation.confirm', canceled)).toBe(1);
    expect(simulation.operation).toMatchObject({ state: 'canceled', confirmedAt: [] });
    expect(simulation.tasks).toEqual({});
  });
});

describe('messages about one operation that are handled at the same time', () => {
  it.each([
    ['one after the other with a queue', new KeyedQueue(), 0],
    ['again after a conflict without a queue', undefined, 3],
  ])('are decided %s', async (_, operationQueue, conflicts) => {
    const { counted, deps } = begin();
    const handling = { ...deps(), ...(operationQueue ? { operationQueue } : {}) };
    await open();
    await simulation.until(() => simulation.engine.dueMessages().length === NAMES.length);
    await handleAll('service.requested', handling);
    expect(await handleAll('service.finished', handling)).toBe(NAMES.length);
    expect(counted.conflicts).toBe(conflicts);
    expect(Object.values(simulation.tasks)).toEqual(NAMES.map(() => 'pending'));
    await simulation.settle();
    expect(simulation.state).toBe('finished');
    expect(simulation.left()).toEqual({});
  });
});

describe('the services of one operation that begin at the same time', () => {
  it('ask Keystone once about the account, and again for a later run', async () => {
    const { counted, deps } = begin();
    for (const resource of simulation.cloud.of(TARGET)) resource.lingers = 1;
    const handling = { ...deps(), inFlight: new InFlightRequests(() => simulation.engine.time) };
    await open();
    await simulation.until(() => simulation.state === 'running');
    counted.shown = 0;
    expect(await handleAll('service.requested', handling)).toBe(NAMES.length);
    expect(counted.shown).toBe(1);
    await simulation.until(() =>
      simulation.engine
        .dueMessages()
        .every(({ message }) => message.type === 'service.requested' && message.data.run > 2),
    );
    expect(await handleAll('service.requested', handling)).toBe(NAMES.length);
    expect(counted.shown).toBe(2);
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

test('work of one operation begins after the earlier work has ended, also if that failed', async () => {
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
