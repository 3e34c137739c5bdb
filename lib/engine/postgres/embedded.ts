import { PGlite } from '@electric-sql/pglite';
import { fromPglite } from 'pg-boss';
import { PropagatorError } from '../../shared/errors.ts';
import { type Database, engineError, type Row, type Session, wordsOf } from './database.ts';
import { beginFolder, DURABLE, SyncedFiles } from './files.ts';
import { holdFolder } from './folder.ts';
import { BUSY_TABLES } from './schema.ts';

/**
 * 160 MB of buffers, PGlite's default, buy nothing here: the operating system caches the files a
 * second time.
 */
const SMALL = [
  '-c',
  'shared_buffers=16MB',
  '-c',
  'maintenance_work_mem=16MB',
  '-c',
  'min_wal_size=32MB',
];
/**
 * Bytes of write-ahead log after which the tables are vacuumed and a checkpoint is written; also
 * bounds the recovery after a crash.
 */
const TIDY_AFTER_BYTES = 64 * 1024 * 1024;

/**
 * PostgreSQL in this process, in a folder. Throws `engine.folder.in-use`, `engine.folder.unusable`,
 * `engine.folder.damaged`.
 */
export async function openEmbedded(folder: string): Promise<Database> {
  const held = holdFolder(folder);
  try {
    const complete = beginFolder(folder, held.database);
    const pglite = await PGlite.create({
      fs: new SyncedFiles(held.database),
      startParams: [
        ...PGlite.defaultStartParams.filter((argument) => argument !== '-F'),
        ...DURABLE,
        ...SMALL,
      ],
    });
    await complete();
    return new Embedded(pglite, () => held.release());
  } catch (error) {
    held.release();
    if (error instanceof PropagatorError) throw error;
    throw engineError(
      'folder.damaged',
      `The database in ${held.database} can't be opened: ${wordsOf(error)}.`,
      'Is it from another version, or was it copied while in use? Move it away to begin with an empty one, or restore it from a copy.',
      error,
    );
  }
}

class Embedded implements Database {
  readonly resourceType = 'embedded';
  readonly boss;
  readonly #pglite: PGlite;
  readonly #release: () => void;
  #tidiedAt = '0/0';

  constructor(pglite: PGlite, release: () => void) {
    this.#pglite = pglite;
    this.#release = release;
    this.boss = fromPglite(pglite);
  }

  async query(sql: string, values: readonly unknown[] = []): Promise<Row[]> {
    return (await this.#pglite.query<Row>(sql, [...values])).rows;
  }

  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#pglite.transaction((transaction) =>
      work({
        query: async (sql, values = []) => (await transaction.query<Row>(sql, [...values])).rows,
      }),
    );
  }

  async script(sql: string): Promise<void> {
    await this.#pglite.exec(sql);
  }

  /** The folder's lock has seen to it. */
  alone<T>(work: () => Promise<T>): Promise<T> {
    return work();
  }

  announce(): Promise<void> {
    return Promise.resolve();
  }

  listen(): void {}

  /**
   * There is no autovacuum and no checkpointer in a PostgreSQL of one process: dead rows and the
   * log would only grow.
   */
  async housekeeping(afterBytes = TIDY_AFTER_BYTES): Promise<void> {
    const [log] = await this.query(
      'SELECT pg_current_wal_insert_lsn()::text AS at, pg_current_wal_insert_lsn() - $1::pg_lsn AS bytes',
      [this.#tidiedAt],
    );
    if (Number(log?.bytes) < afterBytes) return;
    for (const table of BUSY_TABLES) await this.#pglite.exec(`VACUUM (ANALYZE) ${table}`);
    await this.#pglite.exec('CHECKPOINT');
    this.#tidiedAt = String(log?.at);
  }

  async close(): Promise<void> {
    await this.#pglite.close();
    this.#release();
  }
}
