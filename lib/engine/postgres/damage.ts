import { join, resolve, sep } from 'node:path';
import { PropagatorError } from '../../shared/errors.ts';
import { engineError, errorFieldOf, messageOf } from './database.ts';
import { lockFolder } from './folder.ts';
import { renameDatabaseFolder } from './marker.ts';

/**
 * The SQLSTATEs of PostgreSQL for a damaged database: a damaged page, a damaged index, a missing
 * file, an unreadable file.
 */
const SQLSTATES_OF_DAMAGE = ['XX001', 'XX002', '58P01', '58030'];

const RESTORE_ADVICE =
  'Stop every process that uses the folder and restore it from a copy. To discard its ' +
  'contents and begin with an empty database: propagator start --begin-empty';

/**
 * Converts an error of PostgreSQL about damage to `engine.folder.damaged`; `undefined` for any
 * other error, and for a server (`folder` is `undefined`).
 */
export function toDamageError(
  error: unknown,
  folder: string | undefined,
): PropagatorError | undefined {
  if (folder === undefined || error instanceof PropagatorError) return undefined;
  const isAborted = /^Aborted\(|unreachable|RuntimeError|memory access/.test(messageOf(error));
  if (!isAborted && !SQLSTATES_OF_DAMAGE.includes(String(errorFieldOf(error, 'code'))))
    return undefined;
  return damageError(join(folder, 'postgres'), messageOf(error), error);
}

/**
 * Creates `engine.folder.damaged`. `message` is the message of PostgreSQL, which may name the
 * damaged file.
 */
export function damageError(
  databasePath: string,
  message: string,
  cause: unknown,
): PropagatorError {
  const damagedFile = /"?((?:base|global|pg_\w+)\/[\w./-]+)"?/.exec(message)?.[1];
  const file = damagedFile === undefined ? databasePath : join(databasePath, damagedFile);
  // WebAssembly's message for an abort does not name the cause.
  const reason = /^Aborted\(/.test(message)
    ? 'PostgreSQL stopped and did not name the damaged file'
    : message;
  return engineError(
    'folder.damaged',
    `The embedded database is damaged at ${file}: ${reason}.`,
    RESTORE_ADVICE,
    cause,
  );
}

/**
 * Converts an error of Node about a file outside of the data folder to `engine.installation`;
 * `undefined` for any other error. PGlite reads such files from its npm packages.
 */
export function toInstallationError(error: unknown, folder: string): PropagatorError | undefined {
  const path = errorFieldOf(error, 'path');
  if (typeof path !== 'string' || path.startsWith(resolve(folder) + sep)) return undefined;
  return packageFileError(error);
}

/** Creates `engine.installation` for an error of Node about a file of PGlite's package. */
export const packageFileError = (error: unknown): PropagatorError =>
  engineError(
    'installation',
    `A file of the installed embedded database cannot be read: ${messageOf(error)}.`,
    'Install the propagator again: npm ci. The data folder is not damaged.',
    error,
  );

/** True if `--begin-empty` may replace the database that caused this error. */
export const isDamageError = (thrown: unknown): boolean =>
  thrown instanceof PropagatorError &&
  ['engine.folder.damaged', 'engine.folder.incomplete'].includes(thrown.report.code);

/**
 * Renames the folder of the damaged database. Throws `engine.folder.in-use` if another process has
 * locked the data folder.
 */
export function moveDamagedFolder(folder: string, warn: (message: string) => void): void {
  const lockedFolder = lockFolder(folder);
  try {
    const movedFolder = renameDatabaseFolder(folder, lockedFolder.databasePath, new Date());
    warn(
      movedFolder === undefined
        ? `A new, empty database is created in ${lockedFolder.databasePath}`
        : `A new, empty database is created; the old one is in ${movedFolder}`,
    );
  } finally {
    lockedFolder.unlock();
  }
}
