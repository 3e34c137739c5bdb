import type { ServiceName } from '../../events/ids.ts';
import type { UserContext } from './context.ts';
import type { Dependent, SingleDependency } from './dependencies.ts';
import type { ProjectProvision, ServiceProvision, UserProvisionContext } from './provision.ts';
import type { ResourceType } from './resource-type.ts';
import type { ServiceSuspension } from './suspension.ts';
import type { UserAssignments } from './user-assignments.ts';
import type { UserReportType } from './user-report.ts';

export { HOLD_TAG } from '../../events/hold.ts';
export type {
  ApiAnswer,
  CommonContext,
  ListOptions,
  Paging,
  ProjectContext,
  RequestOptions,
  ServiceApi,
  SilenceWatch,
  UserContext,
} from './context.ts';
export { defineService, type ServiceDefinition } from './define-service.ts';
export { defineType, defineUserType, type ResourceTypeFactory } from './define-type.ts';
export { EVERY_OTHER, type TypeDependencies } from './dependencies.ts';
export {
  type ComparePart,
  defineProvision,
  type ProjectProvision,
  type ProvisionContext,
  type ProvisionItem,
  type ServiceProvision,
  type UserProvisionContext,
} from './provision.ts';
export type * from './resource-type.ts';
export {
  type Assessment,
  type Comparison,
  defineSuspension,
  type ServiceSuspension,
  type SuspensionType,
} from './suspension.ts';
export type { UserAssignments } from './user-assignments.ts';
export { defineUserReport, type UserReportType } from './user-report.ts';

/** Resource types of a service that suspend does not change. */
export interface LeftBySuspend {
  /** Names within the service. */
  readonly types: readonly string[];
  /** The reason, for the documentation. */
  readonly because: string;
  /**
   * Set if an operator must know which projects have resources of these types. Each suspension then
   * lists the resources and reports them with this message.
   */
  readonly warns?: { readonly message: string; readonly advice: string };
}

/** One service, as its file defines it. */
export interface Service {
  readonly name: ServiceName;
  /**
   * The service's types in Keystone's catalog: the official type, then aliases, for example
   * `block-storage`, `volumev3`, `volume`.
   */
  readonly catalogTypes: readonly string[];
  /**
   * Other catalog types for the same resources: an older API, or an API in the style of another
   * cloud. The propagator never calls them.
   */
  readonly catalogAliases: readonly string[];
  /**
   * The services, and types of other services, that are cleaned up before this service. This
   * service begins only after the end of each `required` service (safety rule "Workloads before
   * their guards"). This service does not wait for a stuck `preferred` service (safety rule "One
   * stuck project stops no other"). When the stuck service has ended, this service runs once more.
   */
  readonly dependsOn: readonly SingleDependency[];
  /** The services that depend on this service and do not declare the dependency themselves. */
  readonly dependents: readonly Dependent[];
  /**
   * The microversions of the API. `header`: the service's name in the standard header (`compute`),
   * or the service's own header (`X-OpenStack-Manila-API-Version`). `floor` and `ceiling`: the
   * lowest and highest microversion that the service file supports.
   */
  readonly microversion:
    | { readonly header: string; readonly floor: string; readonly ceiling: string }
    | undefined;
  /** `system`: only a token with system scope lists the resources of other projects (class B). */
  readonly scope: 'project' | 'system';
  /**
   * True if the service takes part in phase `pre-delete`: it has resource types of class C or D, or
   * works better with a token on the project.
   */
  readonly preDelete: boolean;
  /**
   * Set if an operator must enable the service by name. The text is the reason, for example
   * `metering is often billing evidence`.
   */
  readonly offByDefault: string | undefined;
  /**
   * Set if the service has no resource types: the reason why no resource of the service belongs to
   * a project.
   */
  readonly noProjectResources: string | undefined;
  /** Differences between releases, for the documentation page. */
  readonly releases: readonly string[];
  /** The maximum number of concurrent calls, unless the settings name another number. */
  readonly concurrency: number;
  readonly resourceTypes: readonly ResourceType[];
  /** The resource types of a deleted user. */
  readonly userResourceTypes: readonly ResourceType<UserContext>[];
  /**
   * The resources of a user that a suspension of the user reports. Suspend cannot change them.
   */
  readonly userReports: readonly UserReportType[];
  /**
   * How the service suspends and resumes a project; `undefined` if a suspension changes no resource
   * of the service.
   */
  readonly suspension?: ServiceSuspension | undefined;
  /** The resource types that suspend never changes, with the reason. */
  readonly leftBySuspend: readonly LeftBySuspend[];
  /** How the service provisions a project; `undefined` if the service has nothing to provision. */
  readonly provision?: ProjectProvision | undefined;
  /** How a new user gets roles and groups. Only the service file of Keystone sets it. */
  readonly userProvision?: ServiceProvision<UserProvisionContext, UserAssignments> | undefined;
}
