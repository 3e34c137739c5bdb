import { PgBoss } from 'pg-boss';
import { deadLetterQueueOf, type QueueName } from '../../../events/index.ts';
import type { Database } from './database.ts';
import { BOSS_SCHEMA } from './schema.ts';

/** How often and how soon a message comes again when its handler threw. */
export interface RetryOptions {
  /** Deliveries after the first. Default 8: with the pauses below about six minutes. */
  readonly limit: number;
  /** Longest pause in seconds; the pauses double from 1 to 2 s on. Default 300. */
  readonly longestSeconds: number;
}

export const RETRY: RetryOptions = { limit: 8, longestSeconds: 300 };

const DAY = 24 * 60 * 60;
/**
 * pg-boss throws away what lay on a queue for 14 days unless told otherwise. Here nothing is lost
 * because nobody came to take it: a process that was off for weeks finds its messages, and a dead
 * letter waits for a person.
 */
const KEPT_SECONDS = 10 * 365 * DAY;
/**
 * A handler that has not come back after an hour is taken for stuck and its message is given to
 * another; its own late end is ignored.
 */
const STUCK_SECONDS = 60 * 60;

/** pg-boss over the database, to be started. `warn` hears what it has to say. */
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
    // Steps of a flow and index builds in the background: we use neither, so they look rarely.
    flowIntervalSeconds: 60 * 60,
    bamIntervalSeconds: 60 * 60,
    // A cache that is read again within one of our transactions would wait for that transaction;
    // only we make queues, and each is cached then.
    queueCacheIntervalSeconds: DAY,
    // Both are for servers. In the embedded database we vacuum ourselves.
    monitorVacuum: database.resourceType === 'server',
    reindex: database.resourceType === 'server',
  });
  boss.on('error', (error) => warn('The queues could not be tended', error));
  // Not its data, which may hold statements with their values.
  boss.on('warning', ({ message }) => warn(message));
  return boss;
}

/** Queues by name, made where they are missing, each with the queue for what was given up. */
export class Queues {
  readonly boss: PgBoss;
  readonly #retry: RetryOptions;
  readonly #made = new Map<QueueName, Promise<void>>();

  constructor(boss: PgBoss, retry: RetryOptions) {
    this.boss = boss;
    this.#retry = retry;
  }

  /** Must be called outside of a transaction. */
  async ensure(names: Iterable<QueueName>): Promise<void> {
    for (const name of names) {
      const made = this.#made.get(name) ?? this.#make(name);
      this.#made.set(name, made);
      await made.catch((error: unknown) => {
        this.#made.delete(name);
        throw error;
      });
    }
  }

  /** All that ever were made in this database, by this process or another. */
  async names(): Promise<QueueName[]> {
    const all = await this.boss.getQueues();
    return all.map(({ name }) => name).filter(isQueueName);
  }

  async #make(name: QueueName): Promise<void> {
    const dead = deadLetterQueueOf(name);
    await this.boss.createQueue(dead, { retentionSeconds: KEPT_SECONDS });
    const options = {
      deadLetter: dead,
      retryLimit: this.#retry.limit,
      retryDelay: 1,
      retryBackoff: true,
      retryDelayMax: this.#retry.longestSeconds,
      expireInSeconds: STUCK_SECONDS,
      retentionSeconds: KEPT_SECONDS,
      // Of the copy that stays in the queue beside the dead letter. What was handled well is
      // deleted at once.
      deleteAfterSeconds: 60 * 60,
    };
    await this.boss.createQueue(name, options);
    // Made by an earlier release, perhaps with other settings.
    await this.boss.updateQueue(name, options);
  }
}

export const isQueueName = (name: string): name is QueueName =>
  !name.endsWith('-dead') &&
  (name === 'ingest' || name === 'coordinate' || name.startsWith('service-'));
