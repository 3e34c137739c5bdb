import fc from 'fast-check';
import { deliveriesWithActionFailures, run, type ScheduledDelivery } from './chaos-schedule.ts';
import { runs } from './runs.ts';
import { EVERY_CLASS, StatefulSimulation, TARGET } from './stateful-simulation.ts';

/** The types that a plan lists. */
const PLANNED = ['compute.server', 'network.port', 'vault.label', 'booking.lease', 'booking.host'];
/** The types that can still be removed when the project is disabled. */
const CREATED = PLANNED.filter((type) => type !== 'booking.lease');
const histories = fc.record({
  drift: fc.nat(3),
  resources: fc.tuple(...PLANNED.map(() => fc.nat(2))),
  /**
   * The resources that other programs create after the plan, and the delivery of the run at which
   * they do so.
   */
  created: fc.array(fc.record({ step: fc.nat(60), type: fc.constantFrom(...CREATED) }), {
    maxLength: 6,
  }),
  lingers: fc.nat(1),
});

describe('a cleanup under an approved plan, with resources that appear during the run', () => {
  it('removes at most the allowed number of resources that the plan does not list', async () => {
    await fc.assert(
      fc.asyncProperty(
        histories,
        deliveriesWithActionFailures,
        async (history, schedule: Iterator<ScheduledDelivery>) => {
          const simulation = new StatefulSimulation(EVERY_CLASS, 1);
          const { cloud } = simulation;
          cloud.resources = cloud.resources.filter(({ owner }) => owner !== TARGET);
          for (const [index, type] of PLANNED.entries())
            for (let n = 0; n < (history.resources[index] ?? 0); n += 1)
              cloud.make(type, TARGET, `planned-${n}`, history.lingers);
          simulation.approvalRules = {
            twoApprovers: { domain: false, resources: undefined, tags: [] },
            drift: { resources: history.drift, percent: 0 },
          };
          const asked = await simulation.call('POST', `/v1/projects/${TARGET}/plan`, {});
          await simulation.settle();
          const plan = await simulation.call('GET', `/v1/operations/${asked.body.opened}/plan`);
          const { digest } = plan.body;
          const path = `/v1/operations/${asked.body.opened}/approve`;
          expect(await simulation.call('POST', path, { digest })).toMatchObject({ status: 202 });

          let total = 0;
          let late = 0;
          const before = (): void => {
            const step = total++;
            for (const one of history.created)
              if (one.step === step && cloud.projects.get(TARGET)?.enabled) {
                cloud.make(one.type, TARGET);
                late += 1;
              }
          };
          const cut = (isOff: boolean): void => {
            cloud.powerCut = isOff;
          };
          // A held operation asks again and again until a person decides.
          await run(simulation, schedule, { before, cut, most: 400 }).catch((thrown: unknown) => {
            if (simulation.state !== 'held') throw thrown;
          });
          const left = cloud.of(TARGET).filter(({ isLate }) => isLate).length;
          const removed = late - left;
          expect(removed).toBeLessThanOrEqual(history.drift);
          simulation.expectOthersUntouched();
          if (simulation.state === 'held') {
            expect(simulation.operation.hold?.about).toBe('drift');
            expect(cloud.projects.has(TARGET)).toBe(true);
          } else expect(simulation.state).toBe('finished');
        },
      ),
      { numRuns: runs(150) },
    );
  });
});
