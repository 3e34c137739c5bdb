import fc from 'fast-check';
import { playStep, type StepIn } from './lifecycle-steps.ts';
import { CONTROL, ProvisionSimulation, SIBLING, TARGET } from './provision-simulation.ts';
import { runs } from './runs.ts';

const wishes = fc.record({
  cores: fc.option(fc.integer({ min: 11, max: 20 }), { nil: undefined }),
  networks: fc.uniqueArray(fc.constantFrom('default', 'storage', 'edge'), { maxLength: 3 }),
});
const steps = fc.array(
  fc.oneof(
    fc.constantFrom('created', 'disable', 'enable', 'disable-domain', 'enable-domain', 'ask'),
    fc.record({ deliver: fc.integer({ min: 1, max: 8 }), choice: fc.nat(5) }),
    fc.record({ twice: fc.nat(5) }),
    fc.record({ kill: fc.nat(9), choice: fc.nat(5) }),
    fc.record({ unclear: fc.integer({ min: 1, max: 2 }) }),
    fc.record({ wait: fc.constantFrom(1000, 60_000, 400_000) }),
  ),
  { maxLength: 20 },
);

async function play(simulation: ProvisionSimulation, step: StepIn<typeof steps>): Promise<void> {
  if (step === 'created') await simulation.announce('project', 'created');
  else if (step === 'ask') await simulation.ask();
  else if (typeof step === 'string') await playStep(simulation, step);
  else if ('unclear' in step) simulation.unclear += step.unclear;
  else if ('twice' in step) await simulation.deliverTwice(step.twice);
  else await playStep(simulation, step);
}

describe('Any history of repeated events, changes of state and killed processes', () => {
  it('ends with exactly one of each, and a second provision writes nothing', async () => {
    await fc.assert(
      fc.asyncProperty(
        wishes,
        steps,
        fc.array(fc.nat(5), { minLength: 1 }),
        async (wish, all, order) => {
          const simulation = new ProvisionSimulation(wish);
          const neighbors = [SIBLING, CONTROL].map((owner) => simulation.stateOf(owner));
          await simulation.announce('project', 'created');
          for (const step of all) await play(simulation, step);
          await simulation.settle(order);
          if (!simulation.isActive) {
            await simulation.set('domain', true);
            await simulation.set('project', true);
            await simulation.settle(order);
          }
          expect(simulation.stateOf(TARGET)).toEqual(simulation.wanted);
          expect([SIBLING, CONTROL].map((owner) => simulation.stateOf(owner))).toEqual(neighbors);
          expect(simulation.allHaveEnded).toBe(true);
          expect(await simulation.engine.reads.documents('provision', TARGET)).toEqual([]);
          const { writes } = simulation;
          await simulation.ask();
          await simulation.settle(order);
          expect(simulation.writes).toBe(writes);
          expect(simulation.operations('provision').at(-1)?.state).toBe('finished');
        },
      ),
      { numRuns: runs(300) },
    );
  }, 120_000);

  it('ends with an empty project when the project is deleted', async () => {
    await fc.assert(
      fc.asyncProperty(wishes, steps, steps, async (wish, all, later) => {
        const simulation = new ProvisionSimulation(wish);
        const neighbors = [SIBLING, CONTROL].map((owner) => simulation.stateOf(owner));
        await simulation.announce('project', 'created');
        for (const step of all) await play(simulation, step);
        await simulation.delete();
        for (const step of later) if (typeof step !== 'string') await play(simulation, step);
        await simulation.settle();
        expect(simulation.stateOf(TARGET)).toMatchObject({ networks: [], subnets: [] });
        expect([SIBLING, CONTROL].map((owner) => simulation.stateOf(owner))).toEqual(neighbors);
        expect(simulation.allHaveEnded).toBe(true);
        expect(await simulation.engine.reads.documents('provisioned', 'project')).toEqual([]);
      }),
      { numRuns: runs(200) },
    );
  }, 120_000);
});
