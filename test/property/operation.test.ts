import fc from 'fast-check';
import { deliveries, run, withoutFailures } from './chaos-schedule.ts';
import { runs } from './runs.ts';
import { CONTROL, deleted, Simulation, type SimulationOptions, TARGET } from './simulation.ts';

const simulations = fc.record({
  resources: fc.tuple(fc.nat(4), fc.nat(4), fc.nat(4)),
  lingers: fc.nat(3),
  failures: fc.nat(6),
  failWith: fc.constantFrom('Transient' as const, 'Unexpected' as const),
});
async function opened(options: SimulationOptions): Promise<Simulation> {
  const simulation = new Simulation(options);
  await simulation.engine.commit({ messages: [deleted(TARGET), deleted(TARGET, 'm-2')] });
  return simulation;
}

describe('an operation with messages in any order, delivered twice, and with crashes between any two writes', () => {
  it('empties the project in order, and no other project', async () => {
    await fc.assert(
      fc.asyncProperty(simulations, deliveries, async (options, schedule) => {
        const simulation = await opened(options);
        await run(simulation, schedule);
        // Dead-lettered after too many failures: a person redrives as often as necessary.
        for (let n = 0; n < 3 && simulation.engine.deadLetterList.length > 0; n += 1) {
          await simulation.engine.redrive({}, { by: 'operator' });
          await run(simulation, schedule);
        }
        const operations = [...simulation.engine.operations.values()];
        expect(operations.map(({ state }) => state)).toEqual(['finished']);
        expect([...simulation.engine.tasks.values()].map(({ state }) => state)).toEqual([
          'finished',
          'finished',
          'finished',
        ]);
        expect(simulation.resources(TARGET)).toBe(0);
        expect(simulation.resources(CONTROL)).toBe(6);
        expect(simulation.wrongOrder).toEqual([]);
      }),
      { numRuns: runs(300) },
    );
  });

  it('ends with the same counts as an undisturbed run', async () => {
    await fc.assert(
      fc.asyncProperty(simulations, deliveries, async (options, schedule) => {
        const [disturbed, undisturbed] = [
          await opened({ ...options, failures: 0 }),
          await opened({ ...options, failures: 0 }),
        ];
        await run(disturbed, schedule);
        await run(undisturbed, withoutFailures);
        const accounts = (simulation: Simulation) =>
          [...simulation.engine.tasks.values()]
            .map(({ id, counts }) => ({ id, counts }))
            .sort((a, b) => (a.id < b.id ? -1 : 1));
        expect(accounts(disturbed)).toEqual(accounts(undisturbed));
      }),
      { numRuns: runs(150) },
    );
  });

  it('removes no resource of a project that Keystone still shows', async () => {
    await fc.assert(
      fc.asyncProperty(simulations, deliveries, async (options, schedule) => {
        const simulation = await opened(options);
        simulation.alive.add(TARGET);
        const before = simulation.resources(TARGET);
        await run(simulation, schedule);
        expect([...simulation.engine.operations.values()].map(({ state }) => state)).toEqual([
          'refused',
        ]);
        expect(simulation.resources(TARGET)).toBe(before);
      }),
      { numRuns: runs(50) },
    );
  });

  it('counts the same in mode observe, and removes no resource', async () => {
    await fc.assert(
      fc.asyncProperty(simulations, deliveries, async (options, schedule) => {
        const simulation = await opened({ ...options, failures: 0, mode: 'observe' });
        const before = simulation.resources(TARGET);
        await run(simulation, schedule);
        expect([...simulation.engine.operations.values()].map(({ state }) => state)).toEqual([
          'observed',
        ]);
        const found = [...simulation.engine.tasks.values()]
          .flatMap(({ counts }) => Object.values(counts))
          .reduce((sum, { found }) => sum + found, 0);
        expect(found).toBe(before);
        expect(simulation.resources(TARGET)).toBe(before);
      }),
      { numRuns: runs(50) },
    );
  });
});
