import fc from 'fast-check';
import type { SteppedEngine } from '../../lib/engine/memory/stepped.ts';
import { documentKey } from '../../lib/engine/memory/store.ts';
import type { ErrorClass } from '../../lib/shared/errors.ts';
import { awaited, preferred, required } from '../dependencies.ts';
import { deliveriesWithActionFailures, run, type ScheduledDelivery } from './chaos-schedule.ts';
import { runs } from './runs.ts';
import type { Described } from './stateful-service.ts';
import {
  deleted,
  EVERY_CLASS,
  failure,
  StatefulSimulation,
  TARGET,
} from './stateful-simulation.ts';

const TYPES = ['compute.server', 'network.port', 'vault.secret', 'vault.label', 'booking.host'];
const histories = fc.record({
  /** Holds of a resource or (`undefined`) of the project, from one delivery to another. */
  holds: fc.array(
    fc.record({
      resource: fc.option(fc.constantFrom(...TYPES.map((type) => `${type}/target-0`)), {
        nil: undefined,
      }),
      from: fc.nat(60),
      length: fc.nat(60),
    }),
    { maxLength: 4 },
  ),
  isDeleted: fc.boolean(),
  lingers: fc.nat(1),
});

/** Stores exactly these holds. */
function store(engine: SteppedEngine, held: readonly string[]): void {
  for (const [key, { collection }] of engine.documents)
    if (collection === 'deletion-hold') engine.documents.delete(key);
  for (const id of held) {
    const target = id === TARGET ? 'project' : 'resource';
    const place = { collection: 'deletion-hold', partition: target, id } as const;
    const value = { target, id, by: 'ann', reason: 'lawsuit', at: 0 };
    engine.documents.set(documentKey(place), { ...place, version: 1, value });
  }
}

describe('random holds', () => {
  it('keep their resources, whenever they begin, and every operation finishes after their end', async () => {
    await fc.assert(
      fc.asyncProperty(
        histories,
        deliveriesWithActionFailures,
        async ({ holds, isDeleted, lingers }, schedule: Iterator<ScheduledDelivery>) => {
          const simulation = new StatefulSimulation(EVERY_CLASS, 2, lingers);
          const { cloud, engine } = simulation;
          if (isDeleted) {
            cloud.delete(TARGET);
            await simulation.handle(deleted('project', TARGET));
          } else await simulation.ask();

          let total = 0;
          let held: string[] = [];
          const wrong: string[] = [];
          cloud.onRemoval = ({ resourceType, id }) => {
            const key = `${resourceType}/${id}`;
            if (held.includes(key) || held.includes(TARGET)) wrong.push(key);
          };
          const before = (): void => {
            const step = total++;
            held = holds
              .filter(({ from, length }) => step >= from && step < from + length)
              .map(({ resource }) => resource ?? TARGET);
            store(engine, held);
          };
          const cut = (isOff: boolean): void => {
            cloud.powerCut = isOff;
          };
          await run(simulation, schedule, { before, cut });
          expect(wrong).toEqual([]);
          simulation.expectOthersUntouched();
          expect(['finished', 'unverified', 'held']).toContain(simulation.state);
          for (const resourceType of Object.keys(simulation.left()))
            expect(['vault.secret', 'booking.lease']).toContain(resourceType);
        },
      ),
      { numRuns: runs(150) },
    );
  });
});

/** The objects of `store` may be the data of backups and images, as in Swift. */
const WITH_COPIES: readonly Described[] = [
  { name: 'compute', resourceTypes: { server: 'A' } },
  {
    name: 'volumes',
    resourceTypes: { backup: 'A', volume: 'A' },
    independentOf: { backup: ['compute'] },
    dependsOn: [required('compute')],
  },
  { name: 'images', resourceTypes: { image: 'A' }, dependsOn: [preferred('compute')] },
  {
    name: 'store',
    resourceTypes: { object: 'A' },
    independentOf: { object: ['compute'] },
    dependsOn: [preferred('compute'), awaited('volumes.backup', 'images.image')],
  },
];
const keyOf = ({ resourceType, id }: { resourceType: string; id: string }): string =>
  `${resourceType}/${id}`;
const COPIES = ['volumes.backup', 'images.image'];
const heldCopies = fc.record({
  /** For each resource with a hold the number of deliveries after which its hold ends. */
  holds: fc.dictionary(
    fc.constantFrom(
      ...['compute.server', 'volumes.volume', ...COPIES].flatMap((type) =>
        [0, 1].map((n) => `${type}/target-${n}`),
      ),
    ),
    fc.nat(150),
    { maxKeys: 4 },
  ),
  /** Deliveries during which a service fails, after all resources were counted. */
  failures: fc.array(
    fc.record({
      service: fc.constantFrom('compute', 'volumes', 'images'),
      error: fc.constantFrom<ErrorClass>('Transient', 'Denied', 'Unexpected'),
      from: fc.nat(80),
      length: fc.nat(40),
    }),
    { maxLength: 3 },
  ),
  lingers: fc.nat(3),
});

describe('random holds of backups and images', () => {
  it('keep every object of the account, also while their services fail', async () => {
    await fc.assert(
      fc.asyncProperty(
        heldCopies,
        deliveriesWithActionFailures,
        async ({ holds, failures, lingers }, schedule: Iterator<ScheduledDelivery>) => {
          const simulation = new StatefulSimulation(WITH_COPIES, 2, lingers);
          const { cloud, engine } = simulation;
          cloud.delete(TARGET);
          let total = 0;
          let held = Object.keys(holds);
          store(engine, held);
          await simulation.handle(deleted('project', TARGET));
          const wrong: string[] = [];
          cloud.onRemoval = ({ resourceType }) => {
            if (resourceType !== 'store.object') return;
            for (const one of cloud.of(TARGET))
              if (COPIES.includes(one.resourceType) && held.includes(keyOf(one)))
                wrong.push(keyOf(one));
          };
          const before = (): void => {
            const step = total++;
            held = Object.keys(holds).filter((key) => step < (holds[key] ?? 0));
            store(engine, held);
            cloud.broken.clear();
            if (simulation.state === 'running')
              for (const { service, error, from, length } of failures)
                if (step >= from && step < from + length) cloud.broken.set(service, failure(error));
          };
          await run(simulation, schedule, { before, cut: () => {} });
          expect(wrong).toEqual([]);
          simulation.expectOthersUntouched();
        },
      ),
      { numRuns: runs(150) },
    );
  });
});
