/** The state of one resource, recorded before suspend made its first change to the resource. */
export interface SuspensionRecord {
  readonly resourceType: string;
  readonly id: string;
  /** The state that resume restores. The schema of the resource type validates it. */
  readonly recordedState: unknown;
  /** Epoch milliseconds when it was recorded. */
  readonly recordedAt: number;
  /** Optimistic lock; 0 for a new record. */
  readonly version: number;
}

/** The stored records of one project, service and region. */
export interface SuspensionRecords {
  all(): Promise<SuspensionRecord[]>;
  /**
   * Stores new records. An existing record of a resource is kept. Returns all records that are
   * stored after that.
   */
  add(records: readonly SuspensionRecord[]): Promise<SuspensionRecord[]>;
  /** Replaces the record of a resource that another actor has changed after the suspension. */
  replace(record: SuspensionRecord): Promise<void>;
  remove(records: readonly SuspensionRecord[]): Promise<void>;
}

/** Returns the key of a record within its service and region. */
export const recordKey = ({
  resourceType,
  id,
}: Pick<SuspensionRecord, 'resourceType' | 'id'>): string => `${resourceType}/${id}`;
