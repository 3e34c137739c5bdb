/** One listing of a resource type, with the deletions in progress after it. */
export interface DeletionsUnderWay {
  /** The service, region and type. Durations are learned for each of them. */
  readonly type: string;
  /** The task that lists the resources. */
  readonly task: string;
  /** All ids of the listing. */
  readonly listedIds: readonly string[];
  /** The ids among them whose deletion is accepted and not confirmed yet. */
  readonly acceptedIds: readonly string[];
}

/** Longest delay of a listing. */
const MAX_WAIT_MILLIS = 10_000;
/**
 * The next listing follows after this part of the usual duration, because some deletions end
 * sooner.
 */
const SHARE = 0.8;
/** Weight of a new duration in the average. */
const WEIGHT = 0.5;
/** The maximum number of pairs of task and type that are tracked. The oldest pair is dropped. */
const MAX_FOLLOWED = 1000;
/** The maximum number of resources of one type and task that are tracked. */
const MAX_IDS = 1000;

/**
 * Measures the durations of the asynchronous deletions of each resource type. A listing can then be
 * delayed until it is likely to show a change. The data are in memory, with a limited size. A wrong
 * duration delays a listing by at most ten seconds.
 */
export class DeletionTimes {
  /** By type: the usual duration in milliseconds. */
  readonly #usual = new Map<string, number>();
  /** By task and type: when the deletion of each resource was accepted, in epoch milliseconds. */
  readonly #accepted = new Map<string, Map<string, number>>();

  /**
   * Records a listing at `now` (epoch milliseconds), and the deletions that followed it. Returns
   * the milliseconds until a listing is likely to show a change; 0 if unknown.
   */
  record({ type, task, listedIds, acceptedIds }: DeletionsUnderWay, now: number): number {
    const key = `${task} ${type}`;
    const before = this.#accepted.get(key) ?? new Map<string, number>();
    this.#learn(type, before, new Set(listedIds), now);
    const after = new Map(
      acceptedIds.slice(0, MAX_IDS).map((id) => [id, before.get(id) ?? now] as const),
    );
    this.#accepted.delete(key);
    if (after.size === 0) return 0;
    this.#accepted.set(key, after);
    for (const oldest of this.#accepted.keys())
      if (this.#accepted.size > MAX_FOLLOWED) this.#accepted.delete(oldest);
    const usual = this.#usual.get(type);
    if (usual === undefined) return 0;
    const newest = Math.max(...after.values());
    return Math.min(MAX_WAIT_MILLIS, Math.max(0, newest + usual * SHARE - now));
  }

  /**
   * Updates the usual duration with the most recent of the deletions that have ended. Deletions
   * that began earlier are not used, because they may have ended long before this listing.
   */
  #learn(
    type: string,
    before: ReadonlyMap<string, number>,
    listed: ReadonlySet<string>,
    now: number,
  ): void {
    const gone = [...before].flatMap(([id, at]) => (listed.has(id) ? [] : [now - at]));
    if (gone.length === 0) return;
    const shortest = Math.max(0, Math.min(...gone));
    const usual = this.#usual.get(type);
    this.#usual.set(type, usual === undefined ? shortest : usual + (shortest - usual) * WEIGHT);
  }
}
