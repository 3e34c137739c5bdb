import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { detailOf, engineError, messageOf } from './database.ts';

/** The data folder, locked by this process until `release`. */
export interface HeldFolder {
  /** The folder of PGlite's files. */
  readonly database: string;
  release(): void;
}

const SQLITE_BUSY = 5;

/**
 * Locks the data folder, because a second process would destroy the database. The lock is an open
 * transaction on an empty SQLite file. The operating system releases it when the process ends in
 * any way. The lock also works between containers that share a volume. The file `pid` is used only
 * for the error message. Throws `engine.folder.in-use`, or `engine.folder.unusable` if the folder
 * cannot be written.
 */
export function holdFolder(folder: string): HeldFolder {
  const pidFile = join(folder, 'pid');
  const lock = openLock(folder);
  try {
    lock.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (detailOf(error, 'errcode') !== SQLITE_BUSY) throw unusable(folder, error);
    throw engineError(
      'folder.in-use',
      `The data folder ${folder} is in use by process ${holderOf(pidFile)}.`,
      'Stop that process, or give this one another folder (PROPAGATOR_DATA); several ' +
        'processes need a PostgreSQL server (DATABASE_URL).',
      error,
    );
  }
  writeFileSync(pidFile, `${process.pid}\n`);
  return {
    database: join(folder, 'postgres'),
    release: () => {
      rmSync(pidFile, { force: true });
      lock.close();
    },
  };
}

function openLock(folder: string): DatabaseSync {
  try {
    mkdirSync(folder, { recursive: true, mode: 0o700 });
    return new DatabaseSync(join(folder, 'lock'));
  } catch (error) {
    throw unusable(folder, error);
  }
}

const unusable = (folder: string, cause: unknown) =>
  engineError(
    'folder.unusable',
    `The data folder ${folder} cannot be used: ${messageOf(cause)}.`,
    'Set PROPAGATOR_DATA to a folder that this user may create and write.',
    cause,
  );

function holderOf(pidFile: string): string {
  try {
    return readFileSync(pidFile, 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
