import type { ServiceName } from '../../events/ids.ts';
import { type Coverage, coverageOf } from './coverage.ts';
import type { CoveringService } from './coverage-findings.ts';
import type { ExcludedRegion, Scope, UncoveredRegistration } from './model.ts';
import { PLUGIN_REGION, type ServiceInCloud } from './order.ts';
import type { Registry } from './registry.ts';

/** The services of the cloud at one time. */
export interface CloudSnapshot {
  readonly services: readonly ServiceInCloud[];
  readonly uncovered: readonly UncoveredRegistration[];
  readonly leftOut: readonly ExcludedRegion[];
}

/** A service file, with the fields that a snapshot needs. */
export interface KnownService
  extends Omit<ServiceInCloud, 'regions' | 'resourceTypes'>,
    CoveringService {
  readonly catalogTypes: readonly string[];
  readonly resourceTypes: NonNullable<ServiceInCloud['resourceTypes']>;
  readonly userResourceTypes: readonly unknown[];
  readonly offByDefault?: string | undefined;
}

/** The service files, and the settings that add services. */
export interface KnownServices {
  readonly services: readonly KnownService[];
  /** Services that are off by default and that the settings enable. */
  readonly optedInServices: readonly string[];
  /** Services that the operator adds and that are called over HTTP. */
  readonly httpPlugins: readonly ServiceName[];
}

const ABSENT_REASON = 'the cloud lacks it: the catalog and the lists of Keystone do not contain it';
const NOT_SHOWN_REASON =
  'the catalog does not contain it, and the lists of Keystone could not be read';

/**
 * Returns the services that may have resources of an account of type `accountType` (`candidates`),
 * with their regions, and the registrations that are not cleaned up. A catalog type that no service
 * covers is reported only for projects.
 */
export function cloudSnapshot(
  registry: Registry,
  accountType: Scope['type'],
  { services, optedInServices, httpPlugins }: KnownServices,
  candidates = services.filter(
    (service) =>
      (accountType === 'user' ? service.userResourceTypes : service.resourceTypes).length > 0,
  ),
): CloudSnapshot {
  const coverage = coverageOf(registry, services);
  const isOff = ({ name, offByDefault }: KnownService): boolean =>
    offByDefault !== undefined && !optedInServices.includes(name);
  const servicesInCloud = candidates.map((service) =>
    serviceInCloud(service, accountType, isOff(service), coverage),
  );
  const unverified = candidates.flatMap((service) => {
    const { regions, unverifiedRegistrations } = coverage.ofService(service);
    return !isOff(service) && regions.length > 0 ? unverifiedRegistrations : [];
  });
  const allowedPlugins = accountType === 'project' ? httpPlugins : [];
  return {
    services: [
      ...servicesInCloud,
      ...allowedPlugins.map(
        (name): ServiceInCloud => ({ name, dependsOn: [], regions: [PLUGIN_REGION] }),
      ),
    ],
    uncovered: [
      ...(accountType === 'project' ? coverage.unknownRegistrations : []),
      ...(coverage.unlisted ? [coverage.unlisted] : []),
      ...unverified,
    ],
    leftOut: coverage.leftOut,
  };
}

/** Returns a service with its regions in this cloud. `isOff`: it is off by default. */
function serviceInCloud(
  service: KnownService,
  accountType: Scope['type'],
  isOff: boolean,
  coverage: Coverage,
): ServiceInCloud {
  const { regions, unverifiedRegistrations } = coverage.ofService(service);
  const { offByDefault, resourceTypes } = service;
  return {
    ...service,
    // Types may be independent of other services only in the cleanup of a project.
    resourceTypes:
      accountType === 'project' ? resourceTypes : resourceTypes.map(({ name }) => ({ name })),
    preDelete: accountType === 'project' && service.preDelete === true,
    regions: service.catalogTypes.length > 0 ? regions : [PLUGIN_REGION],
    skippedBecause: isOff
      ? `off by default (PROPAGATOR_INCLUDE_SERVICES): ${offByDefault}`
      : undefined,
    absentBecause: coverage.unlisted ? NOT_SHOWN_REASON : ABSENT_REASON,
    uncallableRegistrations: isOff || regions.length > 0 ? [] : unverifiedRegistrations,
  };
}
