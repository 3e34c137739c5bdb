import type { ServiceDependency } from '../../events/dependency.ts';
import { dependenciesOf, otherService } from '../../lib/operation/order.ts';
import type { ResourceType, Service } from '../../lib/task/service.ts';

export type ServiceClass = 'A' | 'B' | 'C' | 'D';

/** The requirements of the listing and the removal in each class. The texts are on every page. */
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

/** `nova.server` is `server` on Nova's page. */
export const bare = (name: string): string => name.slice(name.indexOf('.') + 1);

/** The required dependencies of a service. */
export const requiredBefore = (service: Service, services: readonly Service[]): string[] =>
  dependenciesOf(service, services)
    .filter(({ strength }) => strength === 'required')
    .map(otherService)
    .sort();

/** The preferred dependencies of a service, with the resource types if it waits for these alone. */
export function softBefore(service: Service, services: readonly Service[]): string[] {
  const soft = dependenciesOf(service, services).filter(({ strength }) => strength === 'preferred');
  return [...new Set(soft.map(otherService))]
    .map((name) =>
      withTypes(
        name,
        soft.filter((one) => otherService(one) === name),
      ),
    )
    .sort();
}

/**
 * The services that depend on this one, whichever file declares it, with the resource types if they
 * wait for these alone.
 */
export function behind(service: Service, services: readonly Service[]): string[] {
  return services
    .map((other) => ({
      name: other.name,
      on: dependenciesOf(other, services).filter((one) => otherService(one) === service.name),
    }))
    .filter(({ on }) => on.length > 0)
    .map(({ name, on }) => withTypes(name, on))
    .sort();
}

function withTypes(service: string, dependencies: readonly ServiceDependency[]): string {
  const types = dependencies.flatMap((one) => (one.until === 'empty' ? [one.type] : []));
  return types.length === 0
    ? service
    : `${service} (only ${types.map((type) => `\`${bare(type)}\``).join(', ')})`;
}
