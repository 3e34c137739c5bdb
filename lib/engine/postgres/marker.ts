import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs';
import { join } from 'node:path';
import * as z from 'zod';
import { countText } from '../../shared/count-text.ts';
import { engineError } from './database.ts';

/**
 * The marker of a data folder: the file `contents.json`. It has the numbers of records at the last
 * close or housekeeping. A data folder with a marker and without a database has lost its database.
 */
const Marker = z.object({
  begunAt: z.string(),
  writtenAt: z.string(),
  operations: z.number().int(),
  deadLetters: z.number().int(),
  waivers: z.number().int(),
});
export type Marker = z.infer<typeof Marker>;

const MARKER_FILE = 'contents.json';
/** If one of these is missing, PostgreSQL refuses the folder or creates a new database in it. */
const REQUIRED_FILES = ['PG_VERSION', 'global/pg_control', 'base', 'pg_wal'];

/** Reads the marker of a data folder; `undefined` if it is missing or unreadable. */
export function readMarker(folder: string): Marker | undefined {
  try {
    return Marker.parse(JSON.parse(readFileSync(join(folder, MARKER_FILE), 'utf8')));
  } catch {
    return undefined;
  }
}

/** Replaces the marker atomically. */
export function writeMarker(folder: string, marker: Marker): void {
  const newFile = join(folder, `${MARKER_FILE}.new`);
  const file = openSync(newFile, 'w', 0o600);
  try {
    writeSync(file, `${JSON.stringify(marker)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(newFile, join(folder, MARKER_FILE));
}

/**
 * Throws `engine.folder.incomplete`, with the missing file, if the database of a data folder is
 * missing or was restored only in part. A data folder that never held a database is accepted.
 */
export function checkCompleteness(folder: string, databasePath: string): void {
  if (!existsSync(join(folder, MARKER_FILE)) && !existsSync(databasePath)) return;
  const missingPath = existsSync(databasePath)
    ? REQUIRED_FILES.map((name) => join(databasePath, name)).find((path) => !existsSync(path))
    : databasePath;
  if (missingPath === undefined) return;
  throw engineError(
    'folder.incomplete',
    `The data folder ${folder} held a database${countsText(readMarker(folder))}, and ` +
      `${missingPath} is missing.`,
    'Restore the whole folder from a copy. To discard its contents and begin with an empty ' +
      'database: propagator start --begin-empty',
  );
}

const countsText = (marker: Marker | undefined): string =>
  marker
    ? ` (${countText(marker.operations, 'operation')}, ` +
      `${countText(marker.deadLetters, 'dead letter')}, ` +
      `${countText(marker.waivers, 'waiver')} on ${marker.writtenAt})`
    : '';

/**
 * Renames the folder of the database and removes the marker, so that the data folder counts as new.
 * Returns the new path, or `undefined` if there was no database.
 */
export function renameDatabaseFolder(
  folder: string,
  databasePath: string,
  now: Date,
): string | undefined {
  rmSync(join(folder, MARKER_FILE), { force: true });
  if (!existsSync(databasePath)) return undefined;
  const movedFolder = `${databasePath}.old-${now.toISOString().replaceAll(':', '')}`;
  renameSync(databasePath, movedFolder);
  return movedFolder;
}
