import { ServiceName } from '../../events/ids.ts';
import type { UserContext } from './context.ts';
import type { ResourceTypeFactory } from './define-type.ts';
import {
  assertIndependence,
  assertTypeOrder,
  type ServiceDependencies,
  type ServiceDependents,
  serviceDependencies,
  serviceDependents,
} from './dependencies.ts';
import type { ProjectProvision, ServiceProvision, UserProvisionContext } from './provision.ts';
import type { LeftBySuspend, Service } from './service.ts';
import type { ServiceSuspension } from './suspension.ts';
import type { UserAssignments } from './user-assignments.ts';
import type { UserReportType } from './user-report.ts';

/** The input of {@link defineService}. {@link Service} describes the fields. */
export interface ServiceDefinition {
  readonly name: string;
  readonly catalogTypes: readonly string[];
  readonly catalogAliases?: readonly string[];
  readonly dependsOn?: readonly ServiceDependencies[];
  readonly dependents?: readonly ServiceDependents[];
  readonly microversion?: {
    readonly header: string;
    readonly floor: string;
    readonly ceiling: string;
  };
  /** Default `project`. */
  readonly scope?: 'project' | 'system';
  /** Default: true if a resource type needs the project to exist. */
  readonly preDelete?: boolean;
  readonly offByDefault?: string;
  readonly noProjectResources?: string;
  readonly releases?: readonly string[];
  /** Default 8. */
  readonly concurrency?: number;
  readonly resourceTypes?: readonly ResourceTypeFactory[];
  readonly userResourceTypes?: readonly ResourceTypeFactory<UserContext>[];
  readonly userReports?: readonly ((service: string) => UserReportType)[];
  readonly suspension?: ServiceSuspension;
  /**
   * The resource types that `suspension` does not change. A test requires an entry for each such
   * type.
   */
  readonly leftBySuspend?: readonly LeftBySuspend[];
  readonly provision?: ProjectProvision;
  readonly userProvision?: ServiceProvision<UserProvisionContext, UserAssignments>;
}

/**
 * Defines a service. The queue of the service, its place in the order of an operation, its contract
 * test and its documentation page are derived from the returned value. Throws `TypeError` if the
 * resource types have invalid dependencies or names. Also throws unless the service has either
 * resource types or the reason why it has none (`noProjectResources`).
 *
 * @example
 * export const aodh = defineService({
 *   name: 'aodh',
 *   catalogTypes: ['alarm', 'alarming'],
 *   preDelete: true,
 *   dependents: [{ services: ['nova'], strength: 'preferred', until: 'done' }],
 *   resourceTypes: [alarm],
 * });
 */
export function defineService(definition: ServiceDefinition): Service {
  const { name } = definition;
  const resourceTypes = createTypes(name, definition.resourceTypes);
  const userResourceTypes = createTypes(name, definition.userResourceTypes);
  assertTypeOrder(name, resourceTypes);
  assertTypeOrder(name, userResourceTypes);
  assertIndependence(resourceTypes);
  if ((resourceTypes.length === 0) !== (definition.noProjectResources !== undefined))
    throw new TypeError(
      `${name}: a service needs resource types, or noProjectResources (why it has none), not both`,
    );
  return {
    name: ServiceName.parse(name),
    catalogTypes: definition.catalogTypes,
    catalogAliases: definition.catalogAliases ?? [],
    dependsOn: serviceDependencies(definition.dependsOn ?? []),
    dependents: serviceDependents(definition.dependents ?? []),
    microversion: definition.microversion,
    scope: definition.scope ?? 'project',
    preDelete:
      definition.preDelete ??
      resourceTypes.some((resourceType) => resourceType.requiresLiveProject !== undefined),
    offByDefault: definition.offByDefault,
    noProjectResources: definition.noProjectResources,
    releases: definition.releases ?? [],
    concurrency: definition.concurrency ?? 8,
    resourceTypes,
    userResourceTypes,
    userReports: createTypes(name, definition.userReports),
    suspension: definition.suspension,
    leftBySuspend: definition.leftBySuspend ?? [],
    provision: definition.provision,
    userProvision: definition.userProvision,
  };
}

/** Creates the resource types or report types of a service, with its name as their prefix. */
const createTypes = <Created>(
  service: string,
  definitions: readonly ((service: string) => Created)[] | undefined,
): Created[] => (definitions ?? []).map((create) => create(service));
