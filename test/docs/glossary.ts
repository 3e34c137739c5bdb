import type { ResourceTypeName } from '../../events/ids.ts';
import { awaitedTypes, predecessors } from '../../lib/operation/order.ts';
import type { ResourceType, Service } from '../../lib/task/service.ts';

export type ServiceClass = 'A' | 'B' | 'C' | 'D';

/**
 * Who can see and remove something, and when. One short sentence each: they stand on every page.
 */
export const CLASSES: Readonly<Record<ServiceClass, string>> = {
  A: "any administrator's token, at any time, also after the project is gone",
  B: 'a token with system scope, at any time',
  C: 'only a token on the project itself: it can be emptied while the project lives and is enabled, and never after',
  D: 'an administrator sees it, but the service removes it with a login that dies with the project or its members: while they live, and not after',
};

export function classOf(
  resourceType: Pick<ResourceType, 'requiresLiveProject'>,
  service: Pick<Service, 'scope'>,
): ServiceClass {
  return resourceType.requiresLiveProject?.class ?? (service.scope === 'system' ? 'B' : 'A');
}

/**
 * The classes of a service, in the order of the alphabet; none where nothing belongs to a project.
 */
export const classesOf = (service: Service): ServiceClass[] =>
  [...new Set(service.resourceTypes.map((resourceType) => classOf(resourceType, service)))].sort();

/** `nova.server` is `server` on Nova's page. */
export const bare = (name: string): string => name.slice(name.indexOf('.') + 1);

/**
 * Services that get their turn before this one, the hard ones apart; with the resource types, where
 * it waits for these alone.
 */
export function softBefore(service: Service, services: readonly Service[]): string[] {
  const before = predecessors(service, services);
  return services
    .filter(({ name }) => before.includes(name))
    .map((apiOf) => withKinds(apiOf.name, awaitedTypes(service, apiOf)))
    .sort();
}

/**
 * Services that get their turn after this one, however that was said; with the resource types,
 * where they wait for these alone.
 */
export function behind(service: Service, services: readonly Service[]): string[] {
  return services
    .filter(
      (apiOf) =>
        apiOf.after.includes(service.name) || predecessors(apiOf, services).includes(service.name),
    )
    .map((apiOf) => withKinds(apiOf.name, awaitedTypes(apiOf, service)))
    .sort();
}

const withKinds = (service: string, resourceTypes: readonly ResourceTypeName[]): string =>
  resourceTypes.length === 0
    ? service
    : `${service} (only ${resourceTypes.map((resourceType) => `\`${bare(resourceType)}\``).join(', ')})`;
