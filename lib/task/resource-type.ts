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
  readonly canFollowDeletion?: boolean;
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
  /** Set when the resource must not be removed now, in any phase. */
  blocked: Blocker | undefined;
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
 * One resource type without its row type, as `lib/task` uses it. `At` is {@link UserContext} for
 * the resources of a user.
 */
export interface ResourceType<At = ProjectContext> {
  readonly name: ResourceTypeName;
  readonly requiresLiveProject: RequiresLiveProject | undefined;
  /** For the documentation page of the service: the causes that prevent or delay the removal. */
  readonly blockers: readonly string[];
  /** The types of the same service that this one depends on. */
  readonly dependsOn: readonly TypeDependency[];
  /** Services that the service depends on, and this type does not. */
  readonly independentOf?: readonly string[];
  /**
   * Returns the resources. `more`: the listing stopped before its end on purpose; `total` is then
   * the number of all resources. Throws when the list may be wrong.
   */
  list(context: At): Promise<{ resources: Resource[]; more: boolean; total?: number | undefined }>;
  /** Removes up to `most` resources of one listing with fewer calls. */
  readonly batch?: BatchRemoval<Resource, At> | undefined;
}

/**
 * A bulk removal. `remove` returns one result for each item, in the same order. If it throws, the
 * error applies to all items.
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
   * The types of the same service that are removed before this one. Use `required` until `empty`
   * for a type that creates or guards resources of this type. Use `preferred` until `done` if the
   * service refuses to remove a resource in use. With `preferred`, a stuck resource of the other
   * type does not block this type (safety rule "One stuck project stops no other").
   */
  readonly dependsOn?: readonly TypeDependencies[];
  /**
   * Services that the service depends on and this type does not. No resource of those services may
   * need a resource of this type or block its removal. This type is removed while those services
   * still run, and listed again after their end.
   */
  readonly independentOf?: readonly string[];
  /**
   * Lists the rows, without a cache. The calls must not create resources (safety rule "Listing must
   * not create"). Throws when the list may be wrong (safety rule "Not listed is not empty"). Throws
   * class `Unsupported` where the cloud lacks the extension. An error code that ends with `.hidden`
   * means that this release has resources of the type and does not show them to an administrator.
   * The type is then unreachable and never counts as empty.
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
  /** Epoch milliseconds of the creation; `NaN` if the row has no time. */
  createdAt?(row: Row): number;
  /** True if the resource itself carries a hold, in its tags or metadata (`propagator:hold`). */
  isHeld?(row: Row): boolean;
  /**
   * Returns a reason not to remove this row now, for example a port that its load balancer still
   * owns. The row counts as left.
   */
  blocked?(row: Row, context: At): Blocker | undefined;
  remove(row: Row, context: At): Promise<Removal>;
  /** Used instead of `remove` if set: Swift's bulk delete. */
  readonly batch?: BatchRemoval<Row, At>;
}
