import fc from 'fast-check';
import { awaited, preferred, required } from '../dependencies.ts';
import { deliveries, run, type ScheduledDelivery } from './chaos-schedule.ts';
import { runs } from './runs.ts';
import { type Described, requiredOf } from './stateful-service.ts';
import { deleted, failure, StatefulSimulation, TARGET } from './stateful-simulation.ts';

const NAMES = ['alpha', 'beta', 'gamma', 'delta', 'epsilon'];
const edge = fc.constantFrom(
  'required',
  'preferred',
  'dependent',
  'awaited',
  'awaited-free',
  'nothing',
  'nothing',
  'nothing',
);
/** An edge from each service to each earlier one in the list, so that there is no cycle. */
const edges = fc.tuple(
  ...NAMES.map((_, index) => fc.tuple(...NAMES.slice(0, index).map(() => edge))),
);
const troubles = fc.array(
  fc.record({
    service: fc.constantFrom(...NAMES),
    from: fc.nat(50),
    lasts: fc.nat(60),
    as: fc.constantFrom('Transient', 'Denied', 'people', 'lacking'),
  }),
  { maxLength: 3 },
);
/**
 * A service creates a resource of the target project in a service that comes later in the order.
 */
const making = fc.array(fc.record({ maker: fc.nat(3), behind: fc.nat(3), step: fc.nat(60) }), {
  maxLength: 3,
});
const histories = fc.record({
  edges,
  troubles,
  making,
  resources: fc.nat(2),
  lingers: fc.nat(2),
  slow: fc.nat(9),
});
type History = typeof histories extends fc.Arbitrary<infer One> ? One : never;

function described(all: History['edges']): Described[] {
  const to = (index: number, which: string) =>
    NAMES.filter((_, other) => (all[index] as readonly string[] | undefined)?.[other] === which);
  const from = (index: number, which: string) =>
    NAMES.filter((_, other) => (all[other] as readonly string[] | undefined)?.[index] === which);
  return NAMES.map((name, index) => ({
    name,
    resourceTypes: { resource: 'A', slow: 'A', free: 'A' },
    independentOf: { free: to(index, 'required') },
    dependsOn: [
      required(...to(index, 'required')),
      preferred(...to(index, 'preferred')),
      awaited(
        ...to(index, 'awaited').map((other) => `${other}.resource`),
        ...to(index, 'awaited-free').map((other) => `${other}.free`),
      ),
    ],
    dependents: [preferred(...from(index, 'dependent'))],
  }));
}

/** Returns the services that come after a service, by any kind of edge. */
function behind(all: readonly Described[], name: string): string[] {
  const own = all.find((one) => one.name === name);
  const dependents = (own?.dependents ?? []).flatMap(({ services }) => services);
  const next = all.filter(
    (one) =>
      dependents.includes(one.name) ||
      (one.dependsOn ?? []).some((edge) =>
        edge.until === 'done'
          ? edge.services.includes(name)
          : edge.types.some((type) => type.startsWith(`${name}.`)),
      ),
  );
  return [...new Set(next.flatMap((one) => [one.name, ...behind(all, one.name)]))];
}

async function live(
  history: History,
  schedule: Iterator<ScheduledDelivery>,
): Promise<StatefulSimulation> {
  const all = described(history.edges);
  const simulation = new StatefulSimulation(all, history.resources, history.lingers);
  const { cloud } = simulation;
  cloud.isCalm = history.troubles.length === 0;
  for (const resource of cloud.of(TARGET))
    if (resource.resourceType.endsWith('.slow')) resource.lingers += history.slow;
  cloud.delete(TARGET);
  await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
  let total = 0;
  const before = (): void => {
    const step = total++;
    cloud.broken.clear();
    cloud.blocks.clear();
    cloud.lacking.clear();
    for (const { service, from, lasts, as } of history.troubles) {
      if (step < from || step >= from + lasts) continue;
      // A planned service of the operation leaves the catalog for a while.
      if (as === 'lacking') simulation.engine.tasks.size > 0 && cloud.lacking.add(service);
      else if (as === 'people') cloud.blocks.set(service, { message: 'locked', actor: 'operator' });
      else cloud.broken.set(service, failure(as as 'Transient' | 'Denied'));
    }
    for (const { maker, behind: which, step: at } of history.making) {
      const name = NAMES[maker] ?? '';
      const targets = behind(all, name);
      const target = targets[which % targets.length];
      // No service creates resources while a service is missing from the catalog.
      if (
        at === step &&
        target &&
        cloud.lacking.size === 0 &&
        simulation.taskOf(name)?.endedAt === undefined
      )
        cloud.make(`${target}.resource`, TARGET);
    }
  };
  await run(simulation, schedule, { before });
  for (let n = 0; n < 3 && simulation.engine.deadLetterList.length > 0; n += 1) {
    // The operator repairs the service before the redrive.
    total = Math.max(total, 200);
    await simulation.engine.redrive({}, { by: 'operator' });
    await run(simulation, schedule, { before });
  }
  return simulation;
}

describe('any order of the services, with any of them held up', () => {
  it('each required dependency ends first, and no resource is left, also if resources are created during the cleanup', async () => {
    await fc.assert(
      fc.asyncProperty(histories, deliveries, async (history, schedule) => {
        const simulation = await live(history, schedule);
        expect(simulation.state).toBe('finished');
        expect(simulation.left()).toEqual({});
        simulation.expectOthersUntouched();
      }),
      { numRuns: runs(250) },
    );
  });

  it('no resource is removed before the resources that its service waits for, if no service fails', async () => {
    await fc.assert(
      fc.asyncProperty(histories, deliveries, async (history, schedule) => {
        const simulation = await live({ ...history, troubles: [] }, schedule);
        expect(simulation.state).toBe('finished');
        expect(simulation.left()).toEqual({});
        simulation.expectOthersUntouched();
      }),
      { numRuns: runs(200) },
    );
  });

  it('a task with only preferred dependencies never waits for a dead-lettered one', async () => {
    await fc.assert(
      fc.asyncProperty(
        edges,
        deliveries,
        fc.constantFrom(...NAMES),
        async (all, schedule, dead) => {
          const services = described(all);
          const simulation = new StatefulSimulation(services);
          simulation.cloud.broken.set(dead, failure('Denied'));
          simulation.cloud.delete(TARGET);
          await simulation.engine.commit({ messages: [deleted('project', TARGET)] });
          await run(simulation, schedule);
          const hard = (name: string): boolean =>
            name === dead ||
            requiredOf(services.find((one) => one.name === name) ?? {}).some((before) =>
              hard(before),
            );
          const kept = NAMES.filter(hard).flatMap((name) =>
            ['resource', 'slow', 'free'].map((resourceType) => [`${name}.${resourceType}`, 2]),
          );
          expect(simulation.left()).toEqual(Object.fromEntries(kept));
        },
      ),
      { numRuns: runs(150) },
    );
  });
});
