import fc from 'fast-check';
import { NO_POLICY } from '../../lib/policy/schema.ts';
import { playStep, type StepIn, suspended } from './lifecycle-steps.ts';
import { RecoverySimulation } from './recovery-simulation.ts';
import { runs } from './runs.ts';
import { CONTROL, SIBLING, TARGET } from './suspend-simulation.ts';

const states = fc.array(fc.constantFrom('on' as const, 'off' as const), { maxLength: 3 });
const steps = fc.array(
  fc.oneof(
    fc.constantFrom('ask', 'ask-at-once', 'cancel', 'release', 'ask', 'cancel'),
    fc.constantFrom('disable', 'enable', 'disable-domain', 'enable-domain'),
    fc.record({ deliver: fc.integer({ min: 1, max: 15 }), choice: fc.nat(5) }),
    fc.record({ kill: fc.nat(7), choice: fc.nat(5) }),
    fc.record({ wait: fc.constantFrom(-400_000, 1000, 60_000, 400_000, 7_200_000) }),
  ),
  { maxLength: 16 },
);

async function play(simulation: RecoverySimulation, step: StepIn<typeof steps>): Promise<void> {
  if (step === 'ask') await simulation.requestDeletion(1800, [600, 60]);
  else if (step === 'ask-at-once') await simulation.requestDeletion(undefined);
  else if (step === 'cancel') await simulation.cancel();
  else if (step === 'release') await simulation.release();
  else await playStep(simulation, step);
}

/** Delivers until all has ended. An operation that waits for a person gets a decision. */
async function end(simulation: RecoverySimulation, decision: 'disable' | 'cancel'): Promise<void> {
  for (let n = 0; n < 4; n += 1) {
    await simulation.until(() => simulation.cleanup?.hold?.about === 'enabled', 500);
    if (!simulation.isOpen) continue;
    if (decision === 'cancel') await simulation.cancel();
    else await simulation.set('project', simulation.cleanup?.state === 'pre-delete');
    await simulation.until(() => !simulation.isOpen, 200);
  }
  await simulation.settle();
}

describe('any history of deletions with a recovery window, cancellations and killed processes', () => {
  it.each([true, false])(
    'ends in the state that Keystone and the administrator last requested (with a policy that suspends: %s)',
    async (hasPolicy) => {
      await fc.assert(
        fc.asyncProperty(
          states,
          steps,
          fc.constantFrom('disable' as const, 'cancel' as const),
          async (on, all, decision) => {
            const simulation = new RecoverySimulation(on);
            if (!hasPolicy) simulation.policy = NO_POLICY;
            const before = [TARGET, SIBLING, CONTROL].map((owner) => simulation.shown(owner));
            for (const step of all) await play(simulation, step);
            await end(simulation, decision);
            const [target = [], sibling = [], control = []] = before;
            expect(simulation.allHaveEnded).toBe(true);
            expect(simulation.shown(CONTROL)).toEqual(control);
            expect([...simulation.roles]).toEqual([]);
            const isDomainEnabled = simulation.domains.get('customers') === true;
            expect(simulation.shown(SIBLING)).toEqual(
              isDomainEnabled || !hasPolicy ? sibling : suspended(sibling),
            );
            const cleanups = simulation.operations('cleanup');
            if (!simulation.projects.has(TARGET)) {
              expect(simulation.cleanup?.state).toBe('finished');
              expect(simulation.shown(TARGET)).toEqual([]);
              return;
            }
            for (const { state } of cleanups) expect(['canceled', 'refused']).toContain(state);
            // After the first removal began, a cancellation cannot restore removed resources.
            if (cleanups.some(({ startedAt }) => startedAt !== undefined)) return;
            if (simulation.isActive) expect(simulation.shown(TARGET)).toEqual(target);
            else if (hasPolicy) expect(simulation.shown(TARGET)).toEqual(suspended(target));
            // Only the window disabled it, so it is enabled again.
            const isChanged = all.some((step) => typeof step === 'string' && /able/.test(step));
            if (!isChanged && cleanups.length > 0) expect(simulation.isActive).toBe(true);
            await simulation.set('domain', true);
            await simulation.set('project', true);
            await simulation.settle();
            expect(simulation.shown(TARGET)).toEqual(target);
            expect(await simulation.recordsOf(TARGET)).toEqual([]);
          },
        ),
        { numRuns: runs(200) },
      );
    },
    180_000,
  );
});
