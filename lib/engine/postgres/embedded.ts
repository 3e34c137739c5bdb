import { PGlite } from '@electric-sql/pglite';
import { fromPglite } from 'pg-boss';
import { PropagatorError } from '../../shared/errors.ts';
import { spareCompilerMemory } from './compiler-memory.ts';
import { damageError } from './damage.ts';
import { type Database, messageOf, type Row, type Session } from './database.ts';
import { beginFolder, DURABLE, SyncedFiles } from './files.ts';
import { holdFolder } from './folder.ts';
import { readContents, writeContents } from './marker.ts';
import { BOSS_SCHEMA, BUSY_TABLES } from './schema.ts';

/**
 * Settings that reduce memory. Larger buffers, such as PGlite's default of 160 MB, have no benefit,
 * because the operating system also caches the files.
 */
const MEMORY_SETTINGS = [
  '-c',
  'shared_buffers=16MB',
  '-c',
  'maintenance_work_mem=16MB',
  '-c',
  'min_wal_size=32MB',
];
/**
 * Bytes of write-ahead log between two housekeeping runs (vacuum and checkpoint). PostgreSQL
 * replays at most this much log after a crash.
 */
const HOUSEKEEPING_AFTER_BYTES = 64 * 1024 * 1024;

/**
 * Opens PostgreSQL in this process, with its data in a folder. Throws `engine.folder.in-use`,
 * `engine.folder.unusable`, `engine.folder.damaged`, `engine.folder.incomplete`.
 */
export async function openEmbedded(folder: string): Promise<Database> {
  spareCompilerMemory();
  const lockedFolder = holdFolder(folder);
  try {
    const complete = beginFolder(folder, lockedFolder.database);
    const begunAt = readContents(folder)?.begunAt ?? new Date().toISOString();
    const pglite = await PGlite.create({
      fs: new SyncedFiles(lockedFolder.database),
      startParams: [
        ...PGlite.defaultStartParams.filter((argument) => argument !== '-F'),
        ...DURABLE,
        ...MEMORY_SETTINGS,
      ],
    });
    await complete();
    const embedded = new Embedded(pglite, folder, begunAt, () => lockedFolder.release());
    if (!readContents(folder))
      writeContents(folder, { ...NO_CONTENTS, begunAt, writtenAt: begunAt });
    return embedded;
  } catch (error) {
    lockedFolder.release();
    if (error instanceof PropagatorError) throw error;
    throw damageError(lockedFolder.database, messageOf(error), error);
  }
}

/** The counts of a new database. */
const NO_CONTENTS = { operations: 0, deadLetters: 0, waivers: 0 };

class Embedded implements Database {
  readonly resourceType = 'embedded';
  readonly boss;
  readonly #pglite: PGlite;
  readonly #folder: string;
  readonly #begunAt: string;
  readonly #release: () => void;
  #housekeptAt = '0/0';
  /** The counts in the folder's marker, as JSON. */
  #written = '';

  constructor(pglite: PGlite, folder: string, begunAt: string, release: () => void) {
    this.#pglite = pglite;
    this.#folder = folder;
    this.#begunAt = begunAt;
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

  /** The folder's lock already excludes other processes. */
  exclusively<T>(work: () => Promise<T>): Promise<T> {
    return work();
  }

  notifyWorkers(): Promise<void> {
    return Promise.resolve();
  }

  listen(): void {}

  /**
   * PGlite has no autovacuum and no checkpointer. Without this function, dead rows and the
   * write-ahead log would grow without limit.
   */
  async housekeeping(afterBytes = HOUSEKEEPING_AFTER_BYTES): Promise<void> {
    await this.#writeContents();
    const [log] = await this.query(
      'SELECT pg_current_wal_insert_lsn()::text AS at, pg_current_wal_insert_lsn() - ' +
        '$1::pg_lsn AS bytes',
      [this.#housekeptAt],
    );
    if (Number(log?.bytes) < afterBytes) return;
    for (const table of BUSY_TABLES) await this.#pglite.exec(`VACUUM (ANALYZE) ${table}`);
    await this.#pglite.exec('CHECKPOINT');
    this.#housekeptAt = String(log?.at);
  }

  async close(): Promise<void> {
    try {
      await this.#writeContents().catch(() => undefined);
      await this.#pglite.close();
    } finally {
      this.#release();
    }
  }

  /**
   * Throws before the first migration, because the tables do not exist. `close` ignores this error.
   */
  async #writeContents(): Promise<void> {
    const [held] = await this.query(`
      SELECT (SELECT count(*) FROM propagator.operation)::int AS operations,
        (SELECT count(*) FROM ${BOSS_SCHEMA}.job WHERE name LIKE '%-dead')::int AS dead_letters,
        (SELECT count(*) FROM propagator.waiver)::int AS waivers`);
    const counts = {
      operations: Number(held?.operations),
      deadLetters: Number(held?.dead_letters),
      waivers: Number(held?.waivers),
    };
    if (JSON.stringify(counts) === this.#written) return;
    const writtenAt = new Date().toISOString();
    writeContents(this.#folder, { begunAt: this.#begunAt, writtenAt, ...counts });
    this.#written = JSON.stringify(counts);
  }
}
