import { FailingPorts, type Fault } from './failing-ports.ts';
import { CONTROL, deleted, SmallWorld, TARGET } from './small-world.ts';

/**
 * `node every-call-fails.ts` repeats one operation from its notification to its end; each time
 * another call of a port fails. It runs in a separate process, which an unhandled rejection ends
 * with exit code 1. Prints the result of each run as JSON.
 */
export interface Run {
  readonly call: string;
  readonly fault: Fault;
  /** The operation had ended before the fault was removed. */
  readonly endedDuring: boolean;
  /** Number of resources that the target project still had then. */
  readonly leftDuring: number;
  /** Why the operation waits during the fault; `undefined` if no reason is shown. */
  readonly reason: string | undefined;
  readonly state: string;
  readonly left: number;
  readonly control: number;
}

const OPTIONS = { resources: [2, 2, 2], lingers: 1, failures: 0, failWith: 'Transient' } as const;
const STEPS = 60;

async function run(fault: Fault | undefined): Promise<{ ports: FailingPorts; run: Run }> {
  const world = new SmallWorld(OPTIONS);
  const ports = new FailingPorts();
  const plain = world.deps;
  const deps = {
    ...plain,
    engine: ports.wrap(plain.engine, 'engine'),
    cloud: ports.wrap(plain.cloud, 'cloud'),
    // Progress is reported during the run: the one promise that is not awaited.
    progressMillis: 0,
  };
  await world.engine.commit({ messages: [deleted(TARGET)] });
  ports.fault = fault;
  await deliver(world, deps, STEPS);
  const endedDuring = operationOf(world)?.endedAt !== undefined;
  const leftDuring = world.resources(TARGET);
  const reason = reasonOf(world);
  ports.fault = undefined;
  for (let n = 0; n < 5 && operationOf(world)?.endedAt === undefined; n += 1) {
    // A person redrives the messages that were dead-lettered in the meantime.
    await world.engine.redrive({}, { by: 'operator' });
    await deliver(world, deps, STEPS);
  }
  return {
    ports,
    run: {
      call: ports.calls[fault?.from ?? 0] ?? '',
      fault: fault ?? { from: -1 },
      endedDuring,
      leftDuring,
      reason,
      state: operationOf(world)?.state ?? 'none',
      left: world.resources(TARGET),
      control: world.resources(CONTROL),
    },
  };
}

const operationOf = (world: SmallWorld) => [...world.engine.operations.values()].at(0);

/** A handler that throws gets its message again, as with every engine. */
async function deliver(world: SmallWorld, deps: SmallWorld['deps'], steps: number): Promise<void> {
  for (let n = 0; n < steps && world.engine.waiting.length > 0; n += 1)
    for (const waiting of world.engine.due()) {
      const failure = await world.handle(waiting.message, deps).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (failure === undefined) world.engine.take(waiting);
    }
  // A promise that no code awaits is rejected within the next turns of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
}

function reasonOf(world: SmallWorld): string | undefined {
  const tasks = [...world.engine.tasks.values()];
  return (
    operationOf(world)?.hold?.reason ??
    tasks.find(({ error }) => error !== undefined)?.error?.message ??
    // The message stays on its queue, and the engine counts its deliveries.
    (world.engine.waiting.length > 0 ? 'its message is delivered again' : undefined)
  );
}

const { ports } = await run(undefined);
const single = ports.calls.map((_, from): Fault => ({ from }));
const lasting = [...new Set(ports.calls)].map(
  (name): Fault => ({ from: ports.calls.indexOf(name), name }),
);
const runs: Run[] = [];
for (const fault of [...single, ...lasting]) runs.push((await run(fault)).run);
process.stdout.write(JSON.stringify({ calls: ports.calls.length, names: lasting.length, runs }));
