import type { Count } from '../../events/service.ts';
import type { IdFilter } from './id-filter.ts';

/** The resources of one type that one iteration listed and removed, by id. */
export interface CountedIds {
  /** The ids of the owner's rows. */
  readonly listedIds: readonly string[];
  /** The ids in `listedIds` that the service reported as gone. */
  readonly goneIds: readonly string[];
  /** The number of resources: the rows, or the total of the service if that is higher. */
  readonly listed: number;
  readonly gone: number;
  /** True if the listing was cut. `listed` is then an estimate of the service. */
  readonly isPartial: boolean;
}

/**
 * Counts the resources of one type in one run, by id. A resource that several iterations list
 * counts once. A removed resource that is listed again counts as left.
 */
export class ResourceCounter {
  readonly #listedIds = new Set<string>();
  /** Ids that were reported gone in this run, even if they were listed again later. */
  readonly #removedIds = new Set<string>();
  /** Ids that were reported gone in this run and were not listed after that. */
  readonly #goneIds = new Set<string>();
  readonly #wasListedBefore: (id: string) => boolean;
  readonly #leftBefore: number | undefined;
  #newlyListedCount = 0;
  #highestListedCount = 0;
  #leftCount = 0;

  /**
   * `wasListedBefore`: true if an earlier run of the task listed the id. `leftBefore`: how many
   * resources were left at the end of the previous run, or `undefined` if unknown.
   */
  constructor(wasListedBefore: (id: string) => boolean, leftBefore: number | undefined) {
    this.#wasListedBefore = wasListedBefore;
    this.#leftBefore = leftBefore;
  }

  /** True if the service reported the resource as gone in this run. */
  wasRemoved(id: string): boolean {
    return this.#removedIds.has(id);
  }

  /** Adds the resources of one iteration. */
  add({ listedIds, goneIds, listed, gone, isPartial }: CountedIds): void {
    for (const id of listedIds) {
      if (!this.#listedIds.has(id) && !this.#wasListedBefore(id)) this.#newlyListedCount += 1;
      this.#listedIds.add(id);
      this.#goneIds.delete(id);
    }
    for (const id of goneIds) {
      this.#removedIds.add(id);
      this.#goneIds.add(id);
    }
    this.#highestListedCount = Math.max(this.#highestListedCount, listed, this.#listedIds.size);
    this.#leftCount = isPartial
      ? this.#estimateLeft(listedIds.length - gone, listed - gone)
      : listed - gone;
  }

  /**
   * Estimates how many resources are left after a listing that was cut. There are two estimates:
   *
   * - `leftByTotal`: the total of the service minus the removals of this iteration. The total may
   *   be minutes old (Swift);
   * - the number of resources at the start of the run minus all removals of the run.
   *
   * The lower estimate is used. The result is always higher than `rowsLeft`, the number of listed
   * rows that are left, because a listing that was cut omits at least one resource.
   */
  #estimateLeft(rowsLeft: number, leftByTotal: number): number {
    const countAtStart = Math.min(
      this.#highestListedCount,
      this.#leftBefore || this.#highestListedCount,
    );
    const leftByRemovals = countAtStart - this.#goneIds.size;
    return Math.max(rowsLeft + 1, Math.min(leftByTotal, leftByRemovals));
  }

  /** Returns the count of the run so far. */
  get count(): Count {
    return { listed: this.#highestListedCount, gone: this.#goneIds.size, left: this.#leftCount };
  }

  /** Returns the number of resources that no earlier run of the task listed. */
  get newlyListed(): number {
    return this.#newlyListedCount;
  }

  /** Adds all listed ids to `filter`. Returns false if no id was listed. */
  addTo(filter: IdFilter, keyOf: (id: string) => string): boolean {
    for (const id of this.#listedIds) filter.add(keyOf(id));
    return this.#listedIds.size > 0;
  }
}
