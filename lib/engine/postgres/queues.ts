import { PgBoss } from 'pg-boss';
import { deadLetterQueueOf, type QueueName } from '../../../events/index.ts';
import type { Database } from './database.ts';
import { BOSS_SCHEMA } from './schema.ts';

/** The retry policy for messages after their handler threw. */
export interface RetryOptions {
  /** Deliveries after the first. Default 8: about six minutes with the back-off below. */
  readonly limit: number;
  /** Longest back-off in seconds. The back-off starts at 1 to 2 s and doubles. Default 300. */
  readonly maxDelaySeconds: number;
}

export const RETRY: RetryOptions = { limit: 8, maxDelaySeconds: 300 };

const DAY = 24 * 60 * 60;
/**
 * pg-boss deletes messages after 14 days by default. This longer time keeps messages while a
 * process is stopped for weeks, and dead-letter messages until a person decides.
 */
const RETENTION_SECONDS = 10 * 365 * DAY;
/**
 * A handler that has run for an hour counts as stuck. Another worker then receives the message, and
 * the result of the first handler is ignored.
 */
const STUCK_SECONDS = 60 * 60;

/** Creates pg-boss on the database without starting it. `warn` receives its errors and warnings. */
export function makeBoss(
  database: Database,
  warn: (message: string, cause?: unknown) => void,
): PgBoss {
  const boss = new PgBoss({
    db: database.boss,
    backend: database.resourceType === 'embedded' ? 'pglite' : 'postgres',
    schema: BOSS_SCHEMA,
    schedule: false,
    registerInstance: false,
    maintenanceIntervalSeconds: 60 * 60,
    warningQueueSize: 100_000,
    // The project uses no flow steps and no background index builds, so pg-boss polls them rarely.
    flowIntervalSeconds: 60 * 60,
    bamIntervalSeconds: 60 * 60,
    // A refresh of this cache inside one of our transactions would never end. A long interval is
    // safe, because only the propagator creates queues.
    queueCacheIntervalSeconds: DAY,
    // The embedded database has its own housekeeping.
    monitorVacuum: database.resourceType === 'server',
    reindex: database.resourceType === 'server',
  });
  boss.on('error', (error) => warn('The maintenance of the queues failed', error));
  // Do not log the data of the warning: it may hold statements with their values.
  boss.on('warning', ({ message }) => warn(message));
  return boss;
}

/** Creates queues as needed, each with its dead-letter queue. */
export class Queues {
  readonly boss: PgBoss;
  readonly #retry: RetryOptions;
  readonly #creations = new Map<QueueName, Promise<void>>();

  constructor(boss: PgBoss, retry: RetryOptions) {
    this.boss = boss;
    this.#retry = retry;
  }

  /** Creates missing queues. Call it outside a transaction. */
  async ensure(names: Iterable<QueueName>): Promise<void> {
    for (const name of names) {
      const creation = this.#creations.get(name) ?? this.#make(name);
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

  async #make(name: QueueName): Promise<void> {
    const dead = deadLetterQueueOf(name);
    await this.boss.createQueue(dead, { retentionSeconds: RETENTION_SECONDS });
    const options = {
      deadLetter: dead,
      retryLimit: this.#retry.limit,
      retryDelay: 1,
      retryBackoff: true,
      retryDelayMax: this.#retry.maxDelaySeconds,
      expireInSeconds: STUCK_SECONDS,
      retentionSeconds: RETENTION_SECONDS,
      // The time for which the copy of a dead-lettered message stays in its queue. A handled
      // message is deleted immediately.
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
