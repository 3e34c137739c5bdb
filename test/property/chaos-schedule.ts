import fc from 'fast-check';
import { type Message, queueOf } from '../../events/index.ts';
import type { SteppedEngine } from '../../lib/engine/memory/stepped.ts';
import type { Change, Engine } from '../../lib/engine/port.ts';

/**
 * One delivery of the schedule: which due message is delivered, and whether the process ends around the
 * commit or the message is delivered twice.
 */
export interface ScheduledDelivery {
  readonly pick: number;
  readonly outcome:
    | 'fine'
    | 'twice'
    | 'dies before the commit'
    | 'dies after the commit'
    | 'dies during a Keystone action'
    | 'is given up';
}

/** The probability of an outcome is proportional to the number of times that it is listed. */
const anyOf = (...among: readonly ScheduledDelivery['outcome'][]) =>
  fc.infiniteStream<ScheduledDelivery>(
    fc.record({ pick: fc.nat(1000), outcome: fc.constantFrom(...among) }),
  );
const DEATHS = ['dies before the commit', 'dies after the commit'] as const;

export const deliveries = anyOf('fine', 'fine', 'fine', 'twice', ...DEATHS);
/** Deliveries for operations that also write to Keystone. */
export const deliveriesWithActionFailures = anyOf(
  'fine',
  'fine',
  'fine',
  'twice',
  ...DEATHS,
  'dies during a Keystone action',
);
/** Deliveries by queues that dead-letter a message after repeated deaths of its function. */
export const deliveriesWithDeadLetters = anyOf(
  'fine',
  'fine',
  'fine',
  'fine',
  'fine',
  'fine',
  'twice',
  ...DEATHS,
  'is given up',
);
export const withoutFailures: Iterator<ScheduledDelivery> = {
  next: () => ({ value: { pick: 0, outcome: 'fine' }, done: false }),
};

export class ProcessDied extends Error {}

/** Returns the same engine in a process that dies at its first commit, before or after it. */
function dying(engine: Engine, when: 'before' | 'after'): Engine {
  return {
    reads: engine.reads,
    commit: async (change: Change) => {
      if (when === 'after') await engine.commit(change);
      throw new ProcessDied();
    },
    deadLetters: engine.deadLetters.bind(engine),
    redrive: engine.redrive.bind(engine),
    discard: engine.discard.bind(engine),
    health: engine.health.bind(engine),
    close: engine.close.bind(engine),
  };
}

interface SimulationUnderTest<Ports extends { engine: Engine }> {
  readonly engine: SteppedEngine;
  readonly deps: Ports;
  handle(message: Message, deps?: Ports): Promise<void>;
}

export interface RunOptions {
  /** If there are more steps than this, the simulation does not come to rest. */
  readonly most?: number;
  /** Called before each delivery. */
  readonly before?: (step: number) => void;
  /** Ends the process in the middle of the next Keystone action. */
  readonly cut?: (isOff: boolean) => void;
}

/** Delivers messages in the given order and with the given failures until no message waits. */
export async function run<Ports extends { engine: Engine }>(
  simulation: SimulationUnderTest<Ports>,
  schedule: Iterator<ScheduledDelivery>,
  { most = 3000, before, cut }: RunOptions = {},
): Promise<void> {
  for (let step = 0; step < most; step += 1) {
    const due = simulation.engine.dueMessages();
    if (due.length === 0) return;
    before?.(step);
    const { pick, outcome: what } = schedule.next().value as ScheduledDelivery;
    const waiting = due[pick % due.length];
    if (!waiting) return;
    const deps = simulation.deps;
    if (what === 'is given up') {
      simulation.engine.moveToDeadLetters(queueOf(waiting.message), waiting.message, {
        receiveCount: 9,
      });
      simulation.engine.removeDelivered(waiting);
      continue;
    }
    if (what.startsWith('dies')) {
      const engine = dying(
        simulation.engine,
        what === 'dies after the commit' ? 'after' : 'before',
      );
      cut?.(what === 'dies during a Keystone action');
      await simulation.handle(waiting.message, { ...deps, engine }).catch((error: unknown) => {
        if (!(error instanceof ProcessDied)) throw error;
      });
      cut?.(false);
      continue; // The message stays in the queue.
    }
    await simulation.handle(waiting.message, deps);
    if (what !== 'twice') simulation.engine.removeDelivered(waiting);
  }
  throw new Error(
    `did not come to rest: ${simulation.engine.waiting.map(({ message }) => message.type).join(', ')}`,
  );
}
