import fc from 'fast-check';
import { type Message, queueOf } from '../../events/index.ts';
import type { Change, Engine } from '../../lib/engine/port.ts';
import type { MemoryEngine } from '../memory.ts';

/**
 * What happens to a delivery: which of the due messages, and whether the process dies around the
 * commit or the message comes twice.
 */
export interface Fate {
  readonly pick: number;
  readonly fate:
    | 'fine'
    | 'twice'
    | 'dies before the commit'
    | 'dies after the commit'
    | 'dies in the middle of an act'
    | 'is given up';
}

/** Each as likely as it is often named. */
const anyOf = (...among: readonly Fate['fate'][]) =>
  fc.infiniteStream<Fate>(fc.record({ pick: fc.nat(1000), fate: fc.constantFrom(...among) }));
const DEATHS = ['dies before the commit', 'dies after the commit'] as const;

export const fates = anyOf('fine', 'fine', 'fine', 'twice', ...DEATHS);
/** The same, where Keystone is written to as well. */
export const fatesOfActs = anyOf(
  'fine',
  'fine',
  'fine',
  'twice',
  ...DEATHS,
  'dies in the middle of an act',
);
/**
 * The same, where queues give up what their function died on again and again: it becomes a dead
 * letter.
 */
export const fatesOfLetters = anyOf(
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
export const calm: Iterator<Fate> = {
  next: () => ({ value: { pick: 0, fate: 'fine' }, done: false }),
};

export class Died extends Error {}

/** The same engine, in a process that dies at its first commit, before or after it. */
function dying(engine: Engine, when: 'before' | 'after'): Engine {
  return {
    reads: engine.reads,
    commit: async (change: Change) => {
      if (when === 'after') await engine.commit(change);
      throw new Died();
    },
    work: engine.work.bind(engine),
    deadLetters: engine.deadLetters.bind(engine),
    redrive: engine.redrive.bind(engine),
    discard: engine.discard.bind(engine),
    health: engine.health.bind(engine),
    close: engine.close.bind(engine),
  };
}

interface World<Ports extends { engine: Engine }> {
  readonly engine: MemoryEngine;
  readonly deps: Ports;
  handle(message: Message, deps?: Ports): Promise<void>;
}

export interface RunOptions {
  /** More steps than this: it does not come to rest. */
  readonly most?: number;
  /** Told before each delivery. */
  readonly before?: (step: number) => void;
  /** Cuts the power in the middle of whatever is done in Keystone next. */
  readonly cut?: (isOff: boolean) => void;
}

/** Delivers, in the order and with the accidents that fate wants, until nothing waits any more. */
export async function run<Ports extends { engine: Engine }>(
  world: World<Ports>,
  fate: Iterator<Fate>,
  { most = 3000, before, cut }: RunOptions = {},
): Promise<void> {
  for (let step = 0; step < most; step += 1) {
    const due = world.engine.due();
    if (due.length === 0) return;
    before?.(step);
    const { pick, fate: what } = fate.next().value as Fate;
    const waiting = due[pick % due.length];
    if (!waiting) return;
    const deps = world.deps;
    if (what === 'is given up') {
      world.engine.moveToDeadLetters(queueOf(waiting.message), waiting.message, {
        receiveCount: 9,
      });
      world.engine.take(waiting);
      continue;
    }
    if (what.startsWith('dies')) {
      const engine = dying(world.engine, what === 'dies after the commit' ? 'after' : 'before');
      cut?.(what === 'dies in the middle of an act');
      await world.handle(waiting.message, { ...deps, engine }).catch((error: unknown) => {
        if (!(error instanceof Died)) throw error;
      });
      cut?.(false);
      continue; // it is delivered again
    }
    await world.handle(waiting.message, deps);
    if (what !== 'twice') world.engine.take(waiting);
  }
  throw new Error(
    `did not come to rest: ${world.engine.waiting.map(({ message }) => message.type).join(', ')}`,
  );
}
