import { SERVICES } from '../../../lib/services/index.ts';
import { OFFICIAL_TYPES, UNCOVERED, UNOFFICIAL_TYPES } from '../../docs/service-types.ts';

const officialOf = new Map(
  OFFICIAL_TYPES.flatMap(([type, ...aliases]) =>
    [type, ...aliases].map((name) => [name, type] as const),
  ),
);

describe('the types of the catalog', () => {
  it('are each covered by one service or listed as not covered', () => {
    const covered = SERVICES.flatMap(({ catalogTypes }) => catalogTypes);
    expect(covered).toEqual([...new Set(covered)]);
    const known = new Set([...covered, ...UNCOVERED.map(({ type }) => type)]);
    expect(OFFICIAL_TYPES.map(([type]) => type).filter((type) => !known.has(type))).toEqual([]);
    expect(UNCOVERED.map(({ type }) => type).filter((type) => covered.includes(type))).toEqual([]);
    expect(
      UNCOVERED.map(({ type }) => type).filter((type) => officialOf.get(type) !== type),
    ).toEqual([]);
  });

  it.each(SERVICES.map((service) => [service.name as string, service] as const))(
    'all belong to one official type for %s',
    (_name, service) => {
      const official = new Set(
        service.catalogTypes.map((type) =>
          UNOFFICIAL_TYPES.includes(type) ? 'unofficial' : officialOf.get(type),
        ),
      );
      official.delete('unofficial');
      expect([...official]).not.toContain(undefined);
      expect(official.size).toBeLessThanOrEqual(1);
    },
  );
});

describe('a service without resources of projects', () => {
  it.each(
    SERVICES.filter(({ noProjectResources }) => noProjectResources !== undefined).map(
      (service) => [service.name as string, service] as const,
    ),
  )('%s has the reason as a sentence, and blocks no other service', (_name, service) => {
    expect(service.noProjectResources).toMatch(/^[^A-Z].{20,}[^.]$/);
    expect(service).toMatchObject({
      resourceTypes: [],
      userResourceTypes: [],
      dependsOn: [],
      dependents: [],
      preDelete: false,
    });
    expect(service.offByDefault).toBeUndefined();
    // Without a microversion, the propagator does not read the version of the service. The
    // service therefore cannot be unreachable.
    expect(service.microversion).toBeUndefined();
    expect(service.catalogTypes.length).toBeGreaterThan(0);
  });
});
