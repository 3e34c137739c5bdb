import fc from 'fast-check';
import { calm, deliveries, run } from './chaos-schedule.ts';
import { runs } from './runs.ts';
import { CONTROL, deleted, SmallWorld, TARGET, type WorldOptions } from './small-world.ts';

const worlds = fc.record({
  resources: fc.tuple(fc.nat(4), fc.nat(4), fc.nat(4)),
  lingers: fc.nat(3),
  failures: fc.nat(6),
  failWith: fc.constantFrom('Transient' as const, 'Unexpected' as const),
});
async function opened(options: WorldOptions): Promise<SmallWorld> {
  const world = new SmallWorld(options);
  await world.engine.commit({ messages: [deleted(TARGET), deleted(TARGET, 'm-2')] });
  return world;
}

describe('an operation with messages in any order, delivered twice, and with crashes between any two writes', () => {
  it('empties the project in order, and no other project', async () => {
    await fc.assert(
      fc.asyncProperty(worlds, deliveries, async (options, schedule) => {
        const world = await opened(options);
        await run(world, schedule);
        // Dead-lettered after too many failures: a person redrives as often as necessary.
        for (let n = 0; n < 3 && world.engine.deadLetterList.length > 0; n += 1) {
          await world.engine.redrive({}, { by: 'operator' });
          await run(world, schedule);
        }
        const operations = [...world.engine.operations.values()];
        expect(operations.map(({ state }) => state)).toEqual(['finished']);
        expect([...world.engine.tasks.values()].map(({ state }) => state)).toEqual([
          'finished',
          'finished',
          'finished',
        ]);
        expect(world.resources(TARGET)).toBe(0);
        expect(world.resources(CONTROL)).toBe(6);
        expect(world.wrongOrder).toEqual([]);
      }),
      { numRuns: runs(300) },
    );
  });

  it('ends with the same counts as an undisturbed run', async () => {
    await fc.assert(
      fc.asyncProperty(worlds, deliveries, async (options, schedule) => {
        const [disturbed, undisturbed] = [
          await opened({ ...options, failures: 0 }),
          await opened({ ...options, failures: 0 }),
        ];
        await run(disturbed, schedule);
        await run(undisturbed, calm);
        const accounts = (world: SmallWorld) =>
          [...world.engine.tasks.values()]
            .map(({ id, counts }) => ({ id, counts }))
            .sort((a, b) => (a.id < b.id ? -1 : 1));
        expect(accounts(disturbed)).toEqual(accounts(undisturbed));
      }),
      { numRuns: runs(150) },
    );
  });

  it('removes no resource of a project that Keystone still shows', async () => {
    await fc.assert(
      fc.asyncProperty(worlds, deliveries, async (options, schedule) => {
        const world = await opened(options);
        world.alive.add(TARGET);
        const before = world.resources(TARGET);
        await run(world, schedule);
        expect([...world.engine.operations.values()].map(({ state }) => state)).toEqual([
          'refused',
        ]);
        expect(world.resources(TARGET)).toBe(before);
      }),
      { numRuns: runs(50) },
    );
  });

  it('counts the same in mode observe, and removes no resource', async () => {
    await fc.assert(
      fc.asyncProperty(worlds, deliveries, async (options, schedule) => {
        const world = await opened({ ...options, failures: 0, mode: 'observe' });
        const before = world.resources(TARGET);
        await run(world, schedule);
        expect([...world.engine.operations.values()].map(({ state }) => state)).toEqual([
          'observed',
        ]);
        const found = [...world.engine.tasks.values()]
          .flatMap(({ counts }) => Object.values(counts))
          .reduce((sum, { found }) => sum + found, 0);
        expect(found).toBe(before);
        expect(world.resources(TARGET)).toBe(before);
      }),
      { numRuns: runs(50) },
    );
  });
});
