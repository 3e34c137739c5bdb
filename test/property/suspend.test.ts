import fc from 'fast-check';
import { playStep, type StepIn, suspended } from './lifecycle-steps.ts';
import { runs } from './runs.ts';
import { CONTROL, SIBLING, SuspendSimulation, TARGET } from './suspend-simulation.ts';

const states = fc.array(fc.constantFrom('on' as const, 'off' as const), { maxLength: 3 });
const steps = fc.array(
  fc.oneof(
    fc.constantFrom('disable', 'enable', 'disable-domain', 'enable-domain', 'repeat'),
    fc.record({ deliver: fc.integer({ min: 1, max: 12 }), choice: fc.nat(5) }),
    fc.record({ kill: fc.nat(5), choice: fc.nat(5) }),
    fc.record({ wait: fc.constantFrom(1000, 60_000, 400_000) }),
  ),
  { maxLength: 14 },
);

async function play(simulation: SuspendSimulation, step: StepIn<typeof steps>): Promise<void> {
  if (step === 'repeat') {
    // The second event repeats the present state, as if a notification was sent twice.
    const enabled = simulation.projects.get(TARGET)?.enabled;
    await simulation.announce('project', enabled ? 'enabled' : 'disabled');
  } else await playStep(simulation, step);
}

describe('Any history of disables, enables and killed processes', () => {
  it('ends in the state that Keystone last showed, with every field as before', async () => {
    await fc.assert(
      fc.asyncProperty(
        states,
        steps,
        fc.array(fc.nat(5), { minLength: 1 }),
        fc.boolean(),
        async (on, all, order, needsToken) => {
          const simulation = new SuspendSimulation(on);
          simulation.needsToken = needsToken;
          const before = [TARGET, SIBLING, CONTROL].map((owner) => simulation.shown(owner));
          for (const step of all) await play(simulation, step);
          await simulation.settle(order);
          const [target = [], sibling = [], control = []] = before;
          expect(simulation.shown(TARGET)).toEqual(
            simulation.isActive ? target : suspended(target),
          );
          const isDomainEnabled = simulation.domains.get('customers') === true;
          expect(simulation.shown(SIBLING)).toEqual(isDomainEnabled ? sibling : suspended(sibling));
          expect(simulation.shown(CONTROL)).toEqual(control);
          expect(simulation.allHaveEnded).toBe(true);
          if (simulation.isActive) expect(await simulation.recordsOf(TARGET)).toEqual([]);
          // The roles for a start were revoked, however the run ended.
          expect([...simulation.roles]).toEqual([]);
        },
      ),
      { numRuns: runs(300) },
    );
  }, 120_000);

  it('ends with an empty project when the project is deleted', async () => {
    await fc.assert(
      fc.asyncProperty(states, steps, steps, async (on, all, later) => {
        const simulation = new SuspendSimulation(on);
        const control = simulation.shown(CONTROL);
        for (const step of all) await play(simulation, step);
        await simulation.delete();
        for (const step of later) if (typeof step !== 'string') await play(simulation, step);
        await simulation.settle();
        expect(simulation.shown(TARGET)).toEqual([]);
        expect(simulation.shown(CONTROL)).toEqual(control);
        expect(simulation.allHaveEnded).toBe(true);
        expect(await simulation.recordsOf(TARGET)).toEqual([]);
      }),
      { numRuns: runs(150) },
    );
  }, 120_000);
});
