import fc from 'fast-check';
import {
  deleted,
  failure,
  StatefulSimulation,
  TARGET,
} from '../../property/stateful-simulation.ts';

const HOUR = 3_600_000;
/** The longest delay between two runs of a task that fails with a transient error. */
const MAX_DELAY = 10 * 60_000;

/**
 * A service that answers 503. After `handled` messages, the process is down for some hours, or the
 * clock is set forward. `after` messages later the service works again.
 */
const outage = fc.record({
  handled: fc.integer({ min: 1, max: 12 }),
  hours: fc.constantFrom(1, 6, 48, 24 * 365),
  after: fc.integer({ min: 0, max: 3 }),
});

/** Delivers this many messages, and advances the clock by their delays. */
async function deliver(simulation: StatefulSimulation, count: number): Promise<void> {
  let handled = 0;
  await simulation.until(() => handled++ >= count);
}

describe('a clock that was set forward while the process was down', () => {
  it('does not count as a stall: no task is dead-lettered, and the cleanup ends soon after', () =>
    fc.assert(
      fc.asyncProperty(outage, async ({ handled, hours, after }) => {
        const simulation = new StatefulSimulation([
          { name: 'storage', resourceTypes: { snapshot: 'A' } },
          { name: 'cellar', resourceTypes: { wine: 'A' } },
        ]);
        simulation.cloud.broken.set('storage', failure('Transient'));
        simulation.cloud.delete(TARGET);
        await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
        await deliver(simulation, handled);
        simulation.engine.time += hours * HOUR;
        await deliver(simulation, after);
        const back = simulation.engine.time;
        expect(simulation.operation.state).not.toBe('held');
        simulation.cloud.broken.delete('storage');
        expect(await simulation.until(() => simulation.state === 'finished')).toBe(true);
        expect(simulation.engine.time - back).toBeLessThan(MAX_DELAY);
        expect(simulation.engine.deadLetterList).toEqual([]);
        expect(simulation.left()).toEqual({});
        simulation.expectOthersUntouched();
      }),
    ));
});
