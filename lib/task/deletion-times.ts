/** Resources whose deletion a service has accepted, in one listing of one type. */
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

/** No listing is put off by more than this, however long deletions take here. */
const MAX_WAIT_MILLIS = 10_000;
/** The next listing begins after this share of the usual duration, because some end sooner. */
const SHARE = 0.8;
/** How much a new duration counts against those before it. */
const WEIGHT = 0.5;
/** The most tasks and types that are followed at a time. The oldest one is forgotten. */
const MAX_FOLLOWED = 1000;
/** The most resources of one type and task that are followed. */
const MAX_IDS = 1000;

/**
 * Learns how long the asynchronous deletions of each resource type take in this cloud, so that a
 * listing that cannot show a change yet is put off. It is kept for a process, and its size is
 * bounded. A wrong duration delays a listing by ten seconds at most, and changes nothing else.
 */
export class DeletionTimes {
  /** By type: the usual duration in milliseconds. */
  readonly #usual = new Map<string, number>();
  /** By task and type: when the deletion of each resource was accepted, in epoch milliseconds. */
  readonly #accepted = new Map<string, Map<string, number>>();

  /**
   * Records a listing at `now` (epoch milliseconds), and the deletions that followed it. Returns
   * the milliseconds until a listing is likely to show a change; 0 if that is not known.
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
   * The resource that was accepted last among those that are gone shows the shortest duration. The
   * others may have been gone long before this listing.
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
