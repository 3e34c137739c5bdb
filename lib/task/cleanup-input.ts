import type { ResourceTypeName } from '../../events/ids.ts';
import type { Condition, Counts, Phase } from '../../events/service.ts';
import type { NewlyListed } from './run-counter.ts';
import type { Confirmation } from './safety-rules.ts';
import type { ProjectContext, Service, UserContext } from './service.ts';
import type { FindBlockers, OnListed } from './type-iteration.ts';

/** The input that cleanups of projects and of users have in common. */
export interface CleanupInput {
  readonly service: Service;
  readonly phase: Phase;
  /** Safety rule "Keystone decides": without a confirmation only phase `plan` may run. */
  readonly confirmation: Confirmation | undefined;
  /**
   * Resource types that a recent listing verified empty. The run lists them only after all other
   * types are empty.
   */
  readonly skipTypes?: readonly ResourceTypeName[];
  /** Resource types that were verified empty while the project existed. */
  readonly verifiedBeforeDeletion?: readonly ResourceTypeName[];
  /**
   * Set in a partial run: the services that this service depends on and that have not ended yet.
   * The run handles only the types that are independent of all these services.
   */
  readonly awaitedServices?: readonly string[];
  /** The ids that earlier runs of the task listed (see `IdFilter`). */
  readonly seenIds?: string | undefined;
  /** By resource type: how many resources were left at the end of the previous run. */
  readonly leftBefore?: Readonly<Record<string, number>>;
  /** The maximum number of concurrent removals; default: the service's own value. */
  readonly concurrency?: number;
  /**
   * Epoch milliseconds. After this time no removal begins. If resources are left, the outcome of
   * the run is `again`.
   */
  readonly deadline: number;
  /**
   * Aborted when the process stops. After that no removal begins. If resources are left, the
   * outcome of the run is `again`.
   */
  readonly stopping?: AbortSignal | undefined;
  /**
   * Called before each removal. Returns the condition that stops all removals now, or `undefined`.
   */
  readonly whyHalted?: () => Promise<Condition | undefined>;
  /** Called after each listing, with the listed resources that belong to the account. */
  readonly onListed?: OnListed | undefined;
  /**
   * Called with the listed resources of a type before any of them is removed. Returns a blocker for
   * each resource that has a hold, or whose removal the approved plan does not allow.
   */
  readonly findBlockers?: FindBlockers | undefined;
  /**
   * Called right before each removal. Returns a blocker for each resource that has a hold. A person
   * may have added the hold after the call of `findBlockers`.
   */
  readonly findHolds?: FindBlockers | undefined;
  /**
   * Called once per listed type, with the listed ids and the ids whose deletion is still in
   * progress. Returns the milliseconds until a listing is likely to show a change (see
   * `DeletionDurations`).
   */
  readonly recordListingAndGetWaitMillis?: (
    resourceType: ResourceTypeName,
    listedIds: readonly string[],
    acceptedIds: readonly string[],
  ) => number;
  /** Called after each resource type, with the counts of the run so far. */
  readonly onCounts?: (counts: Counts, newlyListed: NewlyListed) => void;
}

/** The input of a cleanup of one service for a project. */
export interface ProjectCleanupInput extends CleanupInput {
  readonly context: ProjectContext;
}

/** The input of a cleanup of one service for a user. */
export interface UserCleanupInput extends CleanupInput {
  readonly context: UserContext;
}
