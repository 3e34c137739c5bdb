import type { ConstructorOptions } from 'pg-boss';

export { engineError } from '../engine-error.ts';

export type Row = Readonly<Record<string, unknown>>;

/**
 * Runs queries on a connection, inside or outside a transaction. SQL uses `$1` placeholders; JSON
 * is passed as text and cast in SQL (`$1::text::jsonb`).
 */
export interface Session {
  query(sql: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** The database interface that pg-boss expects. */
export type BossDatabase = NonNullable<ConstructorOptions['db']>;

/** Called when `queue` has new messages. */
export type Listener = (queue: string) => void;

/** PostgreSQL, embedded or a server. All code above this interface is the same for both. */
export interface Database extends Session {
  readonly resourceType: 'embedded' | 'server';
  /**
   * Runs `work` in one transaction, and resolves when the data is on disk. If `work` throws, the
   * transaction is rolled back and the error is thrown again. `work` must use only its session:
   * {@link query} of the database would wait until this transaction ends.
   */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T>;
  readonly boss: BossDatabase;
  /** Runs several statements without values, for migrations. */
  script(sql: string): Promise<void>;
  /** Runs `work` under a lock that excludes other processes. */
  exclusively<T>(work: () => Promise<T>): Promise<T>;
  /** When the transaction commits, tells other processes that these queues have new messages. */
  notifyWorkers(session: Session, queues: readonly string[]): Promise<void>;
  /** Calls the listener when another process has called {@link notifyWorkers}. */
  listen(listener: Listener): void;
  /**
   * Runs vacuum and checkpoint after at least `afterBytes` of new write-ahead log. On a PostgreSQL
   * server this function does nothing, because the server does both.
   */
  housekeeping(afterBytes?: number): Promise<void>;
  close(): Promise<void>;
}

/** Adapts a session to pg-boss, so that pg-boss runs its statements in our transaction. */
export const bossOn = (session: Session): BossDatabase => ({
  executeSql: async (text, values) => ({ rows: await session.query(text, values ?? []) }),
});

/** Reads a field of a thrown value. `code` is PostgreSQL's SQLSTATE, for example `40P01`. */
export function detailOf(error: unknown, field: 'code' | 'errcode' | 'message'): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, field) : undefined;
}

/** Returns the message of a thrown value. */
export const messageOf = (error: unknown): string => String(detailOf(error, 'message') || error);
