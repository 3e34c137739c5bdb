import { ResourceTypeName, ServiceName } from '../../events/ids.ts';
import type { Actor, PropagatorError } from '../shared/errors.ts';
import type { ProjectContext, UserContext } from './context.ts';
import {
  assertTypeOrder,
  type DeclaredDependency,
  type Dependent,
  type ServiceDependencies,
  type ServiceDependents,
  serviceDependencies,
  serviceDependents,
  type TypeDependencies,
  type TypeDependency,
  typeDependencies,
} from './dependencies.ts';

export type {
  Answer,
  CommonContext,
  ListOptions,
  Paging,
  ProjectContext,
  RequestOptions,
  ServiceApi,
  UserContext,
  Watch,
} from './context.ts';
export { EVERY_OTHER, type TypeDependencies } from './dependencies.ts';

/** Why a resource cannot be removed now, and who can change that. */
export interface Blocker {
  /** In the words of the service if it gave any: `2 ports of project 4f… are on it`. */
  readonly message: string;
  readonly actor: Actor;
  readonly advice?: string;
  /**
   * True if the resource can also be removed after the project's deletion. Phase `pre-delete` then
   * ends without it, and phase `apply` removes it.
   */
  readonly canFollowDeletion?: boolean;
}

/**
 * The result of one removal. `gone`: the API is synchronous and confirmed it, or the resource was
 * gone already. `accepted`: the deletion was accepted and is in progress; `stuckSince` (epoch
 * milliseconds) is set when it takes too long. `blocked`: something prevents it. `retained`: this
 * release of the service never removes the resource, and the resource does no harm. A condition
 * reports it, and the task ends without it.
 */
export type Removal =
  | { readonly is: 'gone' }
  | { readonly is: 'accepted'; readonly stuckSince?: number }
  | ({ readonly is: 'blocked' } & Blocker)
  | { readonly is: 'retained'; readonly message: string; readonly advice: string };

/** One resource of a service. */
export interface Resource {
  readonly id: string;
  /** The owner that this row shows; `undefined` if the row shows none. */
  readonly owner: string | undefined;
  /** The name for logs and the operator. */
  readonly label: string | undefined;
  /** Set when the resource must not be removed now, in any phase. */
  readonly blocked: Blocker | undefined;
  /** Requests the removal. It may be repeated. Throws {@link PropagatorError}. */
  remove(): Promise<Removal>;
}

/**
 * Why a resource type can only be removed while the project exists, and what that means afterwards.
 * `C`: only a token on the project can list and remove it (Barbican's secrets). `D`: any
 * administrator can list it, but the service removes it with a trust or an application credential
 * of the deleted account (Blazar's leases).
 */
export interface RequiresLiveProject {
  readonly class: 'C' | 'D';
  /**
   * The resources that probably remain after the project's deletion, in a few words: `secrets,
   * containers and their copies in the secret store`.
   */
  readonly leftover: string;
  /** What the operator can do then, in one sentence. */
  readonly advice: string;
}

/**
 * One resource type without its row type, as `lib/task` uses it. `At` is {@link UserContext} for
 * the resources of a user.
 */
export interface ResourceType<At = ProjectContext> {
  readonly name: ResourceTypeName;
  readonly requiresLiveProject: RequiresLiveProject | undefined;
  /** For the documentation page of the service: what refuses or delays the removal. */
  readonly blockers: readonly string[];
  /** The types of the same service that this one depends on. */
  readonly dependsOn: readonly TypeDependency[];
  /**
   * Returns the resources. `more`: the listing was cut on purpose; `total` is then the full number.
   * Throws when the list may be wrong.
   */
  list(context: At): Promise<{ resources: Resource[]; more: boolean; total?: number | undefined }>;
  /** Removes up to `most` resources of one listing with fewer calls. */
  readonly batch?: BatchRemoval<Resource, At> | undefined;
}

/**
 * A bulk removal. It returns one result for each item, in the same order. An error that it throws
 * is valid for all of them.
 */
export interface BatchRemoval<Item, At = ProjectContext> {
  readonly most: number;
  remove(items: readonly Item[], context: At): Promise<readonly (Removal | PropagatorError)[]>;
}

/** The definition of one resource type in a service file. */
export interface ResourceTypeDefinition<Row, At = ProjectContext> {
  /** For example `server`. The name of the service is added as prefix. */
  readonly name: string;
  /**
   * Set when the type cannot be removed after the project's deletion (classes C and D). Not set for
   * class A, which any administrator's token removes at any time.
   */
  readonly requiresLiveProject?: RequiresLiveProject;
  /**
   * What refuses or delays the removal, one short sentence each, for the documentation page of the
   * service.
   */
  readonly blockers?: readonly string[];
  /**
   * The types of the same service that go first. A `required` dependency until `empty` is for a
   * type that creates resources of this one, or guards them. A `preferred` one until `done` is for a
   * service that refuses to remove a resource in use: a stuck resource of the other type does not
   * block this type (safety rule "One stuck project stops no other").
   */
  readonly dependsOn?: readonly TypeDependencies[];
  /**
   * Lists the rows, without a cache. It must not create anything (safety rule "Listing must not
   * create"). Throws when the list may be wrong (safety rule "Not listed is not empty"). Throws
   * class `Unsupported` where the cloud lacks the extension. A code that ends with `.hidden` means
   * that this release has such resources and lists none for an administrator. Such a type is
   * unreachable and never empty.
   */
  list(
    context: At,
  ): Promise<
    | readonly Row[]
    | { readonly rows: readonly Row[]; readonly more: boolean; readonly total?: number }
  >;
  id(row: Row): string;
  owner(row: Row): string | undefined;
  label?(row: Row): string | undefined;
  /**
   * Returns a reason not to remove this row now, for example a port that its load balancer still
   * owns. The row counts as left.
   */
  blocked?(row: Row, context: At): Blocker | undefined;
  remove(row: Row, context: At): Promise<Removal>;
  /** Used instead of `remove` if set: Swift's bulk delete. */
  readonly batch?: BatchRemoval<Row, At>;
}

/** One service with all that other modules derive from its file. */
export interface Service {
  readonly name: ServiceName;
  /**
   * Its types in Keystone's catalog: the official one, then aliases, for example `block-storage`,
   * `volumev3`, `volume`.
   */
  readonly catalogTypes: readonly string[];
  /**
   * Catalog types for the same resources that are never called: an older API, or an API in the
   * style of another cloud.
   */
  readonly catalogAliases: readonly string[];
  /**
   * The services and types of other services that go first. A `required` service has ended before
   * this one begins (safety rule "Workloads before their guards"). A `preferred` one does not delay
   * this service while it is stuck; this service then runs once more after it (safety rule "One
   * stuck project stops no other").
   */
  readonly dependsOn: readonly DeclaredDependency[];
  /** The services that depend on this one, beside those that declare it themselves. */
  readonly dependents: readonly Dependent[];
  /**
   * The name in the header (`compute`), or the header itself where a service has its own
   * (`X-OpenStack-Manila-API-Version`). With the lowest and highest microversion that the file
   * supports.
   */
  readonly microversion:
    | { readonly header: string; readonly floor: string; readonly ceiling: string }
    | undefined;
  /** `system`: only a token with system scope lists the resources of other projects (class B). */
  readonly scope: 'project' | 'system';
  /**
   * True if the service has a pre-delete phase after the request of an administrator. It then has
   * resource types of class C or D, or works better with a token on the project.
   */
  readonly preDelete: boolean;
  /**
   * Why the service is off by default and must be enabled by name: `metering is often billing
   * evidence`.
   */
  readonly offByDefault: string | undefined;
  /** Set if there are no resource types: why nothing in this service belongs to a project. */
  readonly noProjectResources: string | undefined;
  /** Differences between releases, for the documentation page. */
  readonly releases: readonly string[];
  /** Concurrent calls, unless the settings name another number. */
  readonly concurrency: number;
  readonly resourceTypes: readonly ResourceType[];
  /** The resource types of a deleted user. */
  readonly userResourceTypes: readonly ResourceType<UserContext>[];
}

/** A resource type whose row type is checked and hidden. */
export type DefinedType<At = ProjectContext> = (service: string) => ResourceType<At>;

/**
 * Defines one resource type of a service file. The row type is inferred from `list` and checked in
 * the other functions. `remove` must be repeatable, and must return `gone` only for a synchronous
 * API and `accepted` for an asynchronous one.
 */
export function defineType<Row>(definition: ResourceTypeDefinition<Row>): DefinedType {
  return close(definition);
}

/**
 * Defines one resource type of a user. The owner of a row is the user's id. A resource that should
 * stay and only breaks without the user (a stack with the user's trust) returns `retained` from
 * `remove`, with advice for the operator.
 */
export function defineUserType<Row>(
  definition: ResourceTypeDefinition<Row, UserContext>,
): DefinedType<UserContext> {
  return close(definition);
}

function close<Row, At>(definition: ResourceTypeDefinition<Row, At>): DefinedType<At> {
  const { batch } = definition;
  const rowOf = new WeakMap<Resource, { readonly row: Row }>();
  const rowsOf = (resources: readonly Resource[]): Row[] =>
    resources.map((resource) => {
      const known = rowOf.get(resource);
      if (!known)
        throw new TypeError(
          `${definition.name}: ${resource.id} was not listed by this resource type`,
        );
      return known.row;
    });
  return (service) => ({
    name: ResourceTypeName.parse(`${service}.${definition.name}`),
    requiresLiveProject: definition.requiresLiveProject,
    blockers: definition.blockers ?? [],
    dependsOn: typeDependencies(service, definition.dependsOn ?? []),
    async list(context) {
      const listed = await definition.list(context);
      const { rows, more, total } =
        'rows' in listed ? listed : { rows: listed, more: false, total: undefined };
      const resources = rows.map((row) => {
        const resource: Resource = {
          id: definition.id(row),
          owner: definition.owner(row),
          label: definition.label?.(row),
          blocked: definition.blocked?.(row, context),
          remove: () => definition.remove(row, context),
        };
        rowOf.set(resource, { row });
        return resource;
      });
      return { more, total, resources };
    },
    batch: batch && {
      most: batch.most,
      remove: (resources, context) => batch.remove(rowsOf(resources), context),
    },
  });
}

/** The input of {@link defineService}. */
export interface ServiceDefinition {
  readonly name: string;
  /** See {@link Service} for the fields. */
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
  readonly resourceTypes?: readonly DefinedType[];
  readonly userResourceTypes?: readonly DefinedType<UserContext>[];
}

/**
 * Defines a service. Its queue, order, contract test and documentation page follow from this value.
 * Throws `TypeError` when a resource type depends on an unknown one, when a name occurs twice, when
 * the dependencies form a cycle, and when there are neither resource types nor a reason.
 */
export function defineService(definition: ServiceDefinition): Service {
  const resourceTypes = (definition.resourceTypes ?? []).map((each) => each(definition.name));
  const userResourceTypes = (definition.userResourceTypes ?? []).map((each) =>
    each(definition.name),
  );
  assertTypeOrder(definition.name, resourceTypes);
  assertTypeOrder(definition.name, userResourceTypes);
  if ((resourceTypes.length === 0) !== (definition.noProjectResources !== undefined))
    throw new TypeError(
      `${definition.name}: a service has resource types, or says why it holds nothing`,
    );
  return {
    name: ServiceName.parse(definition.name),
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
  };
}
