import fc from 'fast-check';
import { deleted, failure, LivingWorld, TARGET } from '../../property/stateful-world.ts';

const HOUR = 3_600_000;
/** The longest delay between two runs of a task that fails with a transient error. */
const LONGEST_DELAY = 10 * 60_000;

/**
 * A service answers 503. After `handled` messages, the process is down for some hours, or the clock
 * is set forward. The service answers again `after` messages later.
 */
const outage = fc.record({
  handled: fc.integer({ min: 1, max: 12 }),
  hours: fc.constantFrom(1, 6, 48, 24 * 365),
  after: fc.integer({ min: 0, max: 3 }),
});

/** Delivers this many messages, and advances the clock by their delays. */
async function deliver(world: LivingWorld, count: number): Promise<void> {
  let handled = 0;
  await world.until(() => handled++ >= count);
}

describe('a clock that was set forward while the process was down', () => {
  it('does not count as a stall: no task is dead-lettered, and the cleanup ends soon after', () =>
    fc.assert(
      fc.asyncProperty(outage, async ({ handled, hours, after }) => {
        const world = new LivingWorld([
          { name: 'shelf', resourceTypes: { book: 'A' } },
          { name: 'cellar', resourceTypes: { wine: 'A' } },
        ]);
        world.cloud.broken.set('shelf', failure('Transient'));
        world.cloud.delete(TARGET);
        await world.engine.commit({ messages: [deleted('project', TARGET)] });
        await deliver(world, handled);
        world.engine.time += hours * HOUR;
        await deliver(world, after);
        const back = world.engine.time;
        expect(world.operation.state).not.toBe('held');
        world.cloud.broken.delete('shelf');
        expect(await world.until(() => world.state === 'finished')).toBe(true);
        expect(world.engine.time - back).toBeLessThan(LONGEST_DELAY);
        expect(world.engine.deadLetterList).toEqual([]);
        expect(world.left()).toEqual({});
        world.expectOthersUntouched();
      }),
    ));
});
