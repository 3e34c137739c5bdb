import fc from 'fast-check';
import { runs } from './runs.ts';
import { CONTROL, SIBLING, SuspendWorld, TARGET } from './suspend-world.ts';

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
type StepOf =
  typeof steps extends fc.Arbitrary<infer All extends readonly unknown[]> ? All[number] : never;

async function play(world: SuspendWorld, step: StepOf): Promise<void> {
  if (step === 'disable' || step === 'enable') await world.set('project', step === 'enable');
  else if (step === 'disable-domain' || step === 'enable-domain')
    await world.set('domain', step === 'enable-domain');
  else if (step === 'repeat') {
    // A second event about the present state, as from a notification that was sent twice.
    const enabled = world.projects.get(TARGET)?.enabled;
    await world.announce('project', enabled ? 'enabled' : 'disabled');
  } else if ('wait' in step) world.engine.time += step.wait;
  else if ('kill' in step) {
    world.killAfter = step.kill;
    await world.deliver(step.choice);
    world.killAfter = undefined;
  } else for (let n = 0; n < step.deliver; n += 1) await world.deliver(step.choice);
}

/** Compares field by field. What was on is off and marked; what was off is as before. */
const suspended = (machines: ReturnType<SuspendWorld['shown']>) =>
  machines.map((one) => (one.state === 'on' ? { ...one, state: 'off', mark: true } : one));

describe('Any history of disables, enables and killed processes', () => {
  it('ends in the state that Keystone last showed, with every field as before', async () => {
    await fc.assert(
      fc.asyncProperty(
        states,
        steps,
        fc.array(fc.nat(5), { minLength: 1 }),
        async (on, all, order) => {
          const world = new SuspendWorld(on);
          const before = [TARGET, SIBLING, CONTROL].map((owner) => world.shown(owner));
          for (const step of all) await play(world, step);
          await world.settle(order);
          const [target = [], sibling = [], control = []] = before;
          expect(world.shown(TARGET)).toEqual(world.isActive ? target : suspended(target));
          const isDomainEnabled = world.domains.get('customers') === true;
          expect(world.shown(SIBLING)).toEqual(isDomainEnabled ? sibling : suspended(sibling));
          expect(world.shown(CONTROL)).toEqual(control);
          expect(world.allHaveEnded).toBe(true);
          if (world.isActive) expect(await world.recordsOf(TARGET)).toEqual([]);
        },
      ),
      { numRuns: runs(300) },
    );
  }, 120_000);

  it('ends with an empty project when the project is deleted', async () => {
    await fc.assert(
      fc.asyncProperty(states, steps, steps, async (on, all, later) => {
        const world = new SuspendWorld(on);
        const control = world.shown(CONTROL);
        for (const step of all) await play(world, step);
        await world.delete();
        for (const step of later) if (typeof step !== 'string') await play(world, step);
        await world.settle();
        expect(world.shown(TARGET)).toEqual([]);
        expect(world.shown(CONTROL)).toEqual(control);
        expect(world.allHaveEnded).toBe(true);
        expect(await world.recordsOf(TARGET)).toEqual([]);
      }),
      { numRuns: runs(150) },
    );
  }, 120_000);
});
