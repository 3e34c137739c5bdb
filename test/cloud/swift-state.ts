/** One object, or one version of it. */
export interface StoredObject {
  readonly name: string;
  readonly bytes: number;
  readonly contentType: string;
  readonly modified: number;
  /** Only in a versioned container. */
  readonly versionId?: string;
  /** True for a version that only marks the object as deleted. */
  readonly marker?: boolean;
  /** Full paths of the segments of a static large object. */
  readonly segments?: readonly string[];
}

/**
 * Swift sorts names by their bytes in UTF-8. JavaScript sorts by UTF-16 units, and the results
 * differ for surrogates.
 */
export function byBytes(a: string, b: string): number {
  if (surrogate.test(a) || surrogate.test(b)) return Buffer.compare(Buffer.from(a), Buffer.from(b));
  return a < b ? -1 : a > b ? 1 : 0;
}
const surrogate = /[\ud800-\udfff]/;

/** Names in order. Reading page after page stays fast while many names are deleted. */
export class SortedNames {
  #sorted: string[] = [];
  #dirty = false;
  readonly #rows = new Map<string, StoredObject>();

  get size(): number {
    return this.#rows.size;
  }
  get(name: string): StoredObject | undefined {
    return this.#rows.get(name);
  }
  set(row: StoredObject): void {
    this.#dirty ||= !this.#rows.has(row.name);
    this.#rows.set(row.name, row);
  }
  delete(name: string): boolean {
    const gone = this.#rows.delete(name);
    // Deleted names stay in the order until they are the majority.
    this.#dirty ||= this.#sorted.length > 64 && this.#rows.size < this.#sorted.length / 2;
    return gone;
  }
  values(): Iterable<StoredObject> {
    return this.#rows.values();
  }
  /** At most `limit` rows after `marker`. */
  after(marker: string, limit: number, wanted: (name: string) => boolean): StoredObject[] {
    if (this.#dirty) {
      this.#sorted = [...this.#rows.keys()].sort(byBytes);
      this.#dirty = false;
    }
    let low = 0;
    for (let high = this.#sorted.length; low < high; ) {
      const middle = (low + high) >> 1;
      if (byBytes(this.#sorted[middle] ?? '', marker) <= 0) low = middle + 1;
      else high = middle;
    }
    const found: StoredObject[] = [];
    for (let at = marker === '' ? 0 : low; at < this.#sorted.length && found.length < limit; at++) {
      const row = this.#rows.get(this.#sorted[at] ?? '');
      if (row && wanted(row.name)) found.push(row);
    }
    return found;
  }
}

export interface Container {
  readonly name: string;
  /** Versioning was switched on at some time; `enabled` is true if it still is. */
  versioning: 'never' | 'enabled' | 'suspended';
  readonly objects: SortedNames;
  /** All versions, the newest of a name first; empty without versioning. */
  versions: StoredObject[];
  readonly created: number;
  /**
   * Until this time the list is out of date: the deletion of the container is a conflict although
   * its list is empty.
   */
  behindUntil: number;
  readonly headers: Record<string, string>;
}

export interface Account {
  readonly name: string;
  readonly containers: Map<string, Container>;
  readonly created: number;
  deleted: boolean;
  readonly headers: Record<string, string>;
}

export const newAccount = (name: string, now: number): Account => ({
  name,
  containers: new Map(),
  created: now,
  deleted: false,
  headers: {},
});
export const newContainer = (name: string, now: number): Container => ({
  name,
  versioning: 'never',
  objects: new SortedNames(),
  versions: [],
  created: now,
  behindUntil: 0,
  headers: {},
});

/** Puts an object. A versioned container keeps the earlier version. */
export function put(container: Container, row: StoredObject): StoredObject {
  if (container.versioning === 'enabled') container.versions.unshift(row);
  if (row.marker) container.objects.delete(row.name);
  else container.objects.set(row);
  return row;
}
