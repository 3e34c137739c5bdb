import type { QueueName } from '../../../events/index.ts';
import type { AuditEntry } from '../../audit/entry.ts';
import { closedError } from '../engine-error.ts';
import type { Handler } from '../message-loop.ts';
import type {
  Change,
  DeadLetterFilter,
  DecisionAuthor,
  WorkerEngine,
  WorkOptions,
} from '../port.ts';
import { Worker } from '../worker.ts';
import { WorkerWakeups } from '../worker-wakeups.ts';
import { checkTables } from './check-tables.ts';
import { commit, deleteSeenNotifications } from './commit.ts';
import { damageOf, isDamage, moveDamagedAside } from './damage.ts';
import { type Database, engineError } from './database.ts';
import { discardDeadLetters, listDeadLetters, redriveDeadLetters } from './dead-letters.ts';
import { openEmbedded } from './embedded.ts';
import { StoreHealth } from './health.ts';
import { type JobRecord, jobSource, sendHeartbeat } from './job-source.ts';
import { createBoss, Queues, RETRY, type RetryOptions } from './queues.ts';
import { readsOf } from './reads.ts';
import {
  HEARTBEAT_SECONDS,
  limitDelays,
  makeDue,
  requeueOrphaned,
  returnUnfinished,
} from './recovery.ts';
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
   * Called for a problem that no function of the engine throws, because the engine tries again, or
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

const HOUSEKEEPING_MILLIS = 20_000;
/** The ids of old notifications are deleted in every 1080th housekeeping: every six hours. */
const ITERATIONS_PER_PURGE = 1080;

/**
 * Opens the database, migrates it to this release, and requeues the messages of processes that
 * died. Throws `PropagatorError` with `engine.folder.in-use`, `engine.folder.unusable`,
 * `engine.folder.damaged`, `engine.folder.incomplete`, `engine.database.unreachable`,
 * `engine.schema.newer` or `engine.settings`.
 */
export async function openPostgresEngine(options: PostgresEngineOptions): Promise<WorkerEngine> {
  const warn = options.onWarning ?? (() => {});
  try {
    return await openOnce(options, warn);
  } catch (thrown) {
    if (!options.beginEmpty || options.dataFolder === undefined || !isDamage(thrown)) throw thrown;
    moveDamagedAside(options.dataFolder, warn);
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
    await database.exclusively(async () => {
      await migrate(database);
      // The tables on a server are not checked: they may be large, and the administrator of the
      // server checks them.
      if (database.kind === 'embedded') await checkTables(database);
      await boss.start();
    });
    await requeueOrphaned(database, boss, database.kind === 'embedded' ? 'all' : 'silent');
    await limitDelays(database);
    const queues = new Queues(boss, { ...RETRY, ...options.retry });
    return new PostgresEngine(database, queues, warn, options.onAudited ?? (() => {}));
  } catch (error) {
    await boss.stop({ close: false, graceful: false }).catch(() => undefined);
    await database.close().catch(() => undefined);
    throw damageOf(error, options.dataFolder) ?? error;
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

class PostgresEngine implements WorkerEngine {
  readonly reads;
  readonly #database: Database;
  readonly #queues: Queues;
  readonly #warn: (message: string, cause?: unknown) => void;
  readonly #onAudited: (entry: AuditEntry) => void;
  readonly #wakeups: WorkerWakeups;
  readonly #health: StoreHealth;
  readonly #workers: { readonly queue: QueueName; readonly worker: Worker<JobRecord> }[] = [];
  readonly #timers: NodeJS.Timeout[];
  #closing: Promise<void> | undefined;
  #closed = false;

  constructor(
    database: Database,
    queues: Queues,
    warn: (message: string, cause?: unknown) => void,
    onAudited: (entry: AuditEntry) => void,
  ) {
    this.#onAudited = onAudited;
    this.#database = database;
    this.#queues = queues;
    this.#warn = warn;
    this.reads = readsOf(database);
    this.#health = new StoreHealth(database);
    this.#wakeups = new WorkerWakeups({
      makeDue: (queue, ids) =>
        makeDue(database, queue, ids).catch((error: unknown) =>
          warn('Delayed messages could not be released', error),
        ),
    });
    database.listen((queue) => this.#wakeups.wake(queue));
    this.#timers = [
      this.#repeat(HOUSEKEEPING_MILLIS, 'The database could not be cleaned up', (iteration) =>
        this.#housekeeping(iteration),
      ),
    ];
    if (database.kind === 'server')
      this.#timers.push(
        this.#repeat(
          HEARTBEAT_SECONDS * 1000,
          'The heartbeat of received messages could not be written',
          () => this.#heartbeat(),
        ),
      );
  }

  async commit(change: Change): Promise<'committed' | 'conflict'> {
    this.#throwIfClosed();
    return this.#health.observe(
      commit(this.#database, this.#queues, this.#wakeups, change, this.#onAudited),
    );
  }

  async work(queue: QueueName, options: WorkOptions, handler: Handler): Promise<void> {
    this.#throwIfClosed();
    await this.#queues.ensure([queue]);
    if (this.#closing !== undefined) return;
    const source = jobSource(this.#queues.boss, queue);
    const worker = new Worker(queue, source, options, handler, this.#warn);
    this.#workers.push({ queue, worker });
    this.#wakeups.on(queue, () => worker.wake());
  }

  deadLetters(filter: DeadLetterFilter) {
    return listDeadLetters(this.#database, this.#queues, filter);
  }

  async redrive(filter: DeadLetterFilter, author: DecisionAuthor): Promise<number> {
    this.#throwIfClosed();
    return redriveDeadLetters(this.#deadLetterDeps(), filter, author);
  }

  async discard(
    filter: DeadLetterFilter,
    author: DecisionAuthor & { readonly reason: string },
  ): Promise<number> {
    this.#throwIfClosed();
    return discardDeadLetters(this.#deadLetterDeps(), filter, author);
  }

  #deadLetterDeps() {
    return {
      database: this.#database,
      queues: this.#queues,
      wakeups: this.#wakeups,
      onAudited: this.#onAudited,
    };
  }

  async health(): Promise<void> {
    this.#throwIfClosed();
    await this.#health.check();
  }

  close(graceSeconds = 10): Promise<void> {
    this.#closing ??= this.#close(graceSeconds);
    return this.#closing;
  }

  async #close(graceSeconds: number): Promise<void> {
    for (const timer of this.#timers) clearInterval(timer);
    this.#wakeups.stop();
    // Running handlers may still commit.
    const unfinished = await Promise.all(
      this.#workers.map(({ worker }) => worker.close(graceSeconds * 1000)),
    );
    this.#closed = true;
    const ids = unfinished.flat().map(({ id }) => id);
    await returnUnfinished(this.#database, ids).catch((error: unknown) =>
      this.#warn('Unfinished messages could not be returned to their queues', error),
    );
    await this.#queues.boss.stop({ close: false, graceful: false });
    await this.#database.close();
  }

  #throwIfClosed(): void {
    if (this.#closed) throw closedError();
  }

  /**
   * Runs `work` every `millis`, with the number of the iteration, but never twice at the same time.
   * A failure is logged with `failureText`.
   */
  #repeat(
    millis: number,
    failureText: string,
    work: (iteration: number) => Promise<unknown>,
  ): NodeJS.Timeout {
    let [busy, iteration] = [false, 0];
    return setInterval(() => {
      if (busy) return;
      busy = true;
      work(iteration++)
        .catch((error: unknown) => this.#warn(failureText, error))
        .finally(() => {
          busy = false;
        })
        .catch(() => undefined);
    }, millis);
  }

  /** Sends heartbeats for this process, and requeues the messages of dead processes. */
  async #heartbeat(): Promise<void> {
    await Promise.all(
      this.#workers.map(({ queue, worker }) =>
        sendHeartbeat(this.#queues.boss, queue, worker.unsettled),
      ),
    );
    for (const queue of await requeueOrphaned(this.#database, this.#queues.boss, 'silent'))
      this.#wakeups.wake(queue);
  }

  async #housekeeping(iteration: number): Promise<void> {
    if (iteration % ITERATIONS_PER_PURGE === 0) await deleteSeenNotifications(this.#database);
    await limitDelays(this.#database);
    await this.#database.housekeeping();
  }
}
