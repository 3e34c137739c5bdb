import type { ConstructorOptions } from 'pg-boss';

export { engineError } from '../engine-error.ts';

export type Row = Readonly<Record<string, unknown>>;

/**
 * One connection, within a transaction or not. `$1` placeholders; JSON goes in as text and is cast
 * there (`$1::text::jsonb`).
 */
export interface Session {
  query(sql: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** What pg-boss wants to see of a connection. */
export type BossDatabase = NonNullable<ConstructorOptions['db']>;

/** Hears that `queue` has something to take. */
export type Listener = (queue: string) => void;

/** PostgreSQL, embedded or a server: everything that differs between the two is behind this. */
export interface Database extends Session {
  readonly resourceType: 'embedded' | 'server';
  /**
   * All or nothing, and on disk when it resolves. A throw rolls back and comes through. Nothing may
   * ask {@link query} meanwhile from within.
   */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T>;
  readonly boss: BossDatabase;
  /** Statements without values, several at once; for migrations. */
  script(sql: string): Promise<void>;
  /** Runs it while no other process does the same. */
  alone<T>(work: () => Promise<T>): Promise<T>;
  /**
   * Tells other processes, when the transaction commits, that these queues have something to take.
   */
  announce(session: Session, queues: readonly string[]): Promise<void>;
  /** Hears what other processes announced. */
  listen(listener: Listener): void;
  /**
   * What a server's own daemons do, when so many bytes of log were written since: vacuum,
   * checkpoint.
   */
  housekeeping(afterBytes?: number): Promise<void>;
  close(): Promise<void>;
}

/** A session as pg-boss wants it, so that its statements become part of our transaction. */
export const bossOn = (session: Session): BossDatabase => ({
  executeSql: async (text, values) => ({ rows: await session.query(text, values ?? []) }),
});

/**
 * A field of a thrown value, whatever was thrown: `code` is PostgreSQL's SQLSTATE, for example
 * `40P01`.
 */
export function detailOf(error: unknown, field: 'code' | 'errcode' | 'message'): unknown {
  return typeof error === 'object' && error !== null ? Reflect.get(error, field) : undefined;
}

/** A thrown value in words. */
export const wordsOf = (error: unknown): string => String(detailOf(error, 'message') || error);
