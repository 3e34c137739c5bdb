import fc from 'fast-check';
import { decisionsOf, wordOf } from '../../lib/engine/dead-letters.ts';
import type { DeadLetter } from '../../lib/engine/port.ts';
import { hasEnded } from '../../lib/operation/open.ts';
import { calm, type Fate, fatesOfLetters, run } from './chaos-schedule.ts';
import { runs } from './runs.ts';
import { CONTROL, deleted, SmallWorld, TARGET, type WorldOptions } from './small-world.ts';

/**
 * What operators do with a dead-letter message. In a store without transactions over queues an
 * action has several steps: record the decision, send the message, notify the coordinator, delete
 * the dead-letter message. A process that dies in between leaves the dead-letter message in its
 * place.
 */
const DEEDS = [
  'nothing',
  'nothing',
  'nothing',
  'redrive',
  'redrive, killed after the record',
  'redrive, killed after the message was sent',
  'redrive, killed after the coordinator was told',
  'discard',
  'discard, killed after the record',
  'discard, killed after the coordinator was told',
] as const;
type Deed = (typeof DEEDS)[number];
const deeds = fc.infiniteStream(fc.record({ pick: fc.nat(1000), deed: fc.constantFrom(...DEEDS) }));
const redrives = fc.infiniteStream(
  fc.record({
    pick: fc.nat(1000),
    deed: fc.constantFrom(...DEEDS.filter((deed) => !deed.startsWith('discard'))),
  }),
);
type Deeds = Iterator<{ readonly pick: number; readonly deed: Deed }>;

const worlds = fc.record({
  resources: fc.tuple(fc.nat(3), fc.nat(3), fc.nat(3)),
  lingers: fc.nat(2),
  failures: fc.nat(30),
  failWith: fc.constantFrom('Transient' as const, 'Unexpected' as const),
});

/**
 * A world in which operators redrive or discard dead-letter messages, also those that no longer
 * exist.
 */
class Troubled {
  readonly world: SmallWorld;
  /** All dead-letter messages that ever existed, by id. */
  readonly laid = new Map<string, DeadLetter>();
  readonly sentBack = new Set<string>();
  readonly thrownAway = new Set<string>();
  readonly #deeds: Deeds;

  constructor(world: SmallWorld, deeds: Deeds) {
    this.world = world;
    this.#deeds = deeds;
  }

  /** Runs until no message waits any more. */
  async live(fate: Iterator<Fate>): Promise<void> {
    await run(this.world, fate, { before: (step) => this.#meddle(step), most: 5000 });
    this.#note();
  }

  #note(): void {
    for (const letter of this.world.engine.deadLetterList) this.laid.set(letter.id, letter);
  }

  #meddle(step: number): void {
    this.#note();
    const { deadLetterList } = this.world.engine;
    const { pick, deed } = this.#deeds.next().value as { pick: number; deed: Deed };
    const letter = deadLetterList[pick % deadLetterList.length];
    // In the end operators make no more mistakes.
    if (!letter || deed === 'nothing' || step > 400) return;
    if (deed.startsWith('redrive')) this.#redrive(letter, deed);
    // A dead-letter message of the coordinator is not discarded while its operation waits for it.
    else if (letter.queue.startsWith('service-')) this.#discard(letter, deed);
  }

  #redrive(letter: DeadLetter, deed: Deed): void {
    const { engine } = this.world;
    const decided = { by: 'ann' };
    if (deed === 'redrive') {
      this.sentBack.add(letter.id);
      void engine.redrive({ id: letter.id }, decided);
      return;
    }
    engine.decided.unshift(...decisionsOf('redriven', [letter], decided, engine.time));
    if (deed === 'redrive, killed after the record' || !letter.message) return;
    void engine.commit({ messages: [letter.message] });
    if (deed === 'redrive, killed after the coordinator was told')
      void engine.commit({ messages: wordOf('redriven', [letter], decided) });
  }

  #discard(letter: DeadLetter, deed: Deed): void {
    const { engine } = this.world;
    const decided = { by: 'bob', reason: 'torn down' };
    if (deed === 'discard') {
      this.thrownAway.add(letter.id);
      void engine.discard({ id: letter.id }, decided);
      return;
    }
    engine.decided.unshift(...decisionsOf('discarded', [letter], decided, engine.time));
    if (deed === 'discard, killed after the coordinator was told')
      void engine.commit({ messages: wordOf('discarded', [letter], decided) });
  }

  get operation() {
    return [...this.world.engine.operations.values()][0];
  }
  get tasks() {
    return [...this.world.engine.tasks.values()];
  }

  expectNothingLost(): void {
    const { engine } = this.world;
    const here = new Set(engine.deadLetterList.map(({ id }) => id));
    for (const [id, { operationId, queue }] of this.laid) {
      if (here.has(id)) continue;
      const what = this.thrownAway.has(id) ? 'discarded' : 'redriven';
      expect(what === 'discarded' || this.sentBack.has(id)).toBe(true);
      expect(engine.decided).toContainEqual(expect.objectContaining({ what, queue, operationId }));
    }
    // An operation stops only if a dead-letter message shows it. The message must belong to the run
    // that the operation's task waits for.
    const { operation } = this;
    const isOpen = operation !== undefined && !hasEnded(operation);
    const runs = new Map(this.tasks.map(({ id, run }) => [id, run]));
    const says = ({ queue, task }: DeadLetter) =>
      queue === 'coordinate' || (task !== undefined && runs.get(task.taskId) === task.run);
    if (isOpen || operation === undefined)
      expect(engine.deadLetterList.filter(says)).not.toEqual([]);
  }

  expectNoFalseEnd(): void {
    const unproven = this.tasks.some(({ state }) => state === 'unreachable');
    if (this.operation?.state === 'finished')
      expect([unproven, this.world.resources(TARGET)]).toEqual([false, 0]);
    expect(
      this.tasks
        .filter(({ because }) => because?.startsWith('discarded'))
        .every(({ state }) => state === 'unreachable'),
    ).toBe(true);
    expect(this.world.resources(CONTROL)).toBe(6);
  }
}

async function troubled(options: WorldOptions, deeds: Deeds): Promise<Troubled> {
  const world = new SmallWorld(options);
  await world.engine.commit({ messages: [deleted(TARGET)] });
  return new Troubled(world, deeds);
}

/** Redrives all remaining dead-letter messages, as often as necessary. */
async function mended(story: Troubled): Promise<void> {
  const { engine } = story.world;
  for (let n = 0; n < 12 && engine.deadLetterList.length > 0; n += 1) {
    for (const { id } of engine.deadLetterList) story.sentBack.add(id);
    await engine.redrive({}, { by: 'operator' });
    await story.live(calm);
  }
  expect(engine.deadLetterList).toEqual([]);
}

describe('an operation whose messages are given up, sent back, sent back twice and thrown away, by people who are killed in the middle', () => {
  let [discards, ends] = [0, 0];
  it('loses nothing, claims nothing that was not proven, and ends once all was sent back or thrown away', async () => {
    await fc.assert(
      fc.asyncProperty(worlds, fatesOfLetters, deeds, async (options, fate, doing) => {
        const story = await troubled(options, doing);
        await story.live(fate);
        story.expectNothingLost();
        story.expectNoFalseEnd();
        await mended(story);
        story.expectNothingLost();
        story.expectNoFalseEnd();
        const unproven = story.tasks.some(({ state }) => state === 'unreachable');
        expect(story.operation?.state).toBe(unproven ? 'unverified' : 'finished');
        discards += unproven ? 1 : 0;
        ends += 1;
      }),
      { numRuns: runs(400) },
    );
    // Both must occur, or the property is not meaningful.
    expect(discards / ends).toBeGreaterThan(0.05);
    expect(discards / ends).toBeLessThan(0.95);
  });

  it('is finished in order where nothing was thrown away, however often what was sent back', async () => {
    await fc.assert(
      fc.asyncProperty(worlds, fatesOfLetters, redrives, async (options, fate, doing) => {
        const story = await troubled(options, doing);
        await story.live(fate);
        story.expectNothingLost();
        await mended(story);
        expect([
          story.operation?.state,
          story.world.resources(TARGET),
          story.world.resources(CONTROL),
        ]).toEqual(['finished', 0, 6]);
        expect(story.world.wrongOrder).toEqual([]);
      }),
      { numRuns: runs(200) },
    );
  });
});
