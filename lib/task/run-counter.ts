import type { Counts } from '../../events/service.ts';
import { IdFilter } from './id-filter.ts';
import { ResourceCounter } from './resource-counter.ts';
import type { TypeResult } from './type-iteration.ts';

/** By resource type: the number of resources that no earlier run of the task has listed. */
export type NewlyListed = Readonly<Record<string, number>>;

/** Counts the resources of one run, by resource type. */
export class RunCounter {
  readonly #earlierIds: IdFilter;
  readonly #hasFilter: boolean;
  readonly #leftBefore: Readonly<Record<string, number>>;
  readonly #counters = new Map<string, ResourceCounter>();
  readonly #seenIds: string | undefined;

  /**
   * `seenIds`: the ids that earlier runs of the task listed (see `IdFilter`). `leftBefore`: by
   * resource type, how many resources were left at the end of the previous run.
   */
  constructor(seenIds: string | undefined, leftBefore: Readonly<Record<string, number>>) {
    this.#seenIds = seenIds;
    this.#hasFilter = seenIds !== undefined;
    this.#earlierIds = IdFilter.from(seenIds);
    this.#leftBefore = leftBefore;
  }

  wasRemoved(resourceType: string, id: string): boolean {
    return this.#counters.get(resourceType)?.wasRemoved(id) ?? false;
  }

  add({ resourceType, count, countedIds }: TypeResult): void {
    const withoutIds = { listedIds: [], goneIds: [], listed: 0, gone: 0, isPartial: false };
    this.#counterOf(resourceType).add(countedIds ?? { ...withoutIds, ...count });
  }

  get counts(): Counts {
    return Object.fromEntries([...this.#counters].map(([name, { count }]) => [name, count]));
  }

  get newlyListed(): NewlyListed {
    return Object.fromEntries(
      [...this.#counters].flatMap(([name, { newlyListed }]) =>
        newlyListed > 0 ? [[name, newlyListed]] : [],
      ),
    );
  }

  /**
   * The ids of earlier runs and of this run, as the text of an `IdFilter`; `undefined` before the
   * first listing.
   */
  get seenIds(): string | undefined {
    const filter = IdFilter.from(this.#seenIds);
    let hasAdded = false;
    for (const [name, counter] of this.#counters)
      hasAdded = counter.addTo(filter, (id) => keyOf(name, id)) || hasAdded;
    return hasAdded || this.#hasFilter ? filter.toString() : undefined;
  }

  #counterOf(resourceType: string): ResourceCounter {
    const counterOfType = this.#counters.get(resourceType);
    if (counterOfType) return counterOfType;
    const newCounter = new ResourceCounter(
      (id) => this.#hasFilter && this.#earlierIds.has(keyOf(resourceType, id)),
      this.#leftBefore[resourceType],
    );
    this.#counters.set(resourceType, newCounter);
    return newCounter;
  }
}

const keyOf = (resourceType: string, id: string): string => `${resourceType} ${id}`;
