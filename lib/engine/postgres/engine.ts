import type { QueueName } from '../../../events/index.ts';
import type { AuditEntry } from '../../audit/entry.ts';
import { closedError } from '../engine-error.ts';
import type { Handler } from '../handle-group.ts';
import type {
  Change,
  DeadLetterFilter,
  DecisionAuthor,
  WorkerEngine,
  WorkOptions,
} from '../port.ts';
import { Worker } from '../worker.ts';
import { WorkerWakeups } from '../worker-wakeups.ts';
import { commit } from './commit.ts';
import type { Database } from './database.ts';
import { listDeadLetters } from './dead-letter-reads.ts';
import { discardDeadLetters, redriveDeadLetters } from './dead-letters.ts';
import { StoreHealth } from './health.ts';
import { type JobRecord, jobSource, sendHeartbeat } from './job-source.ts';
import type { Queues } from './queues.ts';
import { readsOf } from './reads.ts';
import { deleteOldSeenIds } from './record-writes.ts';
import {
  HEARTBEAT_SECONDS,
  limitDelays,
  makeDue,
  requeueOrphanedMessages,
  returnUnfinishedMessages,
} from './recovery.ts';

/** The interval of the housekeeping. */
const HOUSEKEEPING_MILLIS = 20_000;
/** Every 1080th housekeeping (every six hours) also deletes the ids of old notifications. */
const HOUSEKEEPINGS_PER_PURGE = 1080;

/** The engine on an open and migrated database, embedded or on a server. */
export class PostgresEngine implements WorkerEngine {
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
  #isClosed = false;

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
          warn('Delayed messages could not be made due', error),
        ),
    });
    database.listen((queue) => this.#wakeups.wake(queue));
    this.#timers = [
      this.#repeat(HOUSEKEEPING_MILLIS, 'The housekeeping of the database failed', (iteration) =>
        this.#housekeeping(iteration),
      ),
    ];
    if (database.kind === 'server')
      this.#timers.push(
        this.#repeat(
          HEARTBEAT_SECONDS * 1000,
          'The heartbeat of received messages could not be written',
          () => this.#sendHeartbeats(),
        ),
      );
  }

  async commit(change: Change): Promise<'committed' | 'conflict'> {
    this.#throwIfClosed();
    return this.#health.recordCommit(
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
    this.#wakeups.addCallback(queue, () => worker.wake());
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
    this.#isClosed = true;
    const ids = unfinished.flat().map(({ id }) => id);
    await returnUnfinishedMessages(this.#database, ids).catch((error: unknown) =>
      this.#warn('Unfinished messages could not be returned to their queues', error),
    );
    await this.#queues.boss.stop({ close: false, graceful: false });
    await this.#database.close();
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw closedError();
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
    let [isRunning, iteration] = [false, 0];
    return setInterval(() => {
      if (isRunning) return;
      isRunning = true;
      work(iteration++)
        .catch((error: unknown) => this.#warn(failureText, error))
        .finally(() => {
          isRunning = false;
        })
        .catch(() => undefined);
    }, millis);
  }

  /** Sends heartbeats for this process, and requeues the messages of dead processes. */
  async #sendHeartbeats(): Promise<void> {
    await Promise.all(
      this.#workers.map(({ queue, worker }) =>
        sendHeartbeat(this.#queues.boss, queue, worker.unfinished),
      ),
    );
    for (const queue of await requeueOrphanedMessages(this.#database, this.#queues.boss, 'silent'))
      this.#wakeups.wake(queue);
  }

  async #housekeeping(iteration: number): Promise<void> {
    if (iteration % HOUSEKEEPINGS_PER_PURGE === 0) await deleteOldSeenIds(this.#database);
    await limitDelays(this.#database);
    await this.#database.housekeeping();
  }
}
