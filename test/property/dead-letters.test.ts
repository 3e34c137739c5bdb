import fc from 'fast-check';
import { decisionMessages, decisionsOf } from '../../lib/engine/dead-letters.ts';
import type { DeadLetter } from '../../lib/engine/port.ts';
import { hasEnded } from '../../lib/operation/ended.ts';
import {
  deliveriesWithDeadLetters,
  run,
  type ScheduledDelivery,
  withoutFailures,
} from './chaos-schedule.ts';
import { runs } from './runs.ts';
import { CONTROL, deleted, Simulation, type SimulationOptions, TARGET } from './simulation.ts';

/**
 * The actions of operators on a dead-letter message. In a store without transactions over queues an
 * action has several steps: record the decision, send the message, notify the coordinator, delete
 * the dead-letter message. A process that dies in between leaves the dead-letter message in its
 * place.
 */
const ACTIONS = [
  'nothing',
  'nothing',
  'nothing',
  'redrive',
  'redrive, killed after the record',
  'redrive, killed after the message was sent',
  'redrive, killed after the message to the coordinator',
  'discard',
  'discard, killed after the record',
  'discard, killed after the message to the coordinator',
] as const;
type Action = (typeof ACTIONS)[number];
const actions = fc.infiniteStream(
  fc.record({ pick: fc.nat(1000), action: fc.constantFrom(...ACTIONS) }),
);
const redrives = fc.infiniteStream(
  fc.record({
    pick: fc.nat(1000),
    action: fc.constantFrom(...ACTIONS.filter((action) => !action.startsWith('discard'))),
  }),
);
type Actions = Iterator<{ readonly pick: number; readonly action: Action }>;

const simulations = fc.record({
  resources: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)),
  lingers: fc.nat(2),
  failures: fc.nat(30),
  failWith: fc.constantFrom('Transient' as const, 'Unexpected' as const),
});

/**
 * A simulation in which operators redrive or discard dead-letter messages, also those that no longer
 * exist.
 */
class OperatedWorld {
  readonly simulation: Simulation;
  /** All dead-letter messages that ever existed, by id. */
  readonly known = new Map<string, DeadLetter>();
  readonly sentBack = new Set<string>();
  readonly discarded = new Set<string>();
  readonly #actions: Actions;

  constructor(simulation: Simulation, actions: Actions) {
    this.simulation = simulation;
    this.#actions = actions;
  }

  /** Runs until no message waits. */
  async live(schedule: Iterator<ScheduledDelivery>): Promise<void> {
    await run(this.simulation, schedule, { before: (step) => this.#operate(step), most: 5000 });
    this.#note();
  }

  #note(): void {
    for (const deadLetter of this.simulation.engine.deadLetterList)
      this.known.set(deadLetter.id, deadLetter);
  }

  #operate(step: number): void {
    this.#note();
    const { deadLetterList } = this.simulation.engine;
    const { pick, action } = this.#actions.next().value as { pick: number; action: Action };
    const deadLetter = deadLetterList[pick % deadLetterList.length];
    // In the end operators make no more mistakes.
    if (!deadLetter || action === 'nothing' || step > 400) return;
    if (action.startsWith('redrive')) this.#redrive(deadLetter, action);
    // A dead-letter message of the coordinator is not discarded while its operation waits for it.
    else if (deadLetter.queue.startsWith('service-')) this.#discard(deadLetter, action);
  }

  #redrive(deadLetter: DeadLetter, action: Action): void {
    const { engine } = this.simulation;
    const decided = { by: 'ann' };
    if (action === 'redrive') {
      this.sentBack.add(deadLetter.id);
      void engine.redrive({ id: deadLetter.id }, decided);
      return;
    }
    engine.decisions.unshift(...decisionsOf('redriven', [deadLetter], decided, engine.time));
    if (action === 'redrive, killed after the record' || !deadLetter.message) return;
    void engine.commit({ messages: [deadLetter.message] });
    if (action === 'redrive, killed after the message to the coordinator')
      void engine.commit({ messages: decisionMessages('redriven', [deadLetter], decided) });
  }

  #discard(deadLetter: DeadLetter, action: Action): void {
    const { engine } = this.simulation;
    const decided = { by: 'bob', reason: 'torn down' };
    if (action === 'discard') {
      this.discarded.add(deadLetter.id);
      void engine.discard({ id: deadLetter.id }, decided);
      return;
    }
    engine.decisions.unshift(...decisionsOf('discarded', [deadLetter], decided, engine.time));
    if (action === 'discard, killed after the message to the coordinator')
      void engine.commit({ messages: decisionMessages('discarded', [deadLetter], decided) });
  }

  get operation() {
    return [...this.simulation.engine.operations.values()][0];
  }
  get tasks() {
    return [...this.simulation.engine.tasks.values()];
  }

  expectNothingLost(): void {
    const { engine } = this.simulation;
    const here = new Set(engine.deadLetterList.map(({ id }) => id));
    for (const [id, { operationId, queue }] of this.known) {
      if (here.has(id)) continue;
      const what = this.discarded.has(id) ? 'discarded' : 'redriven';
      expect(what === 'discarded' || this.sentBack.has(id)).toBe(true);
      expect(engine.decisions).toContainEqual(
        expect.objectContaining({ what, queue, operationId }),
      );
    }
    // An operation stops only if a dead-letter message shows it. The message must belong to the run
    // that the operation's task waits for.
    const { operation } = this;
    const isOpen = operation !== undefined && !hasEnded(operation);
    const runs = new Map(this.tasks.map(({ id, run }) => [id, run]));
    const showsWait = ({ queue, task }: DeadLetter) =>
      queue === 'coordinate' || (task !== undefined && runs.get(task.taskId) === task.run);
    if (isOpen || operation === undefined)
      expect(engine.deadLetterList.filter(showsWait)).not.toEqual([]);
  }

  expectNoFalseEnd(): void {
    const isUnreachable = this.tasks.some(({ state }) => state === 'unreachable');
    if (this.operation?.state === 'finished')
      expect([isUnreachable, this.simulation.resources(TARGET)]).toEqual([false, 0]);
    expect(
      this.tasks
        .filter(({ because }) => because?.startsWith('discarded'))
        .every(({ state }) => state === 'unreachable'),
    ).toBe(true);
    expect(this.simulation.resources(CONTROL)).toBe(6);
  }
}

async function operatedWorld(options: SimulationOptions, actions: Actions): Promise<OperatedWorld> {
  const simulation = new Simulation(options);
  await simulation.engine.commit({ messages: [deleted(TARGET)] });
  return new OperatedWorld(simulation, actions);
}

/** Redrives all remaining dead-letter messages, as often as necessary. */
async function redriveAll(operated: OperatedWorld): Promise<void> {
  const { engine } = operated.simulation;
  for (let n = 0; n < 12 && engine.deadLetterList.length > 0; n += 1) {
    for (const { id } of engine.deadLetterList) operated.sentBack.add(id);
    await engine.redrive({}, { by: 'operator' });
    await operated.live(withoutFailures);
  }
  expect(engine.deadLetterList).toEqual([]);
}

describe('an operation whose dead letters are redriven and discarded, with interrupted decisions', () => {
  let [discards, ends] = [0, 0];
  it('loses no message, never ends finished without proof, and ends after all dead letters are decided', async () => {
    await fc.assert(
      fc.asyncProperty(
        simulations,
        deliveriesWithDeadLetters,
        actions,
        async (options, schedule, doing) => {
          const operated = await operatedWorld(options, doing);
          await operated.live(schedule);
          operated.expectNothingLost();
          operated.expectNoFalseEnd();
          await redriveAll(operated);
          operated.expectNothingLost();
          operated.expectNoFalseEnd();
          const isUnreachable = operated.tasks.some(({ state }) => state === 'unreachable');
          expect(operated.operation?.state).toBe(isUnreachable ? 'unverified' : 'finished');
          discards += isUnreachable ? 1 : 0;
          ends += 1;
        },
      ),
      { numRuns: runs(400) },
    );
    // Both must occur, or the property is not meaningful.
    expect(discards / ends).toBeGreaterThan(0.05);
    expect(discards / ends).toBeLessThan(0.95);
  });

  it('finishes in order if no dead letter is discarded', async () => {
    await fc.assert(
      fc.asyncProperty(
        simulations,
        deliveriesWithDeadLetters,
        redrives,
        async (options, schedule, doing) => {
          const operated = await operatedWorld(options, doing);
          await operated.live(schedule);
          operated.expectNothingLost();
          await redriveAll(operated);
          expect([
            operated.operation?.state,
            operated.simulation.resources(TARGET),
            operated.simulation.resources(CONTROL),
          ]).toEqual(['finished', 0, 6]);
          expect(operated.simulation.wrongOrder).toEqual([]);
        },
      ),
      { numRuns: runs(200) },
    );
  });
});
