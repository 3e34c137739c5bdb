import { type Database, engineError, messageOf } from './database.ts';
import { BOSS_SCHEMA } from './schema.ts';

/** A write that takes longer than this counts as failed. */
const ANSWER_MILLIS = 5000;
/** Less than `ANSWER_MILLIS`, so that the server's error names the slow lock or statement. */
const STATEMENT_MILLIS = 4000;
/** Checks within this time share one write. */
const SHARED_MILLIS = 2000;
/** After a failed commit the store is unhealthy for this time, or until a commit succeeds. */
const FAILURE_MILLIS = 60_000;

/**
 * Checks that the store accepts commits. A database that only answers reads is unhealthy. The cause
 * may be a full disk, a read-only server, a locked table or a lack of free connections.
 */
export class StoreHealth {
  readonly #database: Database;
  readonly #now: () => number;
  #failure: { readonly message: string; readonly at: number } | undefined;
  #write: { readonly done: Promise<void>; readonly at: number; pending: boolean } | undefined;

  constructor(database: Database, now: () => number = () => performance.now()) {
    this.#database = database;
    this.#now = now;
  }

  /** Returns the commit's result, and records whether the commit failed. */
  async observe<T>(commit: Promise<T>): Promise<T> {
    try {
      const result = await commit;
      this.#failure = undefined;
      return result;
    } catch (error) {
      this.#failure = { message: messageOf(error), at: this.#now() };
      throw error;
    }
  }

  /**
   * Throws `engine.database.not-writable` after a failed commit or a failed small write. Throws
   * `engine.database.slow` if the write takes longer than 5 s. Concurrent calls, and calls within 2
   * s, share one write.
   */
  async check(): Promise<void> {
    await this.#inTime(this.#shared());
    const failure = this.#failure;
    if (failure && this.#now() - failure.at < FAILURE_MILLIS) throw notWritable(failure.message);
  }

  #shared(): Promise<void> {
    const last = this.#write;
    if (last && (last.pending || this.#now() - last.at < SHARED_MILLIS)) return last.done;
    const done = probe(this.#database).catch((error: unknown) => {
      throw notWritable(messageOf(error), error);
    });
    const write = { done, at: this.#now(), pending: true };
    this.#write = write;
    const ended = () => {
      write.pending = false;
    };
    done.then(ended, ended);
    return done;
  }

  async #inTime(work: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(slow()), ANSWER_MILLIS);
    });
    await Promise.race([work, timeout]).finally(() => clearTimeout(timer));
  }
}

/** Takes the locks that a commit takes, and writes one row. */
const probe = (database: Database): Promise<void> =>
  database.transaction(async (session) => {
    await session.query(`SET LOCAL statement_timeout = ${STATEMENT_MILLIS}`);
    for (const table of ['propagator.operation', 'propagator.task'])
      await session.query(`UPDATE ${table} SET version = version WHERE false`);
    await session.query(`UPDATE ${BOSS_SCHEMA}.job SET state = state WHERE false`);
    await session.query(
      `INSERT INTO propagator.counter (name, value) VALUES ('${WRITES}', 1)
        ON CONFLICT (name) DO UPDATE SET value = propagator.counter.value + 1`,
    );
  });

/** The counter that a health check adds to. */
const WRITES = 'health.written';

const notWritable = (message: string, cause?: unknown) =>
  engineError(
    'database.not-writable',
    `The database does not accept writes: ${message}.`,
    'Check its disk space, its connections and locks, and whether the database is read-only.',
    cause,
  );

const slow = () =>
  engineError(
    'database.slow',
    'The database did not store a small write within 5 s.',
    'Check the load, the locks and the connections of the database.',
  );
