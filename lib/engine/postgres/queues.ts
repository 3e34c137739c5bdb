import { PgBoss } from 'pg-boss';
import { deadLetterQueueOf, type QueueName } from '../../../events/index.ts';
import type { Database } from './database.ts';
import { BOSS_SCHEMA } from './schema.ts';

/** The retry policy for messages after their handler threw. */
export interface RetryOptions {
  /** The number of deliveries after the first. Default 8, over a period of about six minutes. */
  readonly maxRetries: number;
  /** The longest back-off in seconds. The back-off starts at 1 to 2 s and doubles. Default 300. */
  readonly maxDelaySeconds: number;
}

export const DEFAULT_RETRY: RetryOptions = { maxRetries: 8, maxDelaySeconds: 300 };

const DAY_SECONDS = 24 * 60 * 60;
/**
 * By default pg-boss deletes messages after 14 days. With this longer time, no message is lost
 * while the propagator is stopped for weeks, and a dead-letter message stays until a person
 * redrives or discards it.
 */
const RETENTION_SECONDS = 10 * 365 * DAY_SECONDS;
/**
 * A handler that has run for this time counts as stuck. Another worker then receives its messages,
 * and the result of the stuck handler is ignored.
 */
const STUCK_AFTER_SECONDS = 60 * 60;

/** Creates an instance of pg-boss, without starting it. `warn` receives its errors and warnings. */
export function createBoss(
  database: Database,
  warn: (message: string, cause?: unknown) => void,
): PgBoss {
  const boss = new PgBoss({
    db: database.boss,
    backend: database.kind === 'embedded' ? 'pglite' : 'postgres',
    schema: BOSS_SCHEMA,
    schedule: false,
    registerInstance: false,
    maintenanceIntervalSeconds: 60 * 60,
    warningQueueSize: 100_000,
    // The propagator uses no flows and no background index builds, so pg-boss polls for them
    // rarely.
    flowIntervalSeconds: 60 * 60,
    bamIntervalSeconds: 60 * 60,
    // pg-boss caches the list of queues. A refresh of this cache during a transaction of the
    // embedded database would never end: the refresh waits for the transaction, and the transaction
    // waits for the refresh. A long interval is safe, because only the propagator creates queues.
    queueCacheIntervalSeconds: DAY_SECONDS,
    // The embedded database has its own housekeeping.
    monitorVacuum: database.kind === 'server',
    reindex: database.kind === 'server',
  });
  boss.on('error', (error) => warn('The maintenance of the queues failed', error));
  // The data of a warning is not logged, because it may contain statements with their values.
  boss.on('warning', ({ message }) => warn(message));
  return boss;
}

/** Creates the queues that do not exist, each with its dead-letter queue. */
export class Queues {
  readonly boss: PgBoss;
  readonly #retry: RetryOptions;
  readonly #creations = new Map<QueueName, Promise<void>>();

  constructor(boss: PgBoss, retry: RetryOptions) {
    this.boss = boss;
    this.#retry = retry;
  }

  /** Creates the queues that are missing. The caller must not be in a transaction. */
  async ensure(names: Iterable<QueueName>): Promise<void> {
    for (const name of names) {
      const creation = this.#creations.get(name) ?? this.#create(name);
      this.#creations.set(name, creation);
      await creation.catch((error: unknown) => {
        this.#creations.delete(name);
        throw error;
      });
    }
  }

  /** Returns the names of all queues in this database, created by any process. */
  async names(): Promise<QueueName[]> {
    const existingQueues = await this.boss.getQueues();
    return existingQueues.map(({ name }) => name).filter(isQueueName);
  }

  async #create(name: QueueName): Promise<void> {
    const deadLetterQueue = deadLetterQueueOf(name);
    await this.boss.createQueue(deadLetterQueue, { retentionSeconds: RETENTION_SECONDS });
    const options = {
      deadLetter: deadLetterQueue,
      retryLimit: this.#retry.maxRetries,
      retryDelay: 1,
      retryBackoff: true,
      retryDelayMax: this.#retry.maxDelaySeconds,
      expireInSeconds: STUCK_AFTER_SECONDS,
      retentionSeconds: RETENTION_SECONDS,
      // After the last failed delivery, pg-boss copies the message to the dead-letter queue, and
      // deletes the failed job after this time. The engine itself deletes the job of a handled
      // message immediately.
      deleteAfterSeconds: 60 * 60,
    };
    await this.boss.createQueue(name, options);
    // An earlier release may have created the queue with other settings.
    await this.boss.updateQueue(name, options);
  }
}

/** True for a queue of this project that is not a dead-letter queue. */
export const isQueueName = (name: string): name is QueueName =>
  !name.endsWith('-dead') &&
  (name === 'ingest' || name === 'coordinate' || name.startsWith('service-'));
