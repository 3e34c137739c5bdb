import {
  type DependencyStrength,
  EVERY_OTHER,
  type ServiceDependency,
} from '../../events/dependency.ts';
import type { ResourceTypeName, ServiceName } from '../../events/ids.ts';

/** A service with its dependencies, as its service file declares them. */
export interface ServiceWithDependencies {
  readonly name: ServiceName;
  readonly dependsOn: readonly (
    | ServiceDependency
    | {
        readonly service: typeof EVERY_OTHER;
        readonly strength: DependencyStrength;
        readonly until: 'done';
      }
  )[];
  /** Services that depend on this service, declared here instead of in their own files. */
  readonly dependents?: readonly {
    readonly service: ServiceName;
    readonly strength: DependencyStrength;
    readonly until: 'done';
  }[];
  readonly resourceTypes?: readonly {
    readonly name: ResourceTypeName;
    /** The services of which the type is independent (see "Partial runs" in `order.ts`). */
    readonly independentOf?: readonly string[];
  }[];
}

/**
 * Returns the dependencies of a service on the other services in `services`. Both the service
 * itself (`dependsOn`) and the other service (`dependents`) can declare a dependency. If both do,
 * the stronger declaration counts. Each dependency is on a whole service or on one type.
 */
export const dependenciesOf = (
  service: ServiceWithDependencies,
  services: readonly ServiceWithDependencies[],
): ServiceDependency[] =>
  services
    .filter((other) => other.name !== service.name)
    .flatMap((other): ServiceDependency[] => {
      const strength = strengthOf(service, other);
      if (strength) return [{ service: other.name, strength, until: 'done' }];
      const prefix = `${other.name}.`;
      return service.dependsOn.flatMap((one) =>
        one.until === 'empty' && one.type.startsWith(prefix) ? [one] : [],
      );
    });

/**
 * Returns the strength of the dependency on the whole other service, or `undefined` if there is no
 * such dependency.
 */
function strengthOf(
  service: ServiceWithDependencies,
  other: ServiceWithDependencies,
): DependencyStrength | undefined {
  // Two services that depend on every other service do not depend on each other.
  const namesOther = (name: ServiceName | typeof EVERY_OTHER): boolean =>
    name === other.name || (name === EVERY_OTHER && !dependsOnEveryOther(other));
  const declaredByService = service.dependsOn.filter(
    (one) => one.until === 'done' && namesOther(one.service),
  );
  const declaredByOther = (other.dependents ?? []).filter((one) => one.service === service.name);
  const strengths = [...declaredByService, ...declaredByOther].map(({ strength }) => strength);
  return strengths.includes('required') ? 'required' : strengths.at(0);
}

/** True if the service depends on all other services, so that it is cleaned up last. */
export const dependsOnEveryOther = ({ dependsOn }: ServiceWithDependencies): boolean =>
  dependsOn.some((one) => one.until === 'done' && one.service === EVERY_OTHER);

/**
 * Returns the name of the service that a dependency is on. The dependency names the service itself
 * or one of its types.
 */
export const awaitedServiceOf = (dependency: ServiceDependency): string =>
  dependency.until === 'done'
    ? dependency.service
    : dependency.type.slice(0, dependency.type.indexOf('.'));

/**
 * Returns the services in levels. Each service depends only on services of earlier levels. Throws
 * `TypeError` with the names when no order is possible.
 */
export function dependencyLevels<S extends ServiceWithDependencies>(services: readonly S[]): S[][] {
  const placedNames = new Set<string>();
  const orderedLevels: S[][] = [];
  for (let unplaced = [...services]; unplaced.length > 0; ) {
    const readyServices = unplaced.filter((service) =>
      dependenciesOf(service, services).every((one) => placedNames.has(awaitedServiceOf(one))),
    );
    if (readyServices.length === 0)
      throw new TypeError(
        `the dependencies form a cycle among ${unplaced.map((service) => service.name).join(', ')}`,
      );
    for (const service of readyServices) placedNames.add(service.name);
    unplaced = unplaced.filter((service) => !placedNames.has(service.name));
    orderedLevels.push(readyServices);
  }
  return orderedLevels;
}

/**
 * Throws `TypeError` with the names if the dependencies form a cycle, a service depends on itself,
 * or a dependency names an unknown resource type.
 */
export function assertValidDependencies(services: readonly ServiceWithDependencies[]): void {
  dependencyLevels(services);
  for (const service of services) {
    const { name, dependsOn, dependents } = service;
    const namedServices = [...dependsOn, ...(dependents ?? [])];
    if (namedServices.some((one) => one.until === 'done' && one.service === name))
      throw new TypeError(`${name} depends on itself`);
    assertTypesExist(service, services);
  }
}

/** Throws `TypeError` if the service depends on a type that the other service does not have. */
function assertTypesExist(
  { name, dependsOn }: ServiceWithDependencies,
  services: readonly ServiceWithDependencies[],
): void {
  for (const one of dependsOn) {
    if (one.until !== 'empty') continue;
    const other = services.find((service) => service.name === awaitedServiceOf(one));
    if (other?.resourceTypes && !other.resourceTypes.some((type) => type.name === one.type))
      throw new TypeError(`${name} depends on ${one.type}, and ${other.name} has no such type`);
  }
}
