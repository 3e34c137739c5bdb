import { randomUUID } from 'node:crypto';

/** What every row of the cloud has. */
export interface Row {
  readonly id: string;
}

/** One thing of the cloud, whatever its service: what tests compare before and after. */
export interface Thing {
  readonly kind: string;
  readonly id: string;
  readonly owner: string;
  readonly label: string;
}

interface Described<T> {
  /** The project that owns the row; `undefined` for what belongs to the cloud or to a user. */
  owner(row: T): string | undefined;
  label(row: T): string;
}

/** All rows of one kind, in the order they were made. */
export class Table<T extends Row> {
  readonly kind: string;
  readonly #described: Described<T>;
  readonly #rows = new Map<string, T>();

  constructor(kind: string, described: Described<T>) {
    this.kind = kind;
    this.#described = described;
  }

  add(row: T): T {
    this.#rows.set(row.id, row);
    return row;
  }

  get(id: string): T | undefined {
    return this.#rows.get(id);
  }

  delete(id: string): boolean {
    return this.#rows.delete(id);
  }

  all(): T[] {
    return [...this.#rows.values()];
  }

  where(wanted: (row: T) => boolean): T[] {
    const found: T[] = [];
    for (const row of this.#rows.values()) if (wanted(row)) found.push(row);
    return found;
  }

  some(wanted: (row: T) => boolean): boolean {
    for (const row of this.#rows.values()) if (wanted(row)) return true;
    return false;
  }

  get size(): number {
    return this.#rows.size;
  }

  things(projectId?: string): Thing[] {
    const things: Thing[] = [];
    for (const row of this.#rows.values()) {
      const owner = this.#described.owner(row);
      if (owner === undefined || owner === '' || (projectId !== undefined && owner !== projectId)) continue;
      things.push({ kind: this.kind, id: row.id, owner, label: this.#described.label(row) });
    }
    return things;
  }
}

interface Shelf {
  readonly kind: string;
  things(projectId?: string): Thing[];
}

/** Everything that exists in the rehearsal cloud. */
export class World {
  readonly #shelves = new Map<string, Shelf>();

  /** A new kind. Its rows count as things of their owner. */
  table<T extends Row>(kind: string, described: Described<T>): Table<T> {
    const table = new Table<T>(kind, described);
    this.#shelves.set(kind, table);
    return table;
  }

  /** Things that are not rows of a table: Swift's containers and objects. */
  shelf(kind: string, things: (projectId?: string) => Thing[]): void {
    this.#shelves.set(kind, { kind, things });
  }

  /** What a project owns in all services (of all projects without an id), sorted by kind and id. */
  things(projectId?: string): Thing[] {
    const things = [...this.#shelves.values()].flatMap((shelf) => shelf.things(projectId));
    return things.sort((a, b) => a.kind.localeCompare(b.kind) || (a.id < b.id ? -1 : 1));
  }

  /** How many things of each kind a project owns. */
  count(projectId?: string): Record<string, number> {
    const count: Record<string, number> = {};
    for (const { kind } of this.things(projectId)) count[kind] = (count[kind] ?? 0) + 1;
    return count;
  }
}

/** An id as Nova, Cinder, Neutron and Glance make them. */
export const uuid = (): string => randomUUID();
/** An id as Keystone makes them. */
export const hex = (): string => randomUUID().replaceAll('-', '');
/** `2026-11-23T05:42:05Z`, as most services write times. */
export const isoSeconds = (at: number): string => `${new Date(at).toISOString().slice(0, 19)}Z`;
/** `2026-11-23T05:42:05.000000`, as Cinder and Swift write them. */
export const isoMicros = (at: number): string => `${new Date(at).toISOString().slice(0, 23)}000`;
