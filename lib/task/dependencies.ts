import {
  type DependencyStrength,
  EVERY_OTHER,
  type ServiceDependency,
} from '../../events/dependency.ts';
import { ResourceTypeName, ServiceName } from '../../events/ids.ts';

export { EVERY_OTHER };

/**
 * A dependency as a service file declares it. `services` with `until: 'done'`: the dependency is
 * met when these services have ended. `types` with `until: 'empty'`: the types belong to other
 * services (`designate.ptr-record`), and the dependency is met when listings show that these types
 * are empty.
 */
export type ServiceDependencies =
  | {
      readonly services: readonly string[];
      readonly strength: DependencyStrength;
      readonly until: 'done';
    }
  | {
      readonly types: readonly string[];
      readonly strength: 'preferred';
      readonly until: 'empty';
    };

/**
 * Services that depend on the declaring service. With this declaration, existing services can
 * depend on a new service without a change of their files.
 */
export interface ServiceDependents {
  readonly services: readonly string[];
  readonly strength: DependencyStrength;
  readonly until: 'done';
}

/**
 * The types of the same service that a resource type depends on (`types`). Their names have no
 * prefix. `required` until `empty`: the resource type is listed only when `types` have no resources
 * that can still be removed. `preferred` until `done`: the resource type is listed when `types`
 * have been processed in the same iteration.
 */
export type TypeDependencies =
  | { readonly types: readonly string[]; readonly strength: 'required'; readonly until: 'empty' }
  | { readonly types: readonly string[]; readonly strength: 'preferred'; readonly until: 'done' };

/**
 * One entry of {@link ServiceDependencies}: the dependency on a single service, on a single type,
 * or on every other service.
 */
export type SingleDependency =
  | ServiceDependency
  | {
      readonly service: typeof EVERY_OTHER;
      readonly strength: DependencyStrength;
      readonly until: 'done';
    };

/** A service that depends on the declaring service. */
export interface Dependent {
  readonly service: ServiceName;
  readonly strength: DependencyStrength;
  readonly until: 'done';
}

/** A dependency of a resource type on another type of the same service. */
export type TypeDependency =
  | { readonly type: ResourceTypeName; readonly strength: 'required'; readonly until: 'empty' }
  | { readonly type: ResourceTypeName; readonly strength: 'preferred'; readonly until: 'done' };

/** Returns the declared dependencies of a service, with one entry for each service or type. */
export const serviceDependencies = (declared: readonly ServiceDependencies[]) =>
  declared.flatMap((one): SingleDependency[] =>
    one.until === 'empty'
      ? one.types.map((type) => ({
          type: ResourceTypeName.parse(type),
          strength: one.strength,
          until: one.until,
        }))
      : one.services.map((name) => ({
          service: name === EVERY_OTHER ? name : ServiceName.parse(name),
          strength: one.strength,
          until: one.until,
        })),
  );

/** Returns the declared dependents of a service, with one entry for each dependent. */
export const serviceDependents = (declared: readonly ServiceDependents[]): Dependent[] =>
  declared.flatMap(({ services, strength, until }) =>
    services.map((name) => ({ service: ServiceName.parse(name), strength, until })),
  );

/** Returns the declared dependencies of a type of `service`, with one entry for each type. */
export const typeDependencies = (
  service: string,
  declared: readonly TypeDependencies[],
): TypeDependency[] =>
  declared.flatMap((one): TypeDependency[] =>
    one.types.map((name) => {
      const type = ResourceTypeName.parse(`${service}.${name}`);
      // Both branches are equal. They show the compiler which `strength` belongs to `until`.
      return one.until === 'empty'
        ? { type, strength: one.strength, until: one.until }
        : { type, strength: one.strength, until: one.until };
    }),
  );

/**
 * Throws `TypeError` when a type is independent of another service but requires a type that depends
 * on that service. A partial run does not wait for that service, and would process the type before
 * the required type.
 */
export function assertIndependence(
  types: readonly {
    readonly name: ResourceTypeName;
    readonly dependsOn: readonly TypeDependency[];
    readonly independentOf?: readonly string[];
  }[],
): void {
  for (const { name, dependsOn, independentOf = [] } of types)
    for (const { type, strength } of dependsOn) {
      const independentOfRequired = types.find((one) => one.name === type)?.independentOf ?? [];
      const service = independentOf.find((one) => !independentOfRequired.includes(one));
      if (strength === 'required' && service !== undefined)
        throw new TypeError(
          `${name} is independent of ${service}, but requires ${type}, which depends on ${service}`,
        );
    }
}

/**
 * Throws `TypeError` when a type depends on an unknown type, a name occurs twice, or the
 * dependencies form a cycle. A cycle would block every iteration.
 */
export function assertTypeOrder(
  service: string,
  types: readonly {
    readonly name: ResourceTypeName;
    readonly dependsOn: readonly TypeDependency[];
  }[],
): void {
  const orderedTypes = new Set<ResourceTypeName>();
  for (let unordered = [...types]; unordered.length > 0; ) {
    const readyTypes = unordered.filter(({ dependsOn }) =>
      dependsOn.every(({ type }) => orderedTypes.has(type)),
    );
    if (readyTypes.length === 0)
      throw new TypeError(
        `${service}: the dependencies form a cycle or name an unknown type among ` +
          `${unordered.map(({ name }) => name).join(', ')}`,
      );
    for (const { name } of readyTypes) orderedTypes.add(name);
    unordered = unordered.filter(({ name }) => !orderedTypes.has(name));
  }
  if (orderedTypes.size !== types.length)
    throw new TypeError(
      `${service}: a resource type occurs twice among ${types.map(({ name }) => name).join(', ')}`,
    );
}
