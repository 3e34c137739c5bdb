import { existsSync } from 'node:fs';
import { access, constants } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { PGlite } from '@electric-sql/pglite';
import { createPgConfig } from '@electric-sql/pglite/node-postgres';
import { dataDir } from '@electric-sql/pglite-prepopulatedfs';
import pg from 'pg';
import { PropagatorError } from '../../shared/errors.ts';
import { CheckedPGlite } from './checked-pglite.ts';
import { limitCompilerMemory } from './compiler-memory.ts';
import { damageError, packageFileError, toInstallationError } from './damage.ts';
import { type BossDatabase, type Database, messageOf, type Row, type Session } from './database.ts';
import { DURABLE_ARGUMENTS, prepareFolder, SyncedFiles } from './files.ts';
import { lockFolder } from './folder.ts';
import { createGroupedTransactions } from './grouped.ts';
import { readMarker, writeMarker } from './marker.ts';
import { ConnectionPool, unnamedQuery } from './pool.ts';
import { createPreparedQueries } from './prepared.ts';
import { BOSS_SCHEMA, BUSY_TABLES } from './schema.ts';

/**
 * Arguments of PostgreSQL. Larger buffers, such as the 160 MB of PGlite's default, have no benefit,
 * because the operating system also caches the files. Bitmap scans are off: without statistics
 * about a new queue, PostgreSQL would use a bitmap scan to read all waiting messages for each
 * batch, and then sort them. The index of pg-boss has the messages in order.
 */
const DATABASE_ARGUMENTS = [
  '-c',
  'shared_buffers=16MB',
  '-c',
  'maintenance_work_mem=16MB',
  '-c',
  'min_wal_size=32MB',
  '-c',
  'enable_bitmapscan=off',
];
/**
 * Vacuum and checkpoint run when PostgreSQL has written this number of bytes of write-ahead log.
 * After a crash, PostgreSQL replays about this much log.
 */
const HOUSEKEEPING_AFTER_BYTES = 64 * 1024 * 1024;

/** The files that PGlite reads from its package when it starts. */
const PACKAGE_FILES = ['pglite.wasm', 'initdb.wasm', 'pglite.data'];

/**
 * Throws `engine.installation` if a file of PGlite's package cannot be read. PGlite reads these
 * files in a promise that no caller can catch, so its own error ends the process.
 */
async function checkPackageFiles(): Promise<void> {
  const folder = dirname(createRequire(import.meta.url).resolve('@electric-sql/pglite'));
  try {
    for (const file of PACKAGE_FILES) await access(join(folder, file), constants.R_OK);
  } catch (error) {
    throw packageFileError(error);
  }
}

/**
 * Opens PostgreSQL in this process, with its data in a folder. Throws `engine.folder.in-use`,
 * `engine.folder.unusable`, `engine.folder.damaged`, `engine.folder.incomplete` or
 * `engine.installation`.
 */
export async function openEmbedded(folder: string): Promise<Database> {
  limitCompilerMemory();
  const lockedFolder = lockFolder(folder);
  try {
    await checkPackageFiles();
    const finishCreation = prepareFolder(folder, lockedFolder.databasePath);
    const isNewDatabase = !existsSync(lockedFolder.databasePath);
    const databaseCreatedAt = readMarker(folder)?.begunAt ?? new Date().toISOString();
    const pglite = new CheckedPGlite({
      fs: new SyncedFiles(lockedFolder.databasePath),
      // Loads a prepared data folder. Without it, PGlite would start three instances of PostgreSQL
      // to create the database (1.1 GB, 2 s).
      ...(isNewDatabase ? { loadDataDir: await dataDir() } : {}),
      startParams: [
        ...PGlite.defaultStartParams.filter((argument) => argument !== '-F'),
        ...DURABLE_ARGUMENTS,
        ...DATABASE_ARGUMENTS,
      ],
    });
    await pglite.waitReady;
    await finishCreation();
    const unlockFolder = () => lockedFolder.unlock();
    const embedded = new Embedded(pglite, folder, databaseCreatedAt, unlockFolder);
    if (!readMarker(folder))
      writeMarker(folder, {
        ...EMPTY_COUNTS,
        begunAt: databaseCreatedAt,
        writtenAt: databaseCreatedAt,
      });
    return embedded;
  } catch (error) {
    lockedFolder.unlock();
    if (error instanceof PropagatorError) throw error;
    throw (
      toInstallationError(error, folder) ??
      damageError(lockedFolder.databasePath, messageOf(error), error)
    );
  }
}

/** The numbers of records in a new database. */
const EMPTY_COUNTS = { operations: 0, deadLetters: 0, waivers: 0 };

class Embedded implements Database {
  readonly kind = 'embedded';
  readonly boss: BossDatabase;
  readonly #pglite: PGlite;
  readonly #toQuery = createPreparedQueries();
  /** A pool with the only connection of PGlite. */
  readonly #pool: ConnectionPool;
  readonly #runGrouped = createGroupedTransactions((work) => this.transaction(work));
  readonly #folder: string;
  readonly #databaseCreatedAt: string;
  readonly #unlockFolder: () => void;
  /** The position of the write-ahead log at the last vacuum and checkpoint. */
  #lastCheckpointPosition = '0/0';
  /** The numbers of records in the stored marker, as JSON. */
  #countsInMarker = '';

  constructor(pglite: PGlite, folder: string, databaseCreatedAt: string, unlockFolder: () => void) {
    this.#pglite = pglite;
    this.#folder = folder;
    this.#databaseCreatedAt = databaseCreatedAt;
    this.#unlockFolder = unlockFolder;
    this.#pool = new ConnectionPool(
      new pg.Pool({ ...createPgConfig(pglite), max: 1, idleTimeoutMillis: 0 }),
      { toQuery: this.#toQuery, removesFailedClients: false, onIdleError: () => undefined },
    );
    this.boss = {
      executeSql: (text, values = []) =>
        // Only a single statement can be prepared.
        this.#pool.runScript(
          text.includes(';') ? unnamedQuery(text, values) : this.#toQuery(text, values),
        ),
    };
  }

  query(sql: string, values?: readonly unknown[]): Promise<Row[]> {
    return this.#pool.query(sql, values);
  }

  transaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#pool.transaction(work);
  }

  groupedTransaction<T>(work: (session: Session) => Promise<T>): Promise<T> {
    return this.#runGrouped(work);
  }

  async runScript(sql: string): Promise<void> {
    await this.#pool.runScript(unnamedQuery(sql, []));
  }

  /** The folder's lock already excludes other processes. */
  runExclusively<T>(work: () => Promise<T>): Promise<T> {
    return work();
  }

  notifyWorkers(): Promise<void> {
    return Promise.resolve();
  }

  listen(): void {}

  /**
   * Writes the marker, the file with the numbers of records. Runs vacuum and a checkpoint if they
   * are due, because PGlite has no autovacuum and no checkpointer: dead rows and the write-ahead
   * log would grow without limit.
   */
  async housekeeping(afterBytes = HOUSEKEEPING_AFTER_BYTES): Promise<void> {
    await this.#writeMarker();
    const [writeAheadLog] = await this.query(
      'SELECT pg_current_wal_insert_lsn()::text AS at, pg_current_wal_insert_lsn() - ' +
        '$1::pg_lsn AS bytes',
      [this.#lastCheckpointPosition],
    );
    if (Number(writeAheadLog?.bytes) < afterBytes) return;
    for (const table of BUSY_TABLES) await this.runScript(`VACUUM (ANALYZE) ${table}`);
    await this.runScript('CHECKPOINT');
    this.#lastCheckpointPosition = String(writeAheadLog?.at);
  }

  async close(): Promise<void> {
    try {
      // After a failed migration the tables are missing, so the marker cannot be written.
      await this.#writeMarker().catch(() => undefined);
      await this.#pool.end();
      await this.#pglite.close();
    } finally {
      this.#unlockFolder();
    }
  }

  /**
   * Writes the marker if a number has changed. Before the first migration this function throws,
   * because the tables do not exist.
   */
  async #writeMarker(): Promise<void> {
    const [row] = await this.query(`
      SELECT (SELECT count(*) FROM propagator.operation)::int AS operations,
        (SELECT count(*) FROM ${BOSS_SCHEMA}.job WHERE name LIKE '%-dead')::int AS dead_letters,
        (SELECT count(*) FROM propagator.waiver)::int AS waivers`);
    const counts = {
      operations: Number(row?.operations),
      deadLetters: Number(row?.dead_letters),
      waivers: Number(row?.waivers),
    };
    if (JSON.stringify(counts) === this.#countsInMarker) return;
    const writtenAt = new Date().toISOString();
    writeMarker(this.#folder, { begunAt: this.#databaseCreatedAt, writtenAt, ...counts });
    this.#countsInMarker = JSON.stringify(counts);
  }
}
