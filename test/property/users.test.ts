import fc from 'fast-check';
import { Policy } from '../../lib/policy/schema.ts';
import { playStep, type StepIn } from './lifecycle-steps.ts';
import { runs } from './runs.ts';
import { ANN, BOB, UserSimulation } from './user-simulation.ts';

const steps = fc.array(
  fc.oneof(
    fc.constantFrom('disable', 'enable', 'repeat'),
    fc.record({ deliver: fc.integer({ min: 1, max: 8 }), choice: fc.nat(5) }),
    fc.record({ kill: fc.nat(3), choice: fc.nat(5) }),
    fc.record({ wait: fc.constantFrom(1000, 60_000, 400_000) }),
  ),
  { maxLength: 14 },
);

async function play(simulation: UserSimulation, step: StepIn<typeof steps>): Promise<void> {
  if (step === 'repeat')
    await simulation.announceUser(simulation.users.get(ANN) ? 'enabled' : 'disabled');
  else if (typeof step === 'string') await simulation.setUser(step === 'enable');
  else await playStep(simulation, step);
}

/** The second notification of a disable arrives after that of the enable. */
const LATE_DISABLE: StepIn<typeof steps>[] = [
  'disable',
  { deliver: 4, choice: 0 },
  { deliver: 1, choice: 0 },
  'disable',
  'enable',
  { deliver: 1, choice: 5 },
];

/** The user is enabled when Keystone has confirmed the disable and the listing still runs. */
const ENABLED_DURING_LISTING: StepIn<typeof steps>[] = [
  'disable',
  { kill: 0, choice: 0 },
  { kill: 0, choice: 0 },
  { wait: 60_000 },
  'disable',
  { kill: 0, choice: 4 },
  'enable',
];

describe('Any history of disables and enables of a user, with killed processes', () => {
  it('changes nothing, and the records are those of the last suspension', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const simulation = new UserSimulation();
        const before = structuredClone(simulation.keys);
        for (const step of all) await play(simulation, step);
        await simulation.settle();
        expect(simulation.keys).toEqual(before);
        expect(simulation.allHaveEnded).toBe(true);
        const ended = [...simulation.about('suspend'), ...simulation.about('resume')]
          .filter(({ state }) => state === 'observed')
          .toSorted((one, other) => one.generation - other.generation);
        const isDisabled = simulation.users.get(ANN) === false;
        expect(ended.at(-1)?.action ?? 'resume').toBe(isDisabled ? 'suspend' : 'resume');
        if (isDisabled) expect(await simulation.userRecords()).toHaveLength(3);
      }),
      { numRuns: runs(200), examples: [[LATE_DISABLE], [ENABLED_DURING_LISTING]] },
    );
  }, 120_000);

  it('ends without the resources of the user when the user is deleted', async () => {
    await fc.assert(
      fc.asyncProperty(steps, steps, async (all, later) => {
        const simulation = new UserSimulation();
        const other = simulation.keysOf(BOB);
        for (const step of all) await play(simulation, step);
        await simulation.deleteUser();
        for (const step of later) if (typeof step !== 'string') await play(simulation, step);
        await simulation.settle();
        expect(simulation.keysOf(ANN)).toEqual([]);
        expect(simulation.keysOf(BOB)).toEqual(other);
        expect(simulation.allHaveEnded).toBe(true);
        expect(await simulation.userRecords()).toEqual([]);
      }),
      { numRuns: runs(100) },
    );
  }, 120_000);
});

describe('Any history of a new user whose roles and groups a rule names', () => {
  const GIVEN = ['ann member of staff', 'ann member on p1'];
  const policy = Policy.parse({
    version: 1,
    rules: [
      {
        on: {
          'user.created': {
            action: 'provision',
            mode: 'enforce',
            roles: [{ role: 'member', project: 'p1' }],
            groups: ['staff'],
          },
        },
      },
    ],
  });

  it('ends with exactly these assignments once the user is enabled, and removes none', async () => {
    await fc.assert(
      fc.asyncProperty(steps, async (all) => {
        const simulation = new UserSimulation();
        simulation.policy = policy;
        simulation.assigned.add('bob admin on p1');
        await simulation.announceUser('created');
        for (const step of all) await play(simulation, step);
        await simulation.setUser(true);
        await simulation.settle();
        expect([...simulation.assigned].sort()).toEqual([...GIVEN, 'bob admin on p1']);
        expect(simulation.allHaveEnded).toBe(true);
      }),
      { numRuns: runs(150) },
    );
  }, 120_000);

  it('ends without the user when it is deleted in the middle', async () => {
    await fc.assert(
      fc.asyncProperty(steps, steps, async (all, later) => {
        const simulation = new UserSimulation();
        simulation.policy = policy;
        await simulation.announceUser('created');
        for (const step of all) await play(simulation, step);
        await simulation.deleteUser();
        const { writes } = simulation;
        for (const step of later) if (typeof step !== 'string') await play(simulation, step);
        await simulation.settle();
        expect(simulation.writes).toBe(writes);
        expect([...simulation.assigned]).toEqual([]);
        expect(simulation.keysOf(ANN)).toEqual([]);
        expect(simulation.allHaveEnded).toBe(true);
      }),
      { numRuns: runs(100) },
    );
  }, 120_000);
});
