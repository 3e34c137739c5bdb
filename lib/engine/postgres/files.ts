import fs, { close, existsSync, fsync, open, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import type { PGlite } from '@electric-sql/pglite';
import { NodeFS } from '@electric-sql/pglite/nodefs';
import pLimit from 'p-limit';
import { engineError } from './database.ts';
import { refuseIncomplete } from './marker.ts';

/** WASI's code for an input/output error. PostgreSQL stops after a failed sync. */
const EIO = 29;

/**
 * PGlite's folder on disk with a working `fsync`, so that a commit survives a power failure. PGlite
 * 0.5.16 starts PostgreSQL with `-F` (no fsync), and its file system on Node has no fsync. The
 * `fdatasync` of that file system does nothing, so the engine sets `wal_sync_method=fsync`.
 */
export class SyncedFiles extends NodeFS {
  override async init(
    pglite: PGlite,
    options: Parameters<NodeFS['init']>[1],
  ): ReturnType<NodeFS['init']> {
    const { emscriptenOpts } = await super.init(pglite, options);
    const preRun = [
      ...(emscriptenOpts.preRun ?? []),
      (module: { NODEFS: object }) => addSync(module.NODEFS),
    ];
    return { emscriptenOpts: { ...emscriptenOpts, preRun } };
  }
}

function addSync(files: object): void {
  const operations: unknown = Reflect.get(files, 'stream_ops');
  if (typeof operations !== 'object' || operations === null)
    throw engineError(
      'durability',
      'This version of PGlite has no place for the function that syncs its files to disk.',
      'Use the version of PGlite in package-lock.json.',
    );
  Reflect.set(operations, 'fsync', (stream: { readonly nfd?: number }) => {
    try {
      if (stream.nfd !== undefined) fs.fsyncSync(stream.nfd);
      return 0;
    } catch {
      return EIO;
    }
  });
}

/**
 * PostgreSQL's arguments. Every commit waits for the disk, including commits of pg-boss. If a crash
 * could lose the receive count, a message that kills its process would be retried forever.
 */
export const DURABLE = [
  '-c',
  'fsync=on',
  '-c',
  'wal_sync_method=fsync',
  '-c',
  'synchronous_commit=on',
];

/**
 * Prepares the folder for a new or an existing database. The file `creating` marks an unfinished
 * creation: the database holds no data, so the next start deletes and creates it again. Returns a
 * function that the caller runs when the database is complete. Throws `engine.folder.incomplete`.
 */
export function beginFolder(folder: string, database: string): () => Promise<void> {
  const creating = join(folder, 'creating');
  if (existsSync(creating)) rmSync(database, { recursive: true, force: true });
  else refuseIncomplete(folder, database);
  if (existsSync(database)) return () => Promise.resolve();
  writeFileSync(creating, '');
  return async () => {
    await syncTree(database);
    rmSync(creating);
  };
}

/** Syncs a new database to disk. PGlite copies its files without syncing them. */
async function syncTree(folder: string): Promise<void> {
  const limit = pLimit(32);
  const sync = async (path: string) => {
    const file = await promisify(open)(path, 'r');
    await promisify(fsync)(file).finally(() => promisify(close)(file));
  };
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true }).map((entry) =>
    join(entry.parentPath, entry.name),
  );
  await Promise.all([folder, ...paths].map((path) => limit(() => sync(path))));
}
