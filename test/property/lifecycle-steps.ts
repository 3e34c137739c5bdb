import type fc from 'fast-check';
import type { SuspendSimulation } from './suspend-simulation.ts';

/** One step of an arbitrary list of steps. */
export type StepIn<Steps> =
  Steps extends fc.Arbitrary<infer All extends readonly unknown[]> ? All[number] : never;

/** A step that delivers messages, kills the process after some API calls, or lets time pass. */
type ProcessStep =
  | { readonly deliver: number; readonly choice: number }
  | { readonly kill: number; readonly choice: number }
  | { readonly wait: number };

/** A step that changes the flag of the target project or of its domain. */
type FlagStep = 'disable' | 'enable' | 'disable-domain' | 'enable-domain';

/** Carries out a step that every simulation with killed processes has. */
export async function playStep(
  simulation: SuspendSimulation,
  step: ProcessStep | FlagStep,
): Promise<void> {
  if (step === 'disable' || step === 'enable') await simulation.set('project', step === 'enable');
  else if (typeof step === 'string') await simulation.set('domain', step === 'enable-domain');
  else if ('wait' in step)
    simulation.engine.time = Math.max(1000, simulation.engine.time + step.wait);
  else if ('kill' in step) {
    simulation.killAfter = step.kill;
    await simulation.deliver(step.choice);
    simulation.killAfter = undefined;
  } else for (let n = 0; n < step.deliver; n += 1) await simulation.deliver(step.choice);
}

/** The machines after a suspension: one that was on is off and marked, and the others are equal. */
export const suspended = (machines: ReturnType<SuspendSimulation['shown']>) =>
  machines.map((one) => (one.state === 'on' ? { ...one, state: 'off', bySuspension: true } : one));
