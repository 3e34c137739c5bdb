import { FailingPorts, type Fault } from './failing-ports.ts';
import { CONTROL, deleted, Simulation, TARGET } from './simulation.ts';

/**
 * `node every-call-fails.ts` repeats one operation from its notification to its end. In each
 * repetition another call of a port fails. It runs in a separate process, because an unhandled
 * rejection must end it with exit code 1. Prints the result of each run as JSON.
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
  const simulation = new Simulation(OPTIONS);
  const ports = new FailingPorts();
  const plain = simulation.deps;
  const deps = {
    ...plain,
    engine: ports.wrap(plain.engine, 'engine'),
    cloud: ports.wrap(plain.cloud, 'cloud'),
    // Progress is reported during the run. This is the only promise that is not awaited.
    progressMillis: 0,
  };
  await simulation.engine.commit({ messages: [deleted(TARGET)] });
  ports.fault = fault;
  await deliver(simulation, deps, STEPS);
  const endedDuring = operationOf(simulation)?.endedAt !== undefined;
  const leftDuring = simulation.resources(TARGET);
  const reason = reasonOf(simulation);
  ports.fault = undefined;
  for (let n = 0; n < 5 && operationOf(simulation)?.endedAt === undefined; n += 1) {
    // A person redrives the messages that were dead-lettered in the meantime.
    await simulation.engine.redrive({}, { by: 'operator' });
    await deliver(simulation, deps, STEPS);
  }
  return {
    ports,
    run: {
      call: ports.calls[fault?.from ?? 0] ?? '',
      fault: fault ?? { from: -1 },
      endedDuring,
      leftDuring,
      reason,
      state: operationOf(simulation)?.state ?? 'none',
      left: simulation.resources(TARGET),
      control: simulation.resources(CONTROL),
    },
  };
}

const operationOf = (simulation: Simulation) => [...simulation.engine.operations.values()].at(0);

/** A handler that throws gets its message again, as with every engine. */
async function deliver(
  simulation: Simulation,
  deps: Simulation['deps'],
  steps: number,
): Promise<void> {
  for (let n = 0; n < steps && simulation.engine.waiting.length > 0; n += 1)
    for (const waiting of simulation.engine.dueMessages()) {
      const failure = await simulation.handle(waiting.message, deps).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      if (failure === undefined) simulation.engine.removeDelivered(waiting);
    }
  // The rejection of a promise that no code awaits appears within the next turns of the event loop.
  await new Promise((resolve) => setImmediate(resolve));
}

function reasonOf(simulation: Simulation): string | undefined {
  const tasks = [...simulation.engine.tasks.values()];
  return (
    operationOf(simulation)?.hold?.reason ??
    tasks.find(({ error }) => error !== undefined)?.error?.message ??
    // The message stays on its queue, and the engine counts its deliveries.
    (simulation.engine.waiting.length > 0 ? 'its message is delivered again' : undefined)
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
