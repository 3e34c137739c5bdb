import type { ServiceDependency } from '../../events/dependency.ts';
import { awaitedServiceOf, dependenciesOf } from '../../lib/operation/service-dependencies.ts';
import type { ResourceType, Service } from '../../lib/task/service.ts';

export type ServiceClass = 'A' | 'B' | 'C' | 'D';

/** What the listing and the removal of a resource type need, by class. Every page shows it. */
export const CLASSES: Readonly<Record<ServiceClass, string>> = {
  A: "an administrator's token, before and after the deletion of the project",
  B: 'a token with system scope, before and after the deletion of the project',
  C: 'a token on the project. Such a token exists only while the project exists and is enabled',
  D: "an administrator's token to list the type. The removal needs a trust or a credential, which Keystone deletes with the project or its members",
};

export function classOf(
  resourceType: Pick<ResourceType, 'requiresLiveProject'>,
  service: Pick<Service, 'scope'>,
): ServiceClass {
  return resourceType.requiresLiveProject?.class ?? (service.scope === 'system' ? 'B' : 'A');
}

/**
 * Returns the classes of a service in alphabetical order. A service without resources of projects
 * has none.
 */
export const classesOf = (service: Service): ServiceClass[] =>
  [...new Set(service.resourceTypes.map((resourceType) => classOf(resourceType, service)))].sort();

/** Returns the name of a resource type without its service: `server` for `nova.server`. */
export const shortName = (name: string): string => name.slice(name.indexOf('.') + 1);

/** Returns the services that must have ended before this service begins. */
export const requiredDependencies = (service: Service, services: readonly Service[]): string[] =>
  dependenciesOf(service, services)
    .filter(({ strength }) => strength === 'required')
    .map(awaitedServiceOf)
    .sort();

/**
 * Returns the services on which this service has a preferred dependency. If it waits only until
 * types of such a service are empty, the text names these types.
 */
export function preferredDependencies(service: Service, services: readonly Service[]): string[] {
  const dependencies = dependenciesOf(service, services).filter(
    ({ strength }) => strength === 'preferred',
  );
  return [...new Set(dependencies.map(awaitedServiceOf))]
    .map((name) =>
      withTypes(
        name,
        dependencies.filter((dependency) => awaitedServiceOf(dependency) === name),
      ),
    )
    .sort();
}

/**
 * Returns the services that depend on this one. Either service file may declare the dependency. If
 * a service waits only until types of this service are empty, the text names these types.
 */
export function dependentsOf(service: Service, services: readonly Service[]): string[] {
  return services
    .map((other) => ({
      name: other.name,
      dependencies: dependenciesOf(other, services).filter(
        (dependency) => awaitedServiceOf(dependency) === service.name,
      ),
    }))
    .filter(({ dependencies }) => dependencies.length > 0)
    .map(({ name, dependencies }) => withTypes(name, dependencies))
    .sort();
}

/**
 * Returns `designate (only `ptr-record`)` if the dependencies name types, or else the name alone.
 */
function withTypes(service: string, dependencies: readonly ServiceDependency[]): string {
  const types = dependencies.flatMap((one) => (one.until === 'empty' ? [one.type] : []));
  return types.length === 0
    ? service
    : `${service} (only ${types.map((type) => `\`${shortName(type)}\``).join(', ')})`;
}
