import fc from 'fast-check';
import { deliveriesWithActionFailures, run, type ScheduledDelivery } from './chaos-schedule.ts';
import { runs } from './runs.ts';
import { EVERY_CLASS, failure, StatefulSimulation, TARGET } from './stateful-simulation.ts';

const RESOURCE_TYPES = EVERY_CLASS.flatMap(({ name, resourceTypes = {} }) =>
  Object.keys(resourceTypes).map((resourceType) => `${name}.${resourceType}`),
);
const SERVICES = EVERY_CLASS.map(({ name }) => name);
/** The actions of other people during the operation, and the delivery at which each takes place. */
const meddling = fc.record({
  step: fc.nat(60),
  what: fc.constantFrom('nothing', 'nothing', 'delete', 'enable', 'disable'),
});
const histories = fc.record({
  resources: fc.tuple(...RESOURCE_TYPES.map(() => fc.nat(2))),
  lingers: fc.nat(2),
  wasDisabled: fc.boolean(),
  meddling,
  /** A service that does not answer between the two deliveries. */
  away: fc.record({ service: fc.constantFrom(...SERVICES), from: fc.nat(40), to: fc.nat(60) }),
  refusals: fc.array(
    fc.record({
      what: fc.constantFrom(
        'assign-role' as const,
        'revoke-role' as const,
        'disable' as const,
        'delete' as const,
      ),
      as: fc.constantFrom('Transient' as const, 'Transient' as const, 'Denied' as const),
    }),
    { maxLength: 4 },
  ),
});
type History = typeof histories extends fc.Arbitrary<infer One> ? One : never;

/** After this number of deliveries, interference ends and all services work. */
const HEALED = 90;

async function live(
  history: History,
  schedule: Iterator<ScheduledDelivery>,
): Promise<StatefulSimulation> {
  const simulation = new StatefulSimulation(EVERY_CLASS, 1);
  const { cloud } = simulation;
  cloud.resources = cloud.resources.filter(({ owner }) => owner !== TARGET);
  for (const [index, resourceType] of RESOURCE_TYPES.entries())
    for (let n = 0; n < (history.resources[index] ?? 0); n += 1)
      cloud.make(resourceType, TARGET, `target-${n}`, history.lingers);
  for (const { what, as } of history.refusals)
    cloud.refusals[what] = [...(cloud.refusals[what] ?? []), failure(as)];
  if (history.wasDisabled) cloud.enable(TARGET, false);
  await simulation.ask();

  const sawIt = () =>
    [...simulation.engine.tasks.values()].some(({ conditions }) =>
      conditions.some(({ message }) => message.includes('enabled')),
    );
  let total = 0;
  const before = (): void => {
    const step = total++;
    const { service, from, to } = history.away;
    if (step >= from && step < to) cloud.broken.set(service, failure('Transient'));
    else cloud.broken.clear();
    if (step === history.meddling.step) meddle(simulation, history.meddling.what);
    // The person who enabled the project reads the advice and disables it again.
    const isBeforeDeletion = simulation.state === 'pre-delete' || simulation.state === 'confirming';
    if (!isBeforeDeletion && (step > HEALED || sawIt())) cloud.enable(TARGET, false);
    if (isBeforeDeletion && step > HEALED) cloud.enable(TARGET, true);
  };
  const cut = (isOff: boolean) => {
    cloud.powerCut = isOff;
  };
  await run(simulation, schedule, { before, cut });
  // An operation that waits for a person gets a decision.
  for (
    let n = 0;
    n < 12 && (simulation.state === 'held' || simulation.engine.deadLetterList.length > 0);
    n += 1
  ) {
    if (simulation.state === 'held') await simulation.release();
    await simulation.engine.redrive({}, { by: 'operator' });
    await run(simulation, schedule, { before, cut });
  }
  return simulation;
}

function meddle({ cloud }: StatefulSimulation, what: string): void {
  if (what === 'delete') cloud.delete(TARGET);
  if (what === 'disable') cloud.enable(TARGET, false);
  if (what !== 'enable' || !cloud.projects.has(TARGET)) return;
  cloud.enable(TARGET, true);
  cloud.make('compute.server', TARGET);
}

describe('the cleanup that an administrator requests, with any interference of other programs', () => {
  it('ends; no role of the propagator is left, no other project is changed, and no removable resource is left', async () => {
    await fc.assert(
      fc.asyncProperty(histories, deliveriesWithActionFailures, async (history, schedule) => {
        const simulation = await live(history, schedule);
        expect(['finished', 'unverified', 'refused']).toContain(simulation.state);
        expect([...simulation.cloud.roles]).toEqual([]);
        simulation.expectOthersUntouched();
        if (simulation.state === 'refused') {
          expect(simulation.cloud.projects.has(TARGET)).toBe(true);
          return;
        }
        expect(simulation.cloud.projects.has(TARGET)).toBe(false);
        const left = Object.keys(simulation.left());
        if (simulation.state === 'finished') expect(left).toEqual([]);
        else
          for (const resourceType of left)
            expect(['vault.secret', 'booking.lease']).toContain(resourceType);
      }),
      { numRuns: runs(400) },
    );
  });

  it('leaves no resource if no other client interferes', async () => {
    await fc.assert(
      fc.asyncProperty(histories, deliveriesWithActionFailures, async (history, schedule) => {
        const simulation = await live(
          { ...history, wasDisabled: false, meddling: { step: 0, what: 'nothing' } },
          schedule,
        );
        expect(simulation.state).toBe('finished');
        expect(simulation.left()).toEqual({});
      }),
      { numRuns: runs(150) },
    );
  });

  it('changes no resource in mode observe', async () => {
    await fc.assert(
      fc.asyncProperty(
        deliveriesWithActionFailures,
        fc.boolean(),
        async (schedule, wasDisabled) => {
          const simulation = new StatefulSimulation(EVERY_CLASS, 1);
          simulation.mode = 'observe';
          if (wasDisabled) simulation.cloud.enable(TARGET, false);
          await simulation.ask();
          const before = structuredClone([
            simulation.cloud.resources,
            [...simulation.cloud.projects],
            [...simulation.cloud.roles],
          ]);
          const confirmation = () =>
            expect([
              simulation.cloud.resources,
              [...simulation.cloud.projects],
              [...simulation.cloud.roles],
            ]).toEqual(before);
          await run(simulation, schedule, { before: confirmation });
          confirmation();
          expect(simulation.state).toBe('observed');
        },
      ),
      { numRuns: runs(50) },
    );
  });
});
