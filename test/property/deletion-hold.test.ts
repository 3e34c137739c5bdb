import fc from 'fast-check';
import type { SteppedEngine } from '../../lib/engine/memory/stepped.ts';
import { documentKey } from '../../lib/engine/memory/store.ts';
import { deliveriesWithActionFailures, run, type ScheduledDelivery } from './chaos-schedule.ts';
import { runs } from './runs.ts';
import { deleted, EVERY_CLASS, StatefulSimulation, TARGET } from './stateful-simulation.ts';

const TYPES = ['compute.server', 'network.port', 'vault.secret', 'vault.label', 'booking.host'];
const histories = fc.record({
  /** Holds of a resource or (`undefined`) of the project, from one delivery to another. */
  holds: fc.array(
    fc.record({
      resource: fc.option(fc.constantFrom(...TYPES.map((type) => `${type}/target-0`)), {
        nil: undefined,
      }),
      from: fc.nat(60),
      length: fc.nat(60),
    }),
    { maxLength: 4 },
  ),
  isDeleted: fc.boolean(),
  lingers: fc.nat(1),
});

/** Stores exactly these holds. */
function store(engine: SteppedEngine, held: readonly string[]): void {
  for (const [key, { collection }] of engine.documents)
    if (collection === 'deletion-hold') engine.documents.delete(key);
  for (const id of held) {
    const target = id === TARGET ? 'project' : 'resource';
    const place = { collection: 'deletion-hold', partition: target, id } as const;
    const value = { target, id, by: 'ann', reason: 'lawsuit', at: 0 };
    engine.documents.set(documentKey(place), { ...place, version: 1, value });
  }
}

describe('random holds', () => {
  it('keep their resources, whenever they begin, and every operation finishes after their end', async () => {
    await fc.assert(
      fc.asyncProperty(
        histories,
        deliveriesWithActionFailures,
        async ({ holds, isDeleted, lingers }, schedule: Iterator<ScheduledDelivery>) => {
          const simulation = new StatefulSimulation(EVERY_CLASS, 2, lingers);
          const { cloud, engine } = simulation;
          if (isDeleted) {
            cloud.delete(TARGET);
            await simulation.handle(deleted('project', TARGET));
          } else await simulation.ask();

          let total = 0;
          let held: string[] = [];
          const wrong: string[] = [];
          cloud.onRemoval = ({ resourceType, id }) => {
            const key = `${resourceType}/${id}`;
            if (held.includes(key) || held.includes(TARGET)) wrong.push(key);
          };
          const before = (): void => {
            const step = total++;
            held = holds
              .filter(({ from, length }) => step >= from && step < from + length)
              .map(({ resource }) => resource ?? TARGET);
            store(engine, held);
          };
          const cut = (isOff: boolean): void => {
            cloud.powerCut = isOff;
          };
          await run(simulation, schedule, { before, cut });
          expect(wrong).toEqual([]);
          simulation.expectOthersUntouched();
          expect(['finished', 'unverified', 'held']).toContain(simulation.state);
          for (const resourceType of Object.keys(simulation.left()))
            expect(['vault.secret', 'booking.lease']).toContain(resourceType);
        },
      ),
      { numRuns: runs(150) },
    );
  });
});
