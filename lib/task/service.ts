import { ResourceTypeName, ServiceName } from '../../events/ids.ts';
import type { Actor, PropagatorError } from '../shared/errors.ts';
import type { ProjectContext, UserContext } from './context.ts';

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

/** Why a thing can't go now, and who can change that. */
export interface Blocker {
  /** In the words of the service where it gave some: `2 ports of project 4f… are on it`. */
  readonly message: string;
  readonly actor: Actor;
  readonly advice?: string;
  /**
   * True if the resource can be removed after the project's deletion as well. The phase
   * `pre-delete` then ends without it, and the phase `apply` removes it.
   */
  readonly canFollowDeletion?: boolean;
}

/**
 * What became of one removal.
 * `gone`: the API is synchronous and said so, or it was gone already.
 * `accepted`: asked for, on its way; with `stuckSince` when it has been on its way for too long
 * (epoch milliseconds).
 * `blocked`: something stands in the way.
 * `retained`: this release of the service refuses it for good, and it does no harm; said to the
 * operator, and the task ends without it.
 */
export type Removal =
  | { readonly is: 'gone' }
  | { readonly is: 'accepted'; readonly stuckSince?: number }
  | ({ readonly is: 'blocked' } & Blocker)
  | { readonly is: 'retained'; readonly message: string; readonly advice: string };

/** One thing that a service holds. */
export interface Resource {
  readonly id: string;
  /** The owner as the API showed it in this very row; `undefined` when the row has none. */
  readonly owner: string | undefined;
  /** Name for the log and the operator. */
  readonly label: string | undefined;
  /** Set when it must be left alone for now, whatever the phase. */
  readonly blocked: Blocker | undefined;
  /** Ask for its removal. Repeatable. Throws {@link PropagatorError}. */
  remove(): Promise<Removal>;
}

/**
 * Why a resource type needs the project alive, and what that means when it is not any more.
 * `C`: only a token on the project itself can list and remove it (Barbican's secrets).
 * `D`: any administrator can list it, but the service removes it with a trust or an application
 * credential of the dead account (Blazar's leases).
 */
export interface RequiresLiveProject {
  readonly class: 'C' | 'D';
  /**
   * What is probably left behind when the project died first, in a few words: `secrets, containers
   * and their copies in the secret store`.
   */
  readonly leftover: string;
  /** What the operator can do then, one sentence. */
  readonly advice: string;
}

/**
 * One kind with the row type erased: what `lib/cleanup` works on. `At` is {@link UserContext} for
 * what belongs to a user.
 */
export interface ResourceType<At = ProjectContext> {
  readonly name: ResourceTypeName;
  readonly requiresLiveProject: RequiresLiveProject | undefined;
  /** For the operator's page: what refuses or delays the removal. */
  readonly blockers: readonly string[];
  /** Resource types of the same service that must be gone before this one is touched. */
  readonly after: readonly ResourceTypeName[];
  /**
   * Resource types of the same service that get their turn first; what could not go of them does
   * not hold this one up.
   */
  readonly follows: readonly ResourceTypeName[];
  /** Services that follow this one for the sake of this resource type alone. */
  readonly awaitedBy: readonly ServiceName[];
  /**
   * What there is. `more`: the listing was cut on purpose, there is more; `total` then says how
   * many in all. Throws when it can't know.
   */
  list(context: At): Promise<{ resources: Resource[]; more: boolean; total?: number | undefined }>;
  /** Removes up to `most` resources of one look with fewer calls than one by one. */
  readonly batch?: BatchRemoval<Resource, At> | undefined;
}

/**
 * Removal of many at once, where the API has it. Answers one for one in the order they were handed
 * in; what it throws is true of all of them.
 */
export interface BatchRemoval<Item, At = ProjectContext> {
  readonly most: number;
  remove(items: readonly Item[], context: At): Promise<readonly (Removal | PropagatorError)[]>;
}

/** How one resource type is written down in a service file. */
export interface ResourceTypeDefinition<Row, At = ProjectContext> {
  /** `server`: the service's name is put before it. */
  readonly name: string;
  /**
   * Set when it can't be removed once the project is dead (classes C and D); left out for what any
   * administrator's token removes at any time (class A).
   */
  readonly requiresLiveProject?: RequiresLiveProject;
  /**
   * What refuses or delays the removal, one short sentence each, for the operator's page of this
   * service.
   */
  readonly blockers?: readonly string[];
  /** Names within the service, without its prefix. */
  readonly after?: readonly string[];
  /**
   * Likewise, where the API itself refuses what is still needed: one thing that is stuck must not
   * keep the rest (safety rule: one stuck resource stops no other).
   */
  readonly follows?: readonly string[];
  /**
   * Services that follow this one for the sake of this resource type alone: they get their turn as
   * soon as a listing has proven that nothing of it is left, while the rest may take its time. They
   * are looked at once more when all of this service has ended. Not on resource types of users.
   */
  readonly awaitedBy?: readonly string[];
  /**
   * Fresh rows. Must not create anything (safety rule: listing must not create). Throws when it
   * can't know (safety rule: not listed is not empty), and class `Unsupported` where the cloud
   * lacks the extension; with a code that ends with `.hidden` where this release has such resources
   * and shows an administrator none of them: out of reach, and never empty.
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
   * A reason to leave this row alone for now: a port that its load balancer still owns. Counts as
   * left.
   */
  blocked?(row: Row, context: At): Blocker | undefined;
  remove(row: Row, context: At): Promise<Removal>;
  /** Used instead of `remove` when given: Swift's bulk delete. */
  readonly batch?: BatchRemoval<Row, At>;
}

export interface Service {
  readonly name: ServiceName;
  /**
   * Its types in Keystone's catalog, the official one first, then aliases: `block-storage`,
   * `volumev3`, `volume`.
   */
  readonly catalogTypes: readonly string[];
  /**
   * Types that stand in a catalog for the same resources, and that are never spoken to: an older
   * API, one in the manner of another cloud.
   */
  readonly catalogAliases: readonly string[];
  /**
   * Services that must be done before this one, whatever happens to them: workloads before their
   * guards (safety rule: workloads before their guards).
   */
  readonly after: readonly ServiceName[];
  /**
   * Services that get their turn first; one that cannot be listed does not hold this one up, which
   * is looked at once more after it (safety rule: one stuck resource stops no other).
   */
  readonly follows: readonly ServiceName[];
  /**
   * Services that follow all of this one: the same as {@link Service.follows}, said from the other
   * side. Of one resource type alone: {@link ResourceType.awaitedBy}.
   */
  readonly before: readonly ServiceName[];
  /** Follows every other service: what Keystone itself keeps of an account. */
  readonly last: boolean;
  /**
   * The word of the header (`compute`, or `X-OpenStack-Manila-API-Version` where a service has one
   * of its own) and the lowest and highest microversion that this file was written for.
   */
  readonly microversion:
    | { readonly header: string; readonly floor: string; readonly ceiling: string }
    | undefined;
  /**
   * `system`: its API lets only a token with system scope see other people's resources (class B).
   */
  readonly scope: 'project' | 'system';
  /**
   * Emptied while the project still lives, when an administrator asked for it: it has resource
   * types of class C or D, or does better with the project's own token.
   */
  readonly preDelete: boolean;
  /**
   * Why an operator must ask for it by name before it removes anything: `metering is often billing
   * evidence`.
   */
  readonly offByDefault: string | undefined;
  /** Set instead of resource types: why nothing in this service belongs to a project. */
  readonly noProjectResources: string | undefined;
  /** What its releases do differently, for the operator's page. */
  readonly releases: readonly string[];
  /** Calls at the same time, unless the settings say otherwise. */
  readonly concurrency: number;
  readonly resourceTypes: readonly ResourceType[];
  /** What of a deleted user it holds. */
  readonly userResourceTypes: readonly ResourceType<UserContext>[];
}

/** A kind whose row type was checked and is now closed over. */
export type DefinedType<At = ProjectContext> = (service: string) => ResourceType<At>;

/**
 * One kind of a service file. The row type is inferred from `list` and checked in the other
 * functions. Rule for `remove`: repeatable, and truthful about synchronous (`gone`) and
 * asynchronous (`accepted`) APIs.
 */
export function defineType<Row>(definition: ResourceTypeDefinition<Row>): DefinedType {
  return close(definition);
}

/**
 * One kind of what belongs to a user. The owner of a row is the user's id. What is not to be
 * removed and only breaks without the user (a stack with his trust) answers `retained` to its
 * removal, with what the operator can do.
 */
export function defineUserType<Row>(
  definition: Omit<ResourceTypeDefinition<Row, UserContext>, 'awaitedBy'>,
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
    after: (definition.after ?? []).map((name) => ResourceTypeName.parse(`${service}.${name}`)),
    follows: (definition.follows ?? []).map((name) => ResourceTypeName.parse(`${service}.${name}`)),
    awaitedBy: (definition.awaitedBy ?? []).map((name) => ServiceName.parse(name)),
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

export interface ServiceDefinition {
  readonly name: string;
  /** See {@link Service} for each of these. */
  readonly catalogTypes: readonly string[];
  readonly catalogAliases?: readonly string[];
  readonly after?: readonly string[];
  readonly follows?: readonly string[];
  readonly before?: readonly string[];
  readonly last?: boolean;
  readonly microversion?: {
    readonly header: string;
    readonly floor: string;
    readonly ceiling: string;
  };
  /** Default `project`. */
  readonly scope?: 'project' | 'system';
  /** Default: whether a resource type needs the project alive. */
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
 * A service as one value: everything else (queue, order, contract test, page, table of what it
 * holds) follows from it. Throws `TypeError` when a resource type names an unknown predecessor, a
 * name twice, when the order within the service has a cycle, when a service is to follow both all
 * of it and one resource type alone, and when it holds nothing without saying why.
 */
export function defineService(definition: ServiceDefinition): Service {
  const resourceTypes = (definition.resourceTypes ?? []).map((each) => each(definition.name));
  const userResourceTypes = (definition.userResourceTypes ?? []).map((each) =>
    each(definition.name),
  );
  assertOrder(definition.name, resourceTypes);
  assertOrder(definition.name, userResourceTypes);
  if ((resourceTypes.length === 0) !== (definition.noProjectResources !== undefined))
    throw new TypeError(
      `${definition.name}: a service has resource types, or says why it holds nothing`,
    );
  const both = resourceTypes
    .flatMap((resourceType) => resourceType.awaitedBy)
    .find((name) => definition.before?.includes(name));
  if (both)
    throw new TypeError(
      `${definition.name}: ${both} follows all of it, or one resource type alone`,
    );
  const names = (services: readonly string[] | undefined): ServiceName[] =>
    (services ?? []).map((name) => ServiceName.parse(name));
  return {
    name: ServiceName.parse(definition.name),
    catalogTypes: definition.catalogTypes,
    catalogAliases: definition.catalogAliases ?? [],
    after: names(definition.after),
    follows: names(definition.follows),
    before: names(definition.before),
    last: definition.last ?? false,
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

function assertOrder(
  service: string,
  resourceTypes: readonly Pick<ResourceType, 'name' | 'after' | 'follows'>[],
): void {
  const reached = new Set<ResourceTypeName>();
  for (let open = [...resourceTypes]; open.length > 0; ) {
    const ready = open.filter((resourceType) =>
      [...resourceType.after, ...resourceType.follows].every((name) => reached.has(name)),
    );
    if (ready.length === 0)
      throw new TypeError(
        `${service}: no order is possible among ${open.map((resourceType) => resourceType.name).join(', ')}`,
      );
    for (const resourceType of ready) reached.add(resourceType.name);
    open = open.filter((resourceType) => !reached.has(resourceType.name));
  }
  if (reached.size !== resourceTypes.length)
    throw new TypeError(
      `${service}: a resource type stands twice among ${resourceTypes.map((resourceType) => resourceType.name).join(', ')}`,
    );
}
