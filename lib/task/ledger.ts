import type { Counts } from '../../events/service.ts';
import { IdFilter } from './id-filter.ts';
import { SeenResources } from './seen-resources.ts';
import type { TypeIteration } from './type-iteration.ts';

/** By resource type: the number of resources that no earlier run of the task has listed. */
export type Fresh = Readonly<Record<string, number>>;

/** Collects the counts of one run for each resource type. */
export class Ledger {
  readonly #seenBefore: IdFilter;
  readonly #hasFilter: boolean;
  readonly #leftBefore: Readonly<Record<string, number>>;
  readonly #types = new Map<string, SeenResources>();
  readonly #seenIds: string | undefined;

  constructor(seenIds: string | undefined, leftBefore: Readonly<Record<string, number>>) {
    this.#seenIds = seenIds;
    this.#hasFilter = seenIds !== undefined;
    this.#seenBefore = IdFilter.from(seenIds);
    this.#leftBefore = leftBefore;
  }

  wasRemoved(resourceType: string, id: string): boolean {
    return this.#types.get(resourceType)?.wasRemoved(id) ?? false;
  }

  add({ resourceType, count, seen }: TypeIteration): void {
    const nothing = { listedIds: [], goneIds: [], listed: 0, gone: 0, isPartial: false };
    this.#of(resourceType).add(seen ?? { ...nothing, ...count });
  }

  get counts(): Counts {
    return Object.fromEntries([...this.#types].map(([name, seen]) => [name, seen.count]));
  }

  get fresh(): Fresh {
    return Object.fromEntries(
      [...this.#types].flatMap(([name, { fresh }]) => (fresh > 0 ? [[name, fresh]] : [])),
    );
  }

  /**
   * The ids of earlier runs and of this run, as text of an `IdFilter`; `undefined` before the first
   * listing.
   */
  get seenIds(): string | undefined {
    const filter = IdFilter.from(this.#seenIds);
    let added = false;
    for (const [name, seen] of this.#types)
      added = seen.addTo(filter, (id) => keyOf(name, id)) || added;
    return added || this.#hasFilter ? filter.toString() : undefined;
  }

  #of(resourceType: string): SeenResources {
    const known = this.#types.get(resourceType);
    if (known) return known;
    const seen = new SeenResources(
      (id) => this.#hasFilter && this.#seenBefore.has(keyOf(resourceType, id)),
      this.#leftBefore[resourceType],
    );
    this.#types.set(resourceType, seen);
    return seen;
  }
}

const keyOf = (resourceType: string, id: string): string => `${resourceType} ${id}`;
