import type { Count } from '../../events/service.ts';
import type { IdFilter } from './id-filter.ts';

/** The resources of one type in one iteration. */
export interface Seen {
  /** The ids of the owner's rows. */
  readonly listedIds: readonly string[];
  /** The ids among them that the service reported as gone. */
  readonly goneIds: readonly string[];
  /** The number of resources: the rows, or the total of the service if that is higher. */
  readonly listed: number;
  readonly gone: number;
  /** True if the listing was cut, so that `listed` is an estimate of the service. */
  readonly isPartial: boolean;
}

/**
 * Counts the resources of one type in one run, by id. A resource that several iterations list
 * counts once. A removed resource that is listed again counts as left.
 */
export class SeenResources {
  readonly #listed = new Set<string>();
  /** Ids that were reported gone in this run, even if they were listed again later. */
  readonly #removed = new Set<string>();
  readonly #gone = new Set<string>();
  readonly #isKnown: (id: string) => boolean;
  readonly #leftBefore: number | undefined;
  #fresh = 0;
  #most = 0;
  #left = 0;

  /**
   * `isKnown`: true if an earlier run of the task listed the id. `leftBefore`: how many resources
   * were left at the end of the previous run, or `undefined` if unknown.
   */
  constructor(isKnown: (id: string) => boolean, leftBefore: number | undefined) {
    this.#isKnown = isKnown;
    this.#leftBefore = leftBefore;
  }

  /** True if the service reported the resource as gone in this run. */
  wasRemoved(id: string): boolean {
    return this.#removed.has(id);
  }

  add({ listedIds, goneIds, listed, gone, isPartial }: Seen): void {
    for (const id of listedIds) {
      if (!this.#listed.has(id) && !this.#isKnown(id)) this.#fresh += 1;
      this.#listed.add(id);
      this.#gone.delete(id);
    }
    for (const id of goneIds) {
      this.#removed.add(id);
      this.#gone.add(id);
    }
    this.#most = Math.max(this.#most, listed, this.#listed.size);
    this.#left = isPartial ? this.#estimate(listedIds.length - gone, listed - gone) : listed - gone;
  }

  /**
   * Estimates how many resources are left if the listing was cut. The service's total may be
   * minutes old (Swift), so the estimate also subtracts the removals of this run from the number at
   * its beginning. The lower of the two results is used. The listing was cut, so at least one
   * resource more than the listed rows is left.
   */
  #estimate(rows: number, byReportedTotal: number): number {
    const before = Math.min(this.#most, this.#leftBefore || this.#most);
    return Math.max(rows + 1, Math.min(byReportedTotal, before - this.#gone.size));
  }

  /** Returns the count of the run so far. */
  get count(): Count {
    return { listed: this.#most, gone: this.#gone.size, left: this.#left };
  }

  /** Returns the number of resources that no earlier run listed. */
  get fresh(): number {
    return this.#fresh;
  }

  /** Adds all listed ids to `filter`. Returns false if no id was listed. */
  addTo(filter: IdFilter, keyOf: (id: string) => string): boolean {
    for (const id of this.#listed) filter.add(keyOf(id));
    return this.#listed.size > 0;
  }
}
