/** One listing of a resource type, with the deletions that were in progress after it. */
export interface ListedDeletions {
  /** The resource type and the region. Each combination has its own usual duration. */
  readonly type: string;
  /** The id of the task that lists the resources. */
  readonly task: string;
  /** All ids of the listing. */
  readonly listedIds: readonly string[];
  /** The ids in `listedIds` whose deletion the service has accepted and not confirmed yet. */
  readonly acceptedIds: readonly string[];
}

/** The longest time until the next listing. */
const MAX_WAIT_MILLIS = 10_000;
/**
 * The next listing follows after this part of the usual duration, because some deletions end
 * sooner.
 */
const WAITED_SHARE = 0.8;
/** The weight of a new duration in the moving average. */
const NEW_DURATION_WEIGHT = 0.5;
/** The maximum number of pairs of task and type that are tracked. The oldest pair is dropped. */
const MAX_TRACKED_PAIRS = 1000;
/** The maximum number of resources of one type and task that are tracked. */
const MAX_TRACKED_IDS = 1000;

/**
 * Measures the durations of the asynchronous deletions of each resource type. A listing can then be
 * delayed until it is likely to show a change. The data are in memory, with a limited size. A wrong
 * duration delays a listing by at most ten seconds.
 */
export class DeletionDurations {
  /** By type: the usual duration in milliseconds. */
  readonly #usualMillis = new Map<string, number>();
  /**
   * By task and type, then by resource id: when the deletion was accepted, in epoch milliseconds.
   */
  readonly #acceptedAt = new Map<string, Map<string, number>>();

  /**
   * Records a listing at `now` (epoch milliseconds), and the deletions that followed it. Returns
   * the milliseconds until a listing is likely to show a change; 0 if unknown.
   */
  record({ type, task, listedIds, acceptedIds }: ListedDeletions, now: number): number {
    const key = `${task} ${type}`;
    const earlierAcceptedAt = this.#acceptedAt.get(key) ?? new Map<string, number>();
    this.#updateUsualMillis(type, earlierAcceptedAt, new Set(listedIds), now);
    const newAcceptedAt = new Map(
      acceptedIds
        .slice(0, MAX_TRACKED_IDS)
        .map((id) => [id, earlierAcceptedAt.get(id) ?? now] as const),
    );
    this.#acceptedAt.delete(key);
    if (newAcceptedAt.size === 0) return 0;
    this.#acceptedAt.set(key, newAcceptedAt);
    for (const oldest of this.#acceptedAt.keys())
      if (this.#acceptedAt.size > MAX_TRACKED_PAIRS) this.#acceptedAt.delete(oldest);
    const usualDeletionMillis = this.#usualMillis.get(type);
    if (usualDeletionMillis === undefined) return 0;
    const lastAcceptedAt = Math.max(...newAcceptedAt.values());
    const nextListingAt = lastAcceptedAt + usualDeletionMillis * WAITED_SHARE;
    return Math.min(MAX_WAIT_MILLIS, Math.max(0, nextListingAt - now));
  }

  /**
   * Updates the usual duration. Among the deletions that this listing shows as ended, only the one
   * that was accepted last is used. The others may have ended long before this listing.
   */
  #updateUsualMillis(
    type: string,
    earlierAcceptedAt: ReadonlyMap<string, number>,
    listed: ReadonlySet<string>,
    now: number,
  ): void {
    const goneAfterMillis = [...earlierAcceptedAt].flatMap(([id, at]) =>
      listed.has(id) ? [] : [now - at],
    );
    if (goneAfterMillis.length === 0) return;
    const shortestMillis = Math.max(0, Math.min(...goneAfterMillis));
    const usual = this.#usualMillis.get(type);
    this.#usualMillis.set(
      type,
      usual === undefined ? shortestMillis : usual + (shortestMillis - usual) * NEW_DURATION_WEIGHT,
    );
  }
}
