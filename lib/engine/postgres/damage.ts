import { join } from 'node:path';
import { PropagatorError } from '../../shared/errors.ts';
import { detailOf, engineError, wordsOf } from './database.ts';
import { holdFolder } from './folder.ts';
import { moveAside } from './marker.ts';

/**
 * PostgreSQL's SQLSTATEs for a database that does not fit together: a damaged page, a damaged
 * index, a missing file, a file that cannot be read.
 */
const DAMAGE = ['XX001', 'XX002', '58P01', '58030'];

const WAY_ON =
  'Stop every process that uses the folder and restore it from a copy. To give up what it held and begin an empty database: propagator start --begin-empty';

/** An error of the embedded database as `engine.folder.damaged` with the file that it names. */
export function damageOf(error: unknown, folder: string | undefined): PropagatorError | undefined {
  if (folder === undefined || error instanceof PropagatorError) return undefined;
  const isAborted = /^Aborted\(|unreachable|RuntimeError|memory access/.test(wordsOf(error));
  if (!isAborted && !DAMAGE.includes(String(detailOf(error, 'code')))) return undefined;
  return damaged(join(folder, 'postgres'), wordsOf(error), error);
}

/** `engine.folder.damaged`: names the file, as far as PostgreSQL's words do, and the way on. */
export function damaged(database: string, words: string, cause: unknown): PropagatorError {
  const named = /"?((?:base|global|pg_\w+)\/[\w./-]+)"?/.exec(words)?.[1];
  const file = named === undefined ? database : join(database, named);
  // WebAssembly's last words say nothing of the cause.
  const reason = /^Aborted\(/.test(words) ? 'PostgreSQL stopped while it read it' : words;
  return engineError(
    'folder.damaged',
    `The embedded database is damaged at ${file}: ${reason}.`,
    WAY_ON,
    cause,
  );
}

/** Whether `--begin-empty` may replace the database over this error. */
export const isDamage = (thrown: unknown): boolean =>
  thrown instanceof PropagatorError &&
  ['engine.folder.damaged', 'engine.folder.incomplete'].includes(thrown.report.code);

/** Moves what is left of the database aside, while no other process holds the folder. */
export function beginAnew(folder: string, warn: (message: string) => void): void {
  const held = holdFolder(folder);
  try {
    const aside = moveAside(folder, held.database, new Date());
    warn(
      aside === undefined
        ? `A new, empty database begins in ${held.database}`
        : `A new, empty database begins; the old one is in ${aside}`,
    );
  } finally {
    held.release();
  }
}
