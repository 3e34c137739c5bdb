import type { ProjectId, ResourceTypeName, UserId } from '../../events/ids.ts';
import type { Condition, Count, Phase, VerificationStatus } from '../../events/service.ts';
import type { ErrorReport } from '../shared/errors.ts';
import type { CountedIds } from './resource-counter.ts';
import type { Blocker, CommonContext, ProjectContext, Resource, ResourceType } from './service.ts';

/** The result of one iteration for one resource type. */
export interface TypeResult {
  readonly resourceType: ResourceTypeName;
  /**
   * The result of a reliable listing. Confirmed removals alone never make a type `empty`. Only the
   * next listing does (safety rule "List again before finished").
   */
  readonly status: VerificationStatus;
  /** `undefined`: the type was not listed, or the listing failed. */
  readonly count: Count | undefined;
  readonly conditions: readonly Condition[];
  /** Errors of the listing or of removals. */
  readonly errors: readonly ErrorReport[];
  /** The ids that `count` counts; `undefined` if the type was not listed. */
  readonly countedIds?: CountedIds;
  /** The ids of the listed resources whose deletion the service has accepted, but not confirmed. */
  readonly acceptedIds?: readonly string[];
  /** Set when resources that an earlier iteration of the run removed were listed again. */
  readonly reappeared?: ErrorReport;
  /** Why the run may end although the type is not verified empty. */
  readonly leftReason?: LeftReason;
  /**
   * True if the type cannot be listed now, and `status` is the result of a listing before the
   * project's deletion.
   */
  readonly isFromBeforeDeletion?: boolean;
}

/**
 * Why a run may end although a type is not verified empty. `retained`: this release of the service
 * cannot remove the remaining resources, and they are harmless. `after-deletion`: the remaining
 * resources can also be removed after the project's deletion. `unreachable`: the project is
 * deleted, and the type can no longer be listed or removed (classes C and D).
 */
export type LeftReason =
  | { readonly type: 'retained' | 'after-deletion' }
  | { readonly type: 'unreachable'; readonly because: string };

/**
 * Receives the account's own resources of one listing. `total`: the full number of resources if the
 * listing was cut.
 */
export type OnListed = (
  resourceType: ResourceTypeName,
  resources: readonly Resource[],
  total: number | undefined,
) => void;

/**
 * Finds the resources among the listed ones that must not be removed now. Returns the blockers by
 * resource id. If the function throws, no resource of the type is removed.
 */
export type FindBlockers = (
  resourceType: ResourceTypeName,
  resources: readonly Resource[],
) => Promise<ReadonlyMap<string, Blocker>>;

/** The input of one iteration over the resource types of a service. */
export interface IterationInput<Context extends CommonContext = ProjectContext> {
  readonly service: string;
  readonly resourceTypes: readonly ResourceType<Context>[];
  readonly context: Context;
  /** The owner of the resources: the project or the user. */
  readonly owner: ProjectId | UserId;
  readonly phase: Phase;
  /** Resource types that were verified empty while the project existed. */
  readonly verifiedBeforeDeletion: readonly ResourceTypeName[];
  readonly concurrency: number;
  /** Epoch milliseconds after which no removal begins. */
  readonly deadline: number;
  /** Aborted when the process stops. No removal begins after that. */
  readonly stopping?: AbortSignal | undefined;
  /**
   * Called before each removal. Returns the condition that stops all removals now (safety rule
   * "Caps and a stop switch"), or `undefined`.
   */
  readonly whyHalted?: (() => Promise<Condition | undefined>) | undefined;
  /** Receives the account's own resources of each listing. */
  readonly onListed?: OnListed | undefined;
  /**
   * Called with the listed resources of a type before any of them is removed. Returns the resources
   * that a person holds or that the approved plan does not list.
   */
  readonly findBlockers?: FindBlockers | undefined;
  /**
   * Called right before each removal. Returns the resources that a person holds. A hold may have
   * been added after the call of `findBlockers`.
   */
  readonly findHolds?: FindBlockers | undefined;
  /** True if an earlier iteration of this run reported the resource as gone. */
  readonly wasRemoved?: (resourceType: ResourceTypeName, id: string) => boolean;
  /** Called with the result of each resource type. */
  readonly onType: (result: TypeResult) => void;
}

/** Returns the result for a type that was not listed, or whose listing failed. */
export const unlistedResult = (
  resourceType: ResourceTypeName,
  errors: readonly ErrorReport[] = [],
): TypeResult => ({ resourceType, status: 'unknown', count: undefined, conditions: [], errors });

/** True if the type is verified empty, or the run may end although resources may be left. */
export const allowsRunToEnd = ({ status, leftReason }: TypeResult): boolean =>
  status === 'empty' || leftReason !== undefined;

/**
 * True if the run has nothing more to remove of this type: the type allows the run to end, or
 * the service reported all listed resources as gone. Only the next listing can verify that the type
 * is empty.
 */
export const hasNothingLeft = (result: TypeResult): boolean =>
  allowsRunToEnd(result) || result.count?.left === 0;

/**
 * True if the types that wait until this type is empty (`until: 'empty'`) may be listed. An
 * unreachable or retained type must not stop other types.
 */
export const allowsDependents = ({ status, count, leftReason }: TypeResult): boolean =>
  status === 'empty' ||
  count?.left === 0 ||
  leftReason?.type === 'unreachable' ||
  leftReason?.type === 'retained';
