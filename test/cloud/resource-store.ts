import { randomUUID } from 'node:crypto';

/** The fields of every row of the cloud. */
export interface Row {
  readonly id: string;
}

/** One resource of the cloud in any service. Tests compare these before and after. */
export interface Resource {
  readonly resourceType: string;
  readonly id: string;
  readonly owner: string;
  readonly label: string;
}

interface Described<T> {
  /** The project that owns the row; `undefined` if it belongs to the cloud or to a user. */
  owner(row: T): string | undefined;
  label(row: T): string;
}

/** All rows of one resource type, in the order they were made. */
export class Table<T extends Row> {
  readonly resourceType: string;
  readonly #described: Described<T>;
  readonly #rows = new Map<string, T>();

  constructor(resourceType: string, described: Described<T>) {
    this.resourceType = resourceType;
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

  /** The rows of a project with every field. */
  rows(projectId: string): T[] {
    return this.where((row) => this.#described.owner(row) === projectId);
  }

  resources(projectId?: string): Resource[] {
    const resources: Resource[] = [];
    for (const row of this.#rows.values()) {
      const owner = this.#described.owner(row);
      if (owner === undefined || owner === '' || (projectId !== undefined && owner !== projectId))
        continue;
      resources.push({
        resourceType: this.resourceType,
        id: row.id,
        owner,
        label: this.#described.label(row),
      });
    }
    return resources;
  }
}

interface ResourceSource {
  readonly resourceType: string;
  rows?(projectId: string): readonly Row[];
  resources(projectId?: string): Resource[];
}

/** All resources of the rehearsal cloud. */
export class ResourceStore {
  readonly #sources = new Map<string, ResourceSource>();

  /** A new resource type. Its rows count as resources of their owner. */
  table<T extends Row>(resourceType: string, described: Described<T>): Table<T> {
    const table = new Table<T>(resourceType, described);
    this.#sources.set(resourceType, table);
    return table;
  }

  /** Resources that are not rows of a table: Swift's containers and objects. */
  source(resourceType: string, resources: (projectId?: string) => Resource[]): void {
    this.#sources.set(resourceType, { resourceType, resources });
  }

  /** The rows of a project in one service with every field, by resource type. */
  rows(service: string, projectId: string): Record<string, readonly Row[]> {
    const sources = [...this.#sources.values()].filter(({ resourceType }) =>
      resourceType.startsWith(`${service}.`),
    );
    return Object.fromEntries(
      sources.map((source) => [source.resourceType, source.rows?.(projectId) ?? []]),
    );
  }

  /**
   * Resources of a project in all services, by type and id. Without an id, those of all projects.
   */
  resources(projectId?: string): Resource[] {
    const resources = [...this.#sources.values()].flatMap((source) => source.resources(projectId));
    return resources.sort(
      (a, b) => a.resourceType.localeCompare(b.resourceType) || (a.id < b.id ? -1 : 1),
    );
  }

  /** How many resources of each resource type a project owns. */
  count(projectId?: string): Record<string, number> {
    const count: Record<string, number> = {};
    for (const { resourceType } of this.resources(projectId))
      count[resourceType] = (count[resourceType] ?? 0) + 1;
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
