import type pg from 'pg';
import type { Row, Session } from './database.ts';

/** Returns the query for node-postgres. An engine may add the name of a prepared statement. */
export type ToQuery = (sql: string, values: readonly unknown[]) => pg.QueryConfig;

/** Returns the query without the name of a prepared statement. */
export const unnamedQuery: ToQuery = (text, values) => ({ text, values: [...values] });

/** Returns a session that runs its queries on this client, or on any client of this pool. */
export const sessionOn = (
  client: Pick<pg.Pool, 'query'> | Pick<pg.ClientBase, 'query'>,
  toQuery: ToQuery = unnamedQuery,
): Session => ({
  query: async (sql, values = []) => (await client.query<Row>(toQuery(sql, values))).rows,
});

/**
 * Keeps the process running if a connection is lost. A client may lose its connection before the
 * caller of `pool.connect` has the client. Without a listener, the `error` event would end the
 * process. With the listener, the first statement of the caller fails and reports the loss.
 */
export function surviveConnectionLoss(pool: pg.Pool, onIdleError: (error: Error) => void): void {
  pool.on('error', onIdleError);
  pool.on('connect', (client) => client.on('error', () => undefined));
}

/** Runs `work` in one transaction on a client of the pool. See `Database.transaction`. */
export async function transactionOn<T>(
  pool: pg.Pool,
  work: (session: Session) => Promise<T>,
  toQuery: ToQuery = unnamedQuery,
): Promise<T> {
  const client = await pool.connect();
  let connectionFailure: Error | undefined;
  const onError = (error: Error) => {
    connectionFailure = error;
  };
  client.on('error', onError);
  try {
    await client.query('BEGIN');
    const result = await work(sessionOn(client, toQuery));
    const { command } = await client.query('COMMIT');
    if (command !== 'COMMIT') throw new Error('PostgreSQL rolled the transaction back');
    return result;
  } catch (error) {
    await client.query('ROLLBACK').catch((rollbackError: Error) => {
      connectionFailure = rollbackError;
    });
    throw error;
  } finally {
    client.off('error', onError);
    // After a failure of the connection, the pool closes it and does not use it again.
    client.release(connectionFailure);
  }
}
