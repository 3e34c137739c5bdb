import type { ResourceTypeName } from '../../events/ids.ts';
import type { Actor, PropagatorError } from '../shared/errors.ts';
import type { ProjectContext, UserContext } from './context.ts';
import type { TypeDependencies, TypeDependency } from './dependencies.ts';

/** Why a resource cannot be removed now, and the actor that can change this. */
export interface Blocker {
  /** The service's message if there is one: `2 ports of project 4f… are on it`. */
  readonly message: string;
  readonly actor: Actor;
  readonly advice?: string;
  /** Set if a hold keeps the resource. */
  readonly isHold?: true;
  /**
   * True if the resource can also be removed after the project's deletion. Phase `pre-delete` then
   * ends without it, and phase `apply` removes it.
   */
  readonly isRemovableAfterDeletion?: boolean;
}

/**
 * The result of one removal. `gone`: the API is synchronous and confirmed the removal, or the
 * resource did not exist any more. `accepted`: the service accepted the deletion, which is in
 * progress; `stuckSince` (epoch milliseconds) is set when the deletion takes too long. `blocked`:
 * another resource or a hold prevents the removal. `retained`: this release of the service cannot
 * remove the resource, and the resource is harmless. A condition reports the resource, and the task
 * can end.
 */
export type Removal =
  | { readonly kind: 'gone' }
  | { readonly kind: 'accepted'; readonly stuckSince?: number }
  | ({ readonly kind: 'blocked' } & Blocker)
  | { readonly kind: 'retained'; readonly message: string; readonly advice: string };

/** One resource of a service. */
export interface Resource {
  readonly id: string;
  /** The owner that this row shows; `undefined` if the row shows none. */
  readonly owner: string | undefined;
  /** The name for logs and the operator. */
  readonly label: string | undefined;
  /** Epoch milliseconds of the creation; `undefined` if the listing does not show the time. */
  readonly createdAt?: number | undefined;
  /** Why the resource must not be removed now, in any phase; `undefined` if it may be removed. */
  blocked: Blocker | undefined;
  /**
   * Returns the ids of other resources that the service deletes together with this resource. A hold
   * on one of them also keeps this resource. `undefined`: the service deletes no other resource.
   * `heldTypes`: the types of all resources with a stored hold. The result may omit other types.
   */
  readonly idsDeletedTogether?:
    | ((heldTypes: ReadonlySet<string>) => Promise<readonly string[]>)
    | undefined;
  /** Requests the removal. The removal may be repeated. Throws {@link PropagatorError}. */
  remove(): Promise<Removal>;
}

/**
 * Why a resource type can be removed only while the project exists, and which resources are left
 * after its deletion. `C`: only a token on the project can list and remove it (Barbican's secrets).
 * `D`: any administrator can list it, but the service needs a trust or an application credential of
 * the deleted account to remove it (Blazar's leases).
 */
export interface RequiresLiveProject {
  readonly class: 'C' | 'D';
  /**
   * The resources that probably remain after the project's deletion, in a few words: `secrets,
   * containers and their copies in the secret store`.
   */
  readonly leftover: string;
  /** The advice for the operator, in one sentence. */
  readonly advice: string;
}

/**
 * One resource type, with the type of its rows hidden. `Context` is {@link UserContext} for the
 * resources of a user.
 */
export interface ResourceType<Context = ProjectContext> {
  readonly name: ResourceTypeName;
  readonly requiresLiveProject: RequiresLiveProject | undefined;
  /** For the documentation page of the service: the causes that prevent or delay the removal. */
  readonly blockers: readonly string[];
  /** The types of the same service that this type depends on. */
  readonly dependsOn: readonly TypeDependency[];
  /** Services that this type does not depend on, although its own service does. */
  readonly independentOf?: readonly string[];
  /**
   * Returns the resources that the service lists. `hasMore`: the listing stopped before its end on
   * purpose; `total` is then the number of all resources, if known. Throws when the list may be
   * wrong.
   */
  list(
    context: Context,
  ): Promise<{ resources: Resource[]; hasMore: boolean; total?: number | undefined }>;
  /** Set if one call of the service can remove several resources. */
  readonly batch?: BatchRemoval<Resource, Context> | undefined;
}

/**
 * The removal of up to `maxItems` items with one call. `remove` returns one result for each item,
 * in the same order. If `remove` throws, the error applies to all items.
 */
export interface BatchRemoval<Item, Context = ProjectContext> {
  readonly maxItems: number;
  remove(items: readonly Item[], context: Context): Promise<readonly (Removal | PropagatorError)[]>;
}

/** The definition of one resource type in a service file. */
export interface ResourceTypeDefinition<Row, Context = ProjectContext> {
  /** The name within the service, for example `server`. */
  readonly name: string;
  /**
   * Set for a type that cannot be removed after the project's deletion (classes C and D). Absent
   * for class A, which an administrator's token removes at any time.
   */
  readonly requiresLiveProject?: RequiresLiveProject;
  /**
   * For the documentation page of the service: the causes that prevent or delay the removal, one
   * short sentence each.
   */
  readonly blockers?: readonly string[];
  /**
   * The types of the same service that are removed before this type. Use `required` until `empty`
   * for a type that creates or guards resources of this type. Use `preferred` until `done` for a
   * type that uses resources of this type, if the service refuses to remove a resource in use. With
   * `preferred`, a stuck resource of the other type does not block this type (safety rule "One
   * stuck project stops no other").
   */
  readonly dependsOn?: readonly TypeDependencies[];
  /**
   * Services that this type does not depend on, although its own service does. No resource of those
   * services may need a resource of this type or block its removal. This type is removed while the
   * tasks of those services are still open, and is listed again after these tasks have ended.
   */
  readonly independentOf?: readonly string[];
  /**
   * Lists the rows, without a cache. The calls must not create resources (safety rule "Listing must
   * not create"). Throws when the list may be wrong (safety rule "Not listed is not empty"). Throws
   * class `Unsupported` where the cloud lacks the extension. An error code that ends with `.hidden`
   * means that this release of the service does not show resources of the type to an administrator.
   * The type is then unreachable, unless it was verified empty before the project's deletion.
   */
  list(
    context: Context,
  ): Promise<
    | readonly Row[]
    | { readonly rows: readonly Row[]; readonly hasMore: boolean; readonly total?: number }
  >;
  id(row: Row): string;
  owner(row: Row): string | undefined;
  label?(row: Row): string | undefined;
  /** Epoch milliseconds of the creation; `NaN` if the row has no time. */
  createdAt?(row: Row): number;
  /** True if the resource itself carries a hold, in its tags or metadata (`propagator:hold`). */
  isHeld?(row: Row): boolean;
  /**
   * Returns the ids of other resources, of any type and service, that the service deletes together
   * with this row, for example the subnets of a network. A hold on one of them also keeps this row.
   * Called only while a hold on a resource is in force. `heldTypes`: the types of these resources.
   * The result may omit the ids of other types.
   */
  idsDeletedTogether?(
    row: Row,
    context: Context,
    heldTypes: ReadonlySet<string>,
  ): readonly string[] | Promise<readonly string[]>;
  /**
   * Returns why this row must not be removed now, for example because a load balancer still owns
   * the port. The row counts as left.
   */
  blocked?(row: Row, context: Context): Blocker | undefined;
  remove(row: Row, context: Context): Promise<Removal>;
  /** Used instead of `remove` if set: Swift's bulk delete. */
  readonly batch?: BatchRemoval<Row, Context>;
}
