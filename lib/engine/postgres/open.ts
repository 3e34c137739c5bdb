import type { AuditEntry } from '../../audit/entry.ts';
import type { WorkerEngine } from '../port.ts';
import { checkTables } from './check-tables.ts';
import { isDamageError, moveDamagedFolder, toDamageError } from './damage.ts';
import { type Database, engineError } from './database.ts';
import { openEmbedded } from './embedded.ts';
import { PostgresEngine } from './engine.ts';
import { createBoss, DEFAULT_RETRY, Queues, type RetryOptions } from './queues.ts';
import { limitDelays, requeueOrphanedMessages } from './recovery.ts';
import { migrate } from './schema.ts';
import { openServer } from './server.ts';

export interface PostgresEngineOptions {
  /**
   * A PostgreSQL server, `postgres://user:password@host:port/database`. Any number of processes may
   * share it.
   */
  readonly databaseUrl?: string | undefined;
  /** The folder of the embedded database, if no server is used. Only one process may use it. */
  readonly dataFolder?: string | undefined;
  /**
   * Called for a problem that does not make a call of the engine fail. The engine tries again, or
   * an operator must act later.
   */
  readonly onWarning?: ((message: string, cause?: unknown) => void) | undefined;
  readonly retry?: Partial<RetryOptions> | undefined;
  /** Called for each entry of the audit log, after it was written. */
  readonly onAudited?: ((entry: AuditEntry) => void) | undefined;
  /**
   * True: if the database in `dataFolder` is missing or damaged, the engine renames its folder and
   * creates an empty database. A database that can be opened is kept.
   */
  readonly beginEmpty?: boolean | undefined;
}

/**
 * Opens the database, migrates it to this release, and requeues the messages of processes that
 * died. Throws `PropagatorError` with `engine.folder.in-use`, `engine.folder.unusable`,
 * `engine.folder.damaged`, `engine.folder.incomplete`, `engine.installation`,
 * `engine.database.unreachable`, `engine.schema.newer` or `engine.settings`.
 */
export async function openPostgresEngine(options: PostgresEngineOptions): Promise<WorkerEngine> {
  const warn = options.onWarning ?? (() => {});
  try {
    return await openOnce(options, warn);
  } catch (thrown) {
    if (!options.beginEmpty || options.dataFolder === undefined || !isDamageError(thrown))
      throw thrown;
    moveDamagedFolder(options.dataFolder, warn);
    return openOnce(options, warn);
  }
}

async function openOnce(
  options: PostgresEngineOptions,
  warn: (message: string, cause?: unknown) => void,
): Promise<WorkerEngine> {
  const database = await openDatabase(options, warn);
  const boss = createBoss(database, warn);
  try {
    await database.runExclusively(async () => {
      await migrate(database);
      // The tables on a server are not checked: they may be large, and their check is a task of the
      // server's administrator.
      if (database.kind === 'embedded') await checkTables(database);
      await boss.start();
    });
    await requeueOrphanedMessages(database, boss, database.kind === 'embedded' ? 'all' : 'silent');
    await limitDelays(database);
    const queues = new Queues(boss, { ...DEFAULT_RETRY, ...options.retry });
    return new PostgresEngine(database, queues, warn, options.onAudited ?? (() => {}));
  } catch (error) {
    await boss.stop({ close: false, graceful: false }).catch(() => undefined);
    await database.close().catch(() => undefined);
    throw toDamageError(error, options.dataFolder) ?? error;
  }
}

function openDatabase(
  { databaseUrl, dataFolder }: PostgresEngineOptions,
  warn: (message: string, cause?: unknown) => void,
): Promise<Database> {
  if (databaseUrl !== undefined) return openServer(databaseUrl, warn);
  if (dataFolder !== undefined) return openEmbedded(dataFolder);
  throw engineError(
    'settings',
    'No database server and no data folder is configured.',
    'Set PROPAGATOR_DATA or DATABASE_URL.',
  );
}
