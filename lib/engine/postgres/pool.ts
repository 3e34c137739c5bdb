import type pg from 'pg';
import { closedError } from '../engine-error.ts';
import { errorFieldOf, type Row, type Session } from './database.ts';

/** Returns the query for node-postgres. An engine may add the name of a prepared statement. */
export type ToQuery = (sql: string, values: readonly unknown[]) => pg.QueryConfig;

/** Adds no name. */
export const unnamedQuery: ToQuery = (text, values) => ({ text, values: [...values] });

export interface PoolOptions {
  readonly toQuery: ToQuery;
  /**
   * True: after an error of its connection, a client is removed from the pool and its connection is
   * closed. False: all clients use one connection that cannot be closed. If the pool removed a
   * client, the next client could receive answers that belong to the removed client.
   */
  readonly removesFailedClients: boolean;
  /** Called when a client that nobody uses loses its connection. */
  readonly onIdleError: (error: Error) => void;
}

/** Work on a client. It calls `onFailure` if the client must not be used again. */
type WorkOnClient<T> = (client: pg.PoolClient, onFailure: (error: Error) => void) => Promise<T>;

/**
 * True for an error with which PostgreSQL also closes the connection. Its socket may close later,
 * so the client still looks usable.
 */
const endsConnection = (error: unknown): error is Error =>
  error instanceof Error &&
  (['FATAL', 'PANIC'].includes(String(errorFieldOf(error, 'severity'))) ||
    /^(57P|08)/.test(String(errorFieldOf(error, 'code'))));

/**
 * A pool of node-postgres with two more guarantees. An error of a statement does not remove the
 * client. `end` waits until each accepted call has ended. The functions `query` and `end` of
 * node-postgres give neither guarantee.
 */
export class ConnectionPool {
  readonly #pool: pg.Pool;
  readonly #options: PoolOptions;
  readonly #acceptedCalls = new Set<Promise<unknown>>();
  #isEnding = false;

  constructor(pool: pg.Pool, options: PoolOptions) {
    this.#pool = pool;
    this.#options = options;
    pool.on('error', options.onIdleError);
    // A client may lose its connection before the caller of `connect` has the client. Without this
    // listener, the `error` event would end the process. With the listener, the first statement of
    // the caller fails and reports the loss.
    pool.on('connect', (client) => client.on('error', () => undefined));
  }

  /** Runs `work` with a client that no other call uses. Throws `engine.closed` after `end`. */
  #acceptCall<T>(work: WorkOnClient<T>): Promise<T> {
    if (this.#isEnding) return Promise.reject(closedError());
    const call = this.#borrowClient(work);
    const settlement = call.then(
      () => undefined,
      () => undefined,
    );
    this.#acceptedCalls.add(settlement);
    void settlement.then(() => this.#acceptedCalls.delete(settlement));
    return call;
  }

  /** Runs one statement, in its own transaction. */
  query(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return this.#acceptCall((client) => this.#queryOn(client, sql, values));
  }

  /**
   * Runs one text, which may be several statements with their own `BEGIN` and `COMMIT`. After an
   * error it rolls back: otherwise the client would stay in the failed transaction, and the next
   * statements on it would fail too.
   */
  runScript(query: pg.QueryConfig): Promise<pg.QueryResult<Row>> {
    return this.#acceptCall(async (client, onFailure) => {
      try {
        return await client.query<Row>(query);
      } catch (error) {
        await client.query('ROLLBACK').catch(onFailure);
        throw error;
      }
    });
  }

  /** Runs `work` in one transaction. See `Database.transaction`. */
  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#acceptCall((client, onFailure) => this.#runTransaction(client, onFailure, work));
  }

  /** Refuses new calls, waits until the accepted calls have ended, and closes the connections. */
  async end(): Promise<void> {
    this.#isEnding = true;
    await Promise.all(this.#acceptedCalls);
    await this.#pool.end();
  }

  async #borrowClient<T>(work: WorkOnClient<T>): Promise<T> {
    const client = await this.#pool.connect();
    let connectionFailure: Error | undefined;
    const onFailure = (error: Error): void => {
      connectionFailure = error;
    };
    client.on('error', onFailure);
    try {
      return await work(client, onFailure);
    } catch (error) {
      if (endsConnection(error)) onFailure(error);
      throw error;
    } finally {
      client.off('error', onFailure);
      client.release(this.#options.removesFailedClients ? connectionFailure : undefined);
    }
  }

  async #queryOn(
    client: pg.PoolClient,
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> {
    return (await client.query<Row>(this.#options.toQuery(sql, values))).rows;
  }

  async #runTransaction<T>(
    client: pg.PoolClient,
    onFailure: (error: Error) => void,
    work: (session: Session) => Promise<T>,
  ): Promise<T> {
    let hasEnded = false;
    const session: Session = {
      query: (sql, values) => {
        if (hasEnded) return Promise.reject(new Error('the transaction has ended'));
        return this.#queryOn(client, sql, values);
      },
    };
    try {
      await client.query('BEGIN');
      const result = await work(session);
      const { command } = await client.query('COMMIT');
      if (command !== 'COMMIT') throw new Error('PostgreSQL rolled the transaction back');
      return result;
    } catch (error) {
      await client.query('ROLLBACK').catch(onFailure);
      throw error;
    } finally {
      hasEnded = true;
    }
  }
}
