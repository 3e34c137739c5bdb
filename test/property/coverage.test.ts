import * as fc from 'fast-check';
import { CoverageWorld, clouds } from './coverage-world.ts';

describe('whatever the catalog, the list of services and the list of endpoints say', () => {
  it('an operation that says finished has emptied every deployment, or a setting that it names leaves it out', async () => {
    let finished = 0;
    let unverified = 0;
    await fc.assert(
      fc.asyncProperty(clouds, async (generated) => {
        const world = new CoverageWorld(generated);
        await world.run();
        const { state } = world.ended;
        if (state === 'unverified') unverified += 1;
        if (state !== 'finished') return;
        finished += 1;
        expect(world.unaccounted).toEqual([]);
        expect(world.hasUnknown).toBe(false);
        expect(generated.lists).not.toBe('refused');
      }),
      { numRuns: 600 },
    );
    // The property says something only if both ends are reached.
    expect(finished).toBeGreaterThan(20);
    expect(unverified).toBeGreaterThan(20);
  });
});
