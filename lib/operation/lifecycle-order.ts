import type { ResourceTypeName } from '../../events/ids.ts';
import type { Action } from './model.ts';
import type { ServiceInCloud } from './order.ts';
import type { CloudSnapshot } from './snapshot.ts';

/** A service that takes part in suspend, resume or provision. */
export interface LifecycleService {
  readonly name: string;
  /** The services that are suspended and provisioned before this service, and resumed after it. */
  readonly suspendAfter: readonly string[];
  /** The resource types that are suspended and resumed. Empty for provision. */
  readonly types: readonly ResourceTypeName[];
  /** Why the policy of this cloud excludes the service. */
  readonly skippedBecause: string | undefined;
}

/**
 * Returns the services of a snapshot that take part in the action, with their dependencies. Resume
 * has the reverse order of suspend. Each service has a preferred dependency on the types of the
 * earlier services. It does not wait for an earlier service that is stuck (safety rule "One stuck
 * project stops no other"). Here a type counts as empty when none of its resources has to be
 * changed any more.
 */
export function lifecycleSnapshot(
  snapshot: CloudSnapshot,
  action: Exclude<Action, 'cleanup'>,
  services: readonly LifecycleService[],
): CloudSnapshot {
  const servicesBefore = ({ name, suspendAfter }: LifecycleService): readonly string[] =>
    action !== 'resume'
      ? suspendAfter
      : services.filter((other) => other.suspendAfter.includes(name)).map((other) => other.name);
  const orderedServices = services.flatMap((one): ServiceInCloud[] => {
    const snapshotService = snapshot.services.find(({ name }) => name === one.name);
    if (!snapshotService) return [];
    const { name, regions, catalogTypes, catalogAliases, absentBecause, uncallableRegistrations } =
      snapshotService;
    return [
      {
        name,
        regions,
        ...(catalogTypes ? { catalogTypes } : {}),
        ...(catalogAliases ? { catalogAliases } : {}),
        ...(uncallableRegistrations ? { uncallableRegistrations } : {}),
        absentBecause,
        skippedBecause: one.skippedBecause ?? snapshotService.skippedBecause,
        resourceTypes: one.types.map((type) => ({ name: type })),
        dependsOn: services
          .filter((other) => servicesBefore(one).includes(other.name))
          .flatMap(({ types }) => types)
          .map((type) => ({ type, strength: 'preferred' as const, until: 'empty' as const })),
      },
    ];
  });
  return { services: orderedServices, uncovered: [], leftOut: snapshot.leftOut };
}
