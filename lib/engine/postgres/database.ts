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

/** The interface of the database that pg-boss uses. */
export type BossDatabase = NonNullable<ConstructorOptions['db']>;

/** Called when another process has sent messages to `queue`. */
export type QueueListener = (queue: string) => void;

/** PostgreSQL, embedded or on a server. The other modules of the engine are the same for both. */
export interface Database extends Session {
  readonly kind: 'embedded' | 'server';
  /**
   * Runs `work` in one transaction, and resolves when the data is on disk. If `work` throws, this
   * function rolls the transaction back and throws the same error. `work` must use only its
   * `session`: in the embedded database, `query` would wait until this transaction ends.
   */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T>;
  /**
   * Like {@link transaction}, but concurrent calls may share one transaction: in the embedded
   * database, each transaction waits for the disk. If `work` throws, the other calls are not
   * affected. `work` must not change a setting of its transaction (`SET LOCAL`).
   */
  groupedTransaction<T>(work: (session: Session) => Promise<T>): Promise<T>;
  readonly boss: BossDatabase;
  /** Runs several statements in one text, for migrations. */
  runScript(sql: string): Promise<void>;
  /** Runs `work` under a lock that excludes other processes. */
  runExclusively<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Notifies other processes, when the transaction commits, that these queues have new messages.
   */
  notifyWorkers(session: Session, queues: readonly string[]): Promise<void>;
  /** Calls the listener when another process has called {@link notifyWorkers}. */
  listen(listener: QueueListener): void;
  /**
   * Runs vacuum and a checkpoint if PostgreSQL has written at least `afterBytes` of write-ahead log
   * since the last vacuum. On a server this function does nothing, because the server does both.
   */
  housekeeping(afterBytes?: number): Promise<void>;
  close(): Promise<void>;
}

/**
 * Adapts a session to pg-boss, so that pg-boss runs its statements in the session's transaction.
 */
export const bossDatabaseOn = (session: Session): BossDatabase => ({
  executeSql: async (text, values) => ({ rows: await session.query(text, values ?? []) }),
});

/** Reads a field of a thrown value. `code` is PostgreSQL's SQLSTATE, for example `40P01`. */
export function errorFieldOf(
  error: unknown,
  field: 'code' | 'errcode' | 'message' | 'path' | 'severity',
): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, field) : undefined;
}

/** Returns the message of a thrown value. */
export const messageOf = (error: unknown): string =>
  String(errorFieldOf(error, 'message') || error);
