import type { Count } from '../../events/service.ts';
import type { IdFilter } from './id-filter.ts';

/** What one iteration saw and did with one resource type. */
export interface Seen {
  /** Of the project, one for each row that was listed. */
  readonly listedIds: readonly string[];
  /** Of these, the ones that the service said are gone. */
  readonly goneIds: readonly string[];
  /** Resources that there are: rows of the listing, or more where the service names a total. */
  readonly listed: number;
  readonly gone: number;
  /** The listing was cut short: `listed` is an estimate of the service. */
  readonly isPartial: boolean;
}

/**
 * The resources of one type that one run has seen, by id: a resource that is listed in several
 * iterations counts once, and one that was removed and is listed again counts as left, not as
 * another resource.
 */
export class SeenResources {
  readonly #listed = new Set<string>();
  /** Reported gone in this run, whether it was listed again later or not. */
  readonly #removed = new Set<string>();
  readonly #gone = new Set<string>();
  readonly #isKnown: (id: string) => boolean;
  readonly #leftBefore: number | undefined;
  #fresh = 0;
  #most = 0;
  #left = 0;

  /**
   * `isKnown`: whether an earlier run of the task has listed this id. `leftBefore`: how many were
   * left at the end of the run before; `undefined` when that is not known.
   */
  constructor(isKnown: (id: string) => boolean, leftBefore: number | undefined) {
    this.#isKnown = isKnown;
    this.#leftBefore = leftBefore;
  }

  /** The service said in this run that it is gone. */
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
   * The total of a service lags behind its own removals by minutes (Swift), so what this run
   * removed is subtracted from what was there before it. At least one more than the rows is left.
   */
  #estimate(rows: number, bySaidTotal: number): number {
    const before = Math.min(this.#most, this.#leftBefore || this.#most);
    return Math.max(rows + 1, Math.min(bySaidTotal, before - this.#gone.size));
  }

  /** The run so far. */
  get count(): Count {
    return { listed: this.#most, gone: this.#gone.size, left: this.#left };
  }

  /** Resources that no earlier run has listed. */
  get fresh(): number {
    return this.#fresh;
  }

  /** Says whether there was an id to add. */
  addTo(filter: IdFilter, keyOf: (id: string) => string): boolean {
    for (const id of this.#listed) filter.add(keyOf(id));
    return this.#listed.size > 0;
  }
}
