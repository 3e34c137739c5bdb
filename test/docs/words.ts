import type { KindName } from '../../events/ids.ts';
import type { Kind, Service } from '../../lib/cleanup/service.ts';
import { awaitedKinds, predecessors } from '../../lib/operation/order.ts';

export type ServiceClass = 'A' | 'B' | 'C' | 'D';

/** Who can see and remove something, and when. One short sentence each: they stand on every page. */
export const CLASSES: Readonly<Record<ServiceClass, string>> = {
  A: "any administrator's token, at any time, also after the project is gone",
  B: 'a token with system scope, at any time',
  C: 'only a token on the project itself: it can be emptied while the project lives and is enabled, and never after',
  D: 'an administrator sees it, but the service removes it with a login that dies with the project or its members: while they live, and not after',
};

export function classOf(kind: Pick<Kind, 'needsLife'>, service: Pick<Service, 'scope'>): ServiceClass {
  return kind.needsLife?.class ?? (service.scope === 'system' ? 'B' : 'A');
}

/** The classes of a service, in the order of the alphabet; none where nothing belongs to a project. */
export const classesOf = (service: Service): ServiceClass[] => [...new Set(service.kinds.map((kind) => classOf(kind, service)))].sort();

/** `nova.server` is `server` on Nova's page. */
export const bare = (name: string): string => name.slice(name.indexOf('.') + 1);

/** Services that get their turn before this one, the hard ones apart; with the kinds, where it waits for these alone. */
export function softBefore(service: Service, services: readonly Service[]): string[] {
  const before = predecessors(service, services);
  return services
    .filter(({ name }) => before.includes(name))
    .map((other) => withKinds(other.name, awaitedKinds(service, other)))
    .sort();
}

/** Services that get their turn after this one, however that was said; with the kinds, where they wait for these alone. */
export function behind(service: Service, services: readonly Service[]): string[] {
  return services
    .filter((other) => other.after.includes(service.name) || predecessors(other, services).includes(service.name))
    .map((other) => withKinds(other.name, awaitedKinds(other, service)))
    .sort();
}

const withKinds = (service: string, kinds: readonly KindName[]): string =>
  kinds.length === 0 ? service : `${service} (only ${kinds.map((kind) => `\`${bare(kind)}\``).join(', ')})`;
