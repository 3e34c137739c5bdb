import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { engineError, errorFieldOf, messageOf } from './database.ts';

/** A data folder that this process has locked. */
export interface LockedFolder {
  /** The path of the folder with the files of PGlite. */
  readonly databasePath: string;
  /** Unlocks the data folder. */
  unlock(): void;
}

const SQLITE_BUSY = 5;

/**
 * Locks the data folder, because a second process would destroy the database. The lock is an open
 * transaction on an empty SQLite file. The operating system releases this lock when the process
 * ends, also after SIGKILL. The lock also works between containers that share a volume. The error
 * for a locked folder names the process in the file `pid`. Throws `engine.folder.in-use`, or
 * `engine.folder.unusable` if the folder cannot be written.
 */
export function lockFolder(folder: string): LockedFolder {
  const pidFile = join(folder, 'pid');
  const lock = openLock(folder);
  try {
    lock.exec('PRAGMA busy_timeout = 0; BEGIN EXCLUSIVE');
  } catch (error) {
    lock.close();
    if (errorFieldOf(error, 'errcode') !== SQLITE_BUSY) throw unusableError(folder, error);
    throw engineError(
      'folder.in-use',
      `The data folder ${folder} is in use by process ${readLockingProcess(pidFile)}.`,
      'Stop that process, or set PROPAGATOR_DATA to another folder. Several processes that share ' +
        'their data need a PostgreSQL server (DATABASE_URL).',
      error,
    );
  }
  writeFileSync(pidFile, `${process.pid}\n`);
  return {
    databasePath: join(folder, 'postgres'),
    unlock: () => {
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
    throw unusableError(folder, error);
  }
}

const unusableError = (folder: string, cause: unknown) =>
  engineError(
    'folder.unusable',
    `The data folder ${folder} cannot be used: ${messageOf(cause)}.`,
    'Set PROPAGATOR_DATA to a folder that this user may create and write.',
    cause,
  );

function readLockingProcess(pidFile: string): string {
  try {
    return readFileSync(pidFile, 'utf8').trim();
  } catch {
    return 'unknown';
  }
}
