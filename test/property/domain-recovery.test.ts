import fc from 'fast-check';
import type { OperationId } from '../../events/ids.ts';
import { hasEnded } from '../../lib/operation/ended.ts';
import { hasWindowAndNoRemoval } from '../../lib/operation/recovery-window.ts';
import { NO_POLICY } from '../../lib/policy/schema.ts';
import { DOMAIN, DomainRecoverySimulation } from './domain-recovery-simulation.ts';
import { runs } from './runs.ts';
import { CONTROL, SIBLING, TARGET } from './suspend-simulation.ts';

const states = fc.array(fc.constantFrom('on' as const, 'off' as const), { maxLength: 2 });
const steps = fc.array(
  fc.oneof(
    fc.constantFrom('ask', 'cancel', 'release', 'hold', 'free', 'cancel', 'suspended'),
    fc.record({ begin: fc.constantFrom('release', 'over'), deliver: fc.nat(6), choice: fc.nat(3) }),
    fc.constantFrom('disable-domain', 'enable-domain', 'disable', 'enable'),
    fc.constantFrom('delete-domain', 'delete-project'),
    fc.record({ deliver: fc.integer({ min: 1, max: 20 }), choice: fc.nat(5) }),
    fc.record({ deliver: fc.integer({ min: 1, max: 20 }), choice: fc.nat(5) }),
    fc.record({ kill: fc.nat(7), choice: fc.nat(5) }),
    fc.record({ wait: fc.constantFrom(-400_000, 1000, 60_000, 400_000, 7_200_000) }),
  ),
  { maxLength: 14 },
);
type StepOf =
  typeof steps extends fc.Arbitrary<infer All extends readonly unknown[]> ? All[number] : never;

/** Changes by other clients of Keystone: the final state depends on them. */
const isByOthers = (step: StepOf): boolean => typeof step === 'string' && /able|delete/.test(step);

class History extends DomainRecoverySimulation {
  /** The projects that existed when a cancellation in a recovery window was accepted. */
  kept: string[] = [];
  /** The operations of these cancellations. */
  readonly canceled: OperationId[] = [];

  async play(step: StepOf): Promise<void> {
    if (step === 'ask') await this.requestDomainDeletion(1800, [600, 60]);
    else if (step === 'cancel') await this.tryCancel();
    else if (step === 'release') await this.release();
    else if (step === 'hold')
      await this.request('POST', '/v1/holds', { domain: DOMAIN, reason: 'lawsuit' });
    else if (step === 'free') await this.request('DELETE', `/v1/holds/domain/${DOMAIN}`);
    else if (step === 'disable' || step === 'enable')
      await this.setProject(TARGET, step === 'enable');
    else if (step === 'disable-domain' || step === 'enable-domain') {
      if (this.domains.has(DOMAIN)) await this.setDomain(step === 'enable-domain');
    } else if (step === 'delete-domain') {
      this.kept = [];
      await this.deleteDomain();
    } else if (step === 'delete-project') {
      this.kept = this.kept.filter((id) => id !== SIBLING);
      await this.deleteProject(SIBLING);
    } else if (step === 'suspended')
      await this.until(() => this.operations('suspend').every(hasEnded), 200);
    else if ('begin' in step) {
      // The window ends, and a cancellation comes a few messages later.
      if (step.begin === 'release') await this.release();
      else await this.until(() => this.cleanup?.state !== 'recoverable', 60);
      for (let n = 0; n < step.deliver; n += 1) await this.deliver(step.choice);
      await this.tryCancel();
      for (let n = 0; n < 8; n += 1) await this.deliver(0);
    } else if ('wait' in step) this.engine.time = Math.max(1000, this.engine.time + step.wait);
    else if ('kill' in step) {
      this.killAfter = step.kill;
      await this.deliver(step.choice);
      this.killAfter = undefined;
    } else for (let n = 0; n < step.deliver; n += 1) await this.deliver(step.choice);
  }

  async tryCancel(): Promise<void> {
    const { cleanup } = this;
    if (!cleanup) return;
    const isInWindow = hasWindowAndNoRemoval(cleanup) && !hasEnded(cleanup);
    const { status } = await this.cancel();
    if (status !== 202 || !isInWindow) return;
    this.kept = [...this.projects.keys()];
    this.canceled.push(cleanup.id);
  }

  /** Delivers until all has ended. An operation that waits for a person gets a decision. */
  async end(decision: 'disable' | 'cancel'): Promise<void> {
    await this.play('free');
    for (let n = 0; n < 6; n += 1) {
      await this.until(() => this.cleanup?.hold?.about !== undefined, 500);
      if (!this.isOpen) break;
      if (decision === 'cancel') await this.tryCancel();
      else {
        const { hold, state } = this.cleanup ?? {};
        const needsDomain = state === 'waiting';
        if (hold?.about === 'enabled' || state === 'closing') await this.setDomain(false);
        else if (needsDomain) await this.setDomain(true);
      }
      await this.until(() => !this.isOpen, 300);
    }
    await this.settle();
  }
}

describe('Any history of deletions of a domain with a recovery window', () => {
  it.each([true, false])(
    'deletes no project after an accepted cancellation, and restores the former state (with a policy that suspends: %s)',
    async (hasPolicy) => {
      await fc.assert(
        fc.asyncProperty(
          states,
          fc.record({ isTargetEnabled: fc.boolean(), isQuiet: fc.boolean() }),
          steps,
          fc.constantFrom('disable' as const, 'cancel' as const),
          async (on, { isTargetEnabled, isQuiet }, all, decision) => {
            const simulation = new History(on);
            if (!hasPolicy) simulation.policy = NO_POLICY;
            await simulation.setProject(TARGET, isTargetEnabled);
            await simulation.settle();
            const seen = () => ({
              machines: [TARGET, SIBLING, CONTROL].map((owner) => simulation.shown(owner)),
              projects: structuredClone([...simulation.projects]),
              domains: [...simulation.domains],
            });
            const before = seen();
            simulation.isQuiet = isQuiet;
            for (const step of ['ask' as const, ...all]) await simulation.play(step);
            await simulation.end(decision);
            expect(simulation.allHaveEnded).toBe(true);
            expect(simulation.shown(CONTROL)).toEqual(before.machines[2]);
            expect([...simulation.roles]).toEqual([]);
            const { cleanup } = simulation;
            if (cleanup?.state === 'canceled' && cleanup.startedAt === undefined)
              expect([...simulation.projects.keys()]).toEqual(
                expect.arrayContaining(simulation.kept),
              );
            if (cleanup?.state === 'finished') {
              expect(simulation.domains.has(DOMAIN)).toBe(false);
              for (const owner of [TARGET, SIBLING]) expect(simulation.shown(owner)).toEqual([]);
            }
            const hasBegun = simulation
              .operations('cleanup')
              .some(({ startedAt }) => startedAt !== undefined);
            if (!hasBegun && !all.some(isByOthers)) expect(seen()).toEqual(before);
            // An accepted cancellation in a recovery window always takes effect.
            for (const id of simulation.canceled)
              expect(simulation.engine.operations.get(id)).toMatchObject({
                state: 'canceled',
                startedAt: undefined,
                children: [],
              });
          },
        ),
        { numRuns: runs(80) },
      );
    },
    180_000,
  );
});
