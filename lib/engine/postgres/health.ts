import { type Database, engineError, messageOf } from './database.ts';
import { BOSS_SCHEMA } from './schema.ts';

/** A test write that takes longer than this has failed. */
const WRITE_TIMEOUT_MILLIS = 5000;
/**
 * The time limit of each statement. It is less than {@link WRITE_TIMEOUT_MILLIS}, so that the error
 * of PostgreSQL names the slow lock or statement.
 */
const STATEMENT_TIMEOUT_MILLIS = 4000;
/** For this time after a test write, {@link StoreHealth.check} uses its result again. */
const MAX_RESULT_AGE_MILLIS = 2000;
/** A failed commit makes the store unhealthy for this time, or until a commit succeeds. */
const UNHEALTHY_MILLIS = 60_000;

/**
 * Checks that the database accepts commits. A database that answers only reads is unhealthy, for
 * example because of a full disk, a read-only server, a locked table or a lack of free connections.
 */
export class StoreHealth {
  readonly #database: Database;
  readonly #now: () => number;
  #commitFailure: { readonly message: string; readonly at: number } | undefined;
  #lastWrite:
    | { readonly completion: Promise<void>; readonly at: number; isPending: boolean }
    | undefined;

  constructor(database: Database, now: () => number = () => performance.now()) {
    this.#database = database;
    this.#now = now;
  }

  /** Returns the result of a commit, and records whether the commit failed. */
  async recordCommit<T>(commit: Promise<T>): Promise<T> {
    try {
      const result = await commit;
      this.#commitFailure = undefined;
      return result;
    } catch (error) {
      this.#commitFailure = { message: messageOf(error), at: this.#now() };
      throw error;
    }
  }

  /**
   * Writes one row as a test. Throws `engine.database.not-writable` if this write fails, and also
   * during the minute after a failed commit. Throws `engine.database.slow` if the write takes
   * longer than 5 s. Concurrent calls, and calls within 2 s, share one write.
   */
  async check(): Promise<void> {
    await this.#withTimeout(this.#recentTestWrite());
    const failure = this.#commitFailure;
    if (failure && this.#now() - failure.at < UNHEALTHY_MILLIS)
      throw notWritableError(failure.message);
  }

  /** Returns the last test write if it is pending or new enough. Otherwise starts a test write. */
  #recentTestWrite(): Promise<void> {
    const lastWrite = this.#lastWrite;
    if (lastWrite && (lastWrite.isPending || this.#now() - lastWrite.at < MAX_RESULT_AGE_MILLIS))
      return lastWrite.completion;
    const completion = writeOneRow(this.#database).catch((error: unknown) => {
      throw notWritableError(messageOf(error), error);
    });
    const write = { completion, at: this.#now(), isPending: true };
    this.#lastWrite = write;
    const markEnded = () => {
      write.isPending = false;
    };
    completion.then(markEnded, markEnded);
    return completion;
  }

  async #withTimeout(work: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const timeout = new Promise<never>((_, reject) => {
      timer = setTimeout(() => reject(slowError()), WRITE_TIMEOUT_MILLIS);
    });
    await Promise.race([work, timeout]).finally(() => clearTimeout(timer));
  }
}

/** Takes the table locks that a commit takes, and writes one row. */
const writeOneRow = (database: Database): Promise<void> =>
  database.transaction(async (session) => {
    await session.query(`SET LOCAL statement_timeout = ${STATEMENT_TIMEOUT_MILLIS}`);
    for (const table of ['propagator.operation', 'propagator.task'])
      await session.query(`UPDATE ${table} SET version = version WHERE false`);
    await session.query(`UPDATE ${BOSS_SCHEMA}.job SET state = state WHERE false`);
    await session.query(
      `INSERT INTO propagator.counter (name, value) VALUES ('${HEALTH_COUNTER}', 1)
        ON CONFLICT (name) DO UPDATE SET value = propagator.counter.value + 1`,
    );
  });

/** The counter that a test write increases. */
const HEALTH_COUNTER = 'health.written';

const notWritableError = (message: string, cause?: unknown) =>
  engineError(
    'database.not-writable',
    `The database does not accept writes: ${message}.`,
    'Check the disk space, the connections and the locks of the database, and whether it is ' +
      'read-only.',
    cause,
  );

const slowError = () =>
  engineError(
    'database.slow',
    'The database did not store a small write within 5 s.',
    'Check the load, the locks and the connections of the database.',
  );
