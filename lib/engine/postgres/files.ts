import fs, { close, existsSync, fsync, open, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import pLimit from 'p-limit';
import { engineError } from './database.ts';
import { checkCompleteness } from './marker.ts';

/** The code of WASI for an input/output error. PostgreSQL stops after a failed sync. */
const EIO = 29;

/**
 * The file system of PGlite on Node, with a working `fsync`, so that a commit survives a power
 * failure. In PGlite 0.5.16 this file system has no `fsync`, and its `fdatasync` does nothing. The
 * engine therefore also sets `wal_sync_method=fsync`, and omits PGlite's argument `-F` (no fsync).
 */
export class SyncedFiles extends NodeFS {
  override async init(
    pglite: PGlite,
    options: Parameters<NodeFS['init']>[1],
  ): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(pglite, options);
    const preRun = [
      ...(emscriptenOpts.preRun ?? []),
      (module: { NODEFS: object }) => addFsync(module.NODEFS),
    ];
    return { emscriptenOpts: { ...emscriptenOpts, preRun } };
  }
}

function addFsync(nodeFiles: object): void {
  const streamOperations: unknown = Reflect.get(nodeFiles, 'stream_ops');
  if (typeof streamOperations !== 'object' || streamOperations === null)
    throw engineError(
      'durability',
      'The propagator cannot make this version of PGlite sync its files to disk.',
      'Use the version of PGlite in package-lock.json.',
    );
  Reflect.set(streamOperations, 'fsync', (stream: { readonly nfd?: number }) => {
    try {
      if (stream.nfd !== undefined) fs.fsyncSync(stream.nfd);
      return 0;
    } catch {
      return EIO;
    }
  });
}

/**
 * Arguments of PostgreSQL with which every commit waits for the disk. This includes the commits of
 * pg-boss: if a crash could lose a receive count, a message that kills its process would be retried
 * forever.
 */
export const DURABLE_ARGUMENTS = [
  '-c',
  'fsync=on',
  '-c',
  'wal_sync_method=fsync',
  '-c',
  'synchronous_commit=on',
];

/**
 * Prepares the data folder for a new or an existing database. For a new database, this function
 * writes the file `creating`. The caller calls the returned function when the database is complete:
 * that call deletes the file. If the process ends earlier, the next start finds the file and
 * deletes the unfinished database, which holds no data. Throws `engine.folder.incomplete` if an
 * existing database is not complete (see {@link checkCompleteness}).
 */
export function prepareFolder(folder: string, databasePath: string): () => Promise<void> {
  const creatingFile = join(folder, 'creating');
  if (existsSync(creatingFile)) rmSync(databasePath, { recursive: true, force: true });
  else checkCompleteness(folder, databasePath);
  if (existsSync(databasePath)) return () => Promise.resolve();
  writeFileSync(creatingFile, '');
  return async () => {
    await syncTree(databasePath);
    rmSync(creatingFile);
  };
}

/** Syncs the files of a new database to disk, because PGlite copies them without a sync. */
async function syncTree(folder: string): Promise<void> {
  const runLimited = pLimit(32);
  const sync = async (path: string) => {
    const file = await promisify(open)(path, 'r');
    await promisify(fsync)(file).finally(() => promisify(close)(file));
  };
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) =>
    join(entry.parentPath, entry.name),
  );
  await Promise.all([folder, ...paths].map((path) => runLimited(() => sync(path))));
}
