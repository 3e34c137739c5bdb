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
import { ConnectionPool, unnamedQuery } from './pool.ts';

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
 * Throws `engine.database.unreachable`. This error does not contain the URL, because the URL
 * contains a password.
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
  const pool = new ConnectionPool(new pg.Pool({ ...options, max: MAX_CONNECTIONS }), {
    // A prepared statement does not work behind a pooler, which may change the connection.
    toQuery: unnamedQuery,
    removesFailedClients: true,
    onIdleError: (error) => warn('A connection to PostgreSQL was lost', error),
  });
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
  readonly #pool: ConnectionPool;
  readonly #listener: NotificationListener;
  /** Names this process in its `NOTIFY` messages, so that it can ignore them. */
  readonly #senderId = crypto.randomUUID();

  constructor(pool: ConnectionPool, listener: NotificationListener) {
    this.#pool = pool;
    this.#listener = listener;
    // pg-boss may send several statements in one text. node-postgres then returns an array of
    // results, which pg-boss accepts.
    this.boss = {
      executeSql: (text, values = []) => pool.runScript(unnamedQuery(text, values)),
    };
  }

  query(sql: string, values?: readonly unknown[]): Promise<Row[]> {
    return this.#pool.query(sql, values);
  }

  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#pool.transaction(work);
  }

  /**
   * Runs a normal transaction, because PostgreSQL itself writes concurrent commits to the disk
   * together (group commit).
   */
  groupedTransaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.transaction(work);
  }

  async runScript(sql: string): Promise<void> {
    await this.#pool.runScript(unnamedQuery(sql, []));
  }

  /** The lock belongs to a transaction, because a session lock does not work behind a pooler. */
  runExclusively<T>(work: () => Promise<T>): Promise<T> {
    return this.transaction(async (session) => {
      await session.query('SELECT pg_advisory_xact_lock($1)', [MIGRATION_LOCK]);
      return work();
    });
  }

  async notifyWorkers(session: Session, queues: readonly string[]): Promise<void> {
    if (queues.length > 0)
      await session.query(
        `SELECT pg_notify('${CHANNEL_NAME}', $1 || ' ' || queue) FROM unnest($2::text[]) AS queue`,
        [this.#senderId, queues],
      );
  }

  listen(listener: QueueListener): void {
    this.#listener.listen((payload) => {
      const [sender, queue] = payload.split(' ');
      if (queue !== undefined && sender !== this.#senderId) listener(queue);
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
