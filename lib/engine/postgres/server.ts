import pg from 'pg';
import {
  type BossDatabase,
  type Database,
  engineError,
  messageOf,
  type QueueListener,
  type Row,
  type Session,
} from './database.ts';
import { NotificationListener } from './listen-notify.ts';

/**
 * The key of the advisory lock: the letters `kprop`. Other programs that use the same database must
 * use other keys.
 */
const MIGRATION_LOCK = 0x6b70726f70;
const CHANNEL_NAME = 'propagator';
/** Connections per process. A handler holds a connection only while its statements run. */
const MAX_CONNECTIONS = 10;

/**
 * Connects to a PostgreSQL server, version 13 or newer, which any number of processes may share.
 * Throws `engine.database.unreachable` without the URL, because the URL contains a password.
 */
export async function openServer(
  databaseUrl: string,
  warn: (message: string, cause?: unknown) => void,
): Promise<Database> {
  const options = {
    connectionString: databaseUrl,
    application_name: 'keystone-propagator',
    connectionTimeoutMillis: 10_000,
    keepAlive: true,
  };
  const pool = new pg.Pool({ ...options, max: MAX_CONNECTIONS });
  pool.on('error', (error) => warn('A connection to PostgreSQL was lost', error));
  // A server that stops may close a connection before the caller of `pool.connect` has its client.
  // Without this listener, the `error` event would end the process. With the listener, the first
  // statement of the caller fails, and reports the lost connection.
  pool.on('connect', (client) => client.on('error', () => undefined));
  try {
    await pool.query('SELECT 1');
  } catch (error) {
    await pool.end();
    throw engineError(
      'database.unreachable',
      `PostgreSQL at ${addressOf(databaseUrl)} cannot be used: ${reasonOf(error)}.`,
      'Check DATABASE_URL, that the server runs, and that this user may log in.',
      error,
    );
  }
  return new Server(
    pool,
    new NotificationListener(() => new pg.Client(options), CHANNEL_NAME, warn),
  );
}

function addressOf(databaseUrl: string): string {
  const url = URL.parse(databaseUrl);
  return url ? `${url.host}${url.pathname}` : 'the address in DATABASE_URL';
}

/** node-postgres throws an AggregateError without a message when no address of a host answers. */
const reasonOf = (error: unknown): string =>
  error instanceof AggregateError ? error.errors.map(messageOf).join(', ') : messageOf(error);

class Server implements Database {
  readonly kind = 'server';
  readonly boss: BossDatabase;
  readonly #pool: pg.Pool;
  readonly #listener: NotificationListener;
  readonly #name = crypto.randomUUID();

  constructor(pool: pg.Pool, listener: NotificationListener) {
    this.#pool = pool;
    this.#listener = listener;
    // pg-boss may send several statements in one text. node-postgres then returns an array of
    // results, which pg-boss accepts.
    this.boss = { executeSql: (text, values) => pool.query(text, values) };
  }

  async query(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.#pool.query<Row>(sql, [...values])).rows;
  }

  async transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    const client = await this.#pool.connect();
    let connectionFailure: Error | undefined;
    const onError = (error: Error) => {
      connectionFailure = error;
    };
    client.on('error', onError);
    try {
      await client.query('BEGIN');
      const result = await work({
        query: async (sql, values = []) => (await client.query<Row>(sql, [...values])).rows,
      });
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

  async script(sql: string): Promise<void> {
    await this.#pool.query(sql);
  }

  /** The lock belongs to a transaction, because a session lock does not work behind a pooler. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.transaction(async (session) => {
      await session.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
      return work();
    });
  }

  async notifyWorkers(session: Session, queues: readonly string[]): Promise<void> {
    if (queues.length > 0)
      await session.query(
        `SELECT pg_notify('${CHANNEL_NAME}', $1 || ' ' || queue) FROM unnest($2::text[]) AS queue`,
        [this.#name, queues],
      );
  }

  listen(listener: QueueListener): void {
    this.#listener.listen((payload) => {
      const [sender, queue] = payload.split(' ');
      if (queue !== undefined && sender !== this.#name) listener(queue);
    });
  }

  /** The server runs vacuum and checkpoints. */
  housekeeping(): Promise<void> {
    return Promise.resolve();
  }

  async close(): Promise<void> {
    await this.#listener.close();
    await this.#pool.end();
  }
}
