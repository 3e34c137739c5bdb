import fc from 'fast-check';
import { deliveriesWithActionFailures, run, type ScheduledDelivery } from './chaos-schedule.ts';
import { DOMAIN, DomainSimulation, LISTED, WITH_SECRETS } from './domain-simulation.ts';
import { runs } from './runs.ts';
import { failure } from './stateful-simulation.ts';

const NAMES = ['a', 'b', 'c', 'd', 'e'];
const domains = fc.record({
  /** The parent of each project. A project is above later ones only, so there is no circle. */
  above: fc.tuple(...NAMES.map((_, index) => fc.nat(index))),
  count: fc.integer({ min: 0, max: NAMES.length }),
  enabled: fc.array(fc.boolean(), { minLength: NAMES.length, maxLength: NAMES.length }),
  /** A service whose secrets need a token on the project. All projects are enabled then. */
  hasSecrets: fc.boolean(),
  held: fc.subarray(NAMES, { maxLength: 2 }),
  tagged: fc.subarray(NAMES, { maxLength: 1 }),
  protectedIds: fc.subarray(NAMES, { maxLength: 1 }),
  /** Errors of Keystone, before it acts. */
  failures: fc.record({ disable: fc.nat(2), delete: fc.nat(3) }),
});

describe('the deletion of a whole domain with random failures', () => {
  it('touches no other domain, keeps the order, and deletes the domain after its projects', async () => {
    await fc.assert(
      fc.asyncProperty(
        domains,
        deliveriesWithActionFailures,
        async (domain, schedule: Iterator<ScheduledDelivery>) => {
          const { hasSecrets } = domain;
          const isEnabled = (index: number): boolean =>
            hasSecrets || domain.enabled[index] === true;
          const simulation = new DomainSimulation(hasSecrets ? WITH_SECRETS : LISTED);
          const { cloud } = simulation;
          const names = NAMES.slice(0, domain.count);
          const parents = new Map<string, string>();
          for (const [index, name] of names.entries()) {
            const above = NAMES[domain.above[index] ?? 0];
            if (above !== undefined && above !== name) parents.set(name, above);
            simulation.project(name, {
              enabled: isEnabled(index),
              ...(parents.has(name) ? { parentId: parents.get(name) as string } : {}),
              ...(domain.tagged.includes(name) ? { tags: ['propagator:hold'] } : {}),
            });
          }
          simulation.protectedProjects.push(...domain.protectedIds);
          for (const name of domain.held)
            if (names.includes(name))
              await simulation.call('POST', '/v1/holds', { project: name, reason: 'lawsuit' });
          expect(await simulation.approve(await simulation.plan())).toMatchObject({ status: 202 });
          for (const what of ['disable', 'delete'] as const)
            cloud.refusals[what] = Array.from({ length: domain.failures[what] }, () =>
              failure('Transient'),
            );

          const isKept = (name: string): boolean =>
            [...domain.held, ...domain.tagged, ...domain.protectedIds].includes(name);
          /** A project also stays if one below it stays. */
          const isRetained = (name: string): boolean =>
            isKept(name) || names.some((one) => parents.get(one) === name && isRetained(one));
          const kept = names.filter(isRetained);
          const cut = (isOff: boolean): void => {
            cloud.powerCut = isOff;
          };
          // An operation that waits for a person asks again and again.
          await run(simulation, schedule, { cut, most: 400 }).catch((thrown: unknown) => {
            if (kept.length === 0) throw thrown;
          });
          await simulation.settle(200);

          simulation.expectOthersUntouched();
          const left = [...cloud.projects].flatMap(([id, one]) =>
            one.domainId === DOMAIN ? [id] : [],
          );
          expect(left.toSorted()).toEqual(kept.toSorted());
          for (const name of names)
            expect(Object.keys(simulation.left(name))).toHaveLength(
              kept.includes(name) ? (hasSecrets ? 3 : 2) : 0,
            );
          expect(cloud.domains.has(DOMAIN)).toBe(kept.length > 0);
          // Users of a held or protected project go on working.
          const isUsed = names.some(
            (name, index) =>
              domain.protectedIds.includes(name) || (isKept(name) && isEnabled(index)),
          );
          expect(cloud.domains.get(DOMAIN)?.enabled ?? false).toBe(isUsed);
          const { state } = simulation.domainOperation;
          expect(kept.length === 0 ? ['finished'] : ['waiting', 'unverified']).toContain(state);
          const at = (event: string): number => cloud.events.indexOf(event);
          for (const [below, above] of parents)
            if (!kept.includes(above)) {
              expect(at(`deleted ${below}`)).toBeLessThan(at(`deleted ${above}`));
              if (at(`disabled ${above}`) >= 0)
                expect(at(`disabled ${below}`)).toBeLessThan(at(`disabled ${above}`));
            }
          if (kept.length === 0)
            for (const name of names)
              expect(at(`deleted ${name}`)).toBeLessThan(at(`deleted ${DOMAIN}`));
          if (at(`deleted ${DOMAIN}`) >= 0)
            for (const name of names)
              expect(at(`disabled ${name}`)).toBeLessThan(at(`disabled ${DOMAIN}`));
        },
      ),
      { numRuns: runs(100) },
    );
  });
});
