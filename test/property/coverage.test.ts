import * as fc from 'fast-check';
import { CoverageSimulation, clouds, type GeneratedCloud } from './coverage-simulation.ts';
import { runs, timeLimit } from './runs.ts';

const endpoint = {
  face: 'public',
  region: 'one',
  second: 'a',
  path: '',
  enabled: true,
  filtered: false,
} as const;
const row = { type: 'volumev3', deployment: 'a', name: 'name', enabled: true } as const;
const rest: Omit<GeneratedCloud, 'services'> = {
  regions: [],
  face: 'public',
  orphans: false,
  lists: 'whole',
};
/**
 * The catalog hides the first endpoint of an interface and shows the second, which leads to another
 * deployment.
 */
const hiddenFirst: GeneratedCloud[] = [
  {
    ...rest,
    services: [
      {
        ...row,
        endpoints: [
          { ...endpoint, enabled: false },
          { ...endpoint, second: 'b' },
          { ...endpoint, face: 'other' },
        ],
      },
    ],
  },
  {
    ...rest,
    services: [
      { ...row, endpoints: [{ ...endpoint, face: 'admin' }] },
      {
        ...row,
        endpoints: [
          { ...endpoint, face: 'admin', filtered: true },
          endpoint,
          { ...endpoint, face: 'admin', second: 'b' },
        ],
      },
    ],
  },
];

describe('any catalog, list of services and list of endpoints', () => {
  it(
    'an operation that ends finished has emptied every deployment, or names the setting that excludes it',
    async () => {
      let finished = 0;
      let unverified = 0;
      await fc.assert(
        fc.asyncProperty(clouds, async (generated) => {
          const simulation = new CoverageSimulation(generated);
          await simulation.run();
          const { state } = simulation.ended;
          if (state === 'unverified') unverified += 1;
          if (state !== 'finished') return;
          finished += 1;
          expect(simulation.unaccounted).toEqual([]);
          expect(simulation.hasUnknown).toBe(false);
          expect(generated.lists).not.toBe('refused');
        }),
        // About one cloud in twenty lets an operation finish.
        { numRuns: runs(1200), examples: hiddenFirst.map((one) => [one]) },
      );
      // The property is meaningful only if both outcomes occur.
      expect(finished).toBeGreaterThan(20);
      expect(unverified).toBeGreaterThan(20);
    },
    timeLimit(20_000),
  );
});
