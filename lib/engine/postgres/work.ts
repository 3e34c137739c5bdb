import type { Job, PgBoss } from 'pg-boss';
import type { QueueName } from '../../../events/index.ts';
import { type ErrorReport, reportOf } from '../../shared/errors.ts';
import { UNREADABLE } from '../engine-error.ts';
import type { Delivery, WorkOptions } from '../port.ts';
import { StoredMessage } from '../records.ts';
import { failure } from './dead-letters.ts';

type Handler = (deliveries: readonly Delivery[]) => Promise<void>;

/**
 * Polling finds the messages that no wake-up announced: those of another process, or a retry that
 * falls due.
 */
const POLL_MILLIS = 1000;

/**
 * Receives the messages of one queue and passes them to a handler. The `work` function of pg-boss
 * polls once per unit of concurrency and waits half a second between messages. This worker fetches
 * as many messages as it can start, on each wake-up, and continues while there are more.
 */
export class Worker {
  readonly #boss: PgBoss;
  readonly #queue: QueueName;
  readonly #concurrency: number;
  readonly #batch: number;
  readonly #handler: Handler;
  readonly #warn: (message: string, cause?: unknown) => void;
  readonly #poll: NodeJS.Timeout;
  /** Messages received, not yet settled. */
  readonly #held = new Map<string, Job<unknown>>();
  readonly #running = new Set<Promise<void>>();
  #waiting: Job<unknown>[][] = [];
  #mayHaveMore = true;
  #taking: Promise<void> | undefined;
  #closing = false;
  #troubled = false;

  constructor(
    boss: PgBoss,
    queue: QueueName,
    options: WorkOptions,
    handler: Handler,
    warn: (message: string, cause?: unknown) => void,
  ) {
    this.#boss = boss;
    this.#queue = queue;
    this.#concurrency = options.concurrency;
    this.#batch = options.batch ?? 1;
    this.#handler = handler;
    this.#warn = warn;
    this.#poll = setInterval(() => this.wake(), POLL_MILLIS);
    this.wake();
  }

  /** Call it when the queue may have new messages. */
  wake(): void {
    this.#mayHaveMore = true;
    this.#next();
  }

  /**
   * Sends a heartbeat for the messages of this worker, so that other processes do not requeue them.
   */
  async signOfLife(): Promise<void> {
    const held = [...this.#held.values()];
    if (held.length > 0) await this.#boss.touch(this.#queue, held);
  }

  /**
   * Stops receiving and waits for the handlers for at most `gracePeriodMillis`. Returns the ids of
   * unfinished messages.
   */
  async close(gracePeriodMillis: number): Promise<string[]> {
    this.#closing = true;
    clearInterval(this.#poll);
    await this.#taking;
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise((resolve) => {
      timer = setTimeout(resolve, gracePeriodMillis);
    });
    await Promise.race([Promise.all(this.#running), grace]);
    clearTimeout(timer);
    return [...this.#held.keys()];
  }

  #next(): void {
    if (this.#closing) return;
    while (this.#waiting.length > 0 && this.#running.size < this.#concurrency)
      this.#start(this.#waiting.shift() ?? []);
    if (this.#taking || !this.#mayHaveMore || this.#running.size >= this.#concurrency) return;
    this.#taking = this.#take().finally(() => {
      this.#taking = undefined;
      this.#next();
    });
  }

  async #take(): Promise<void> {
    this.#mayHaveMore = false;
    const batchSize = (this.#concurrency - this.#running.size) * this.#batch;
    try {
      const jobs = await this.#boss.fetch<unknown>(this.#queue, { batchSize });
      this.#troubled = false;
      this.#mayHaveMore ||= jobs.length === batchSize;
      for (const job of jobs) this.#held.set(job.id, job);
      this.#waiting = this.#grouped(jobs);
    } catch (error) {
      // The next poll retries. Warn once per outage.
      if (!this.#troubled) this.#warn(`Messages of ${this.#queue} can't be taken for now`, error);
      this.#troubled = true;
    }
  }

  /**
   * New messages form batches. A message that was delivered before is handled alone, so that one
   * bad message cannot fail its batch again.
   */
  #grouped(jobs: readonly Job<unknown>[]): Job<unknown>[][] {
    const fresh = jobs.filter(({ retryCount }) => retryCount === 0);
    const batches = Array.from({ length: Math.ceil(fresh.length / this.#batch) }, (_, index) =>
      fresh.slice(index * this.#batch, (index + 1) * this.#batch),
    );
    return [...batches, ...jobs.filter(({ retryCount }) => retryCount > 0).map((job) => [job])];
  }

  #start(jobs: Job<unknown>[]): void {
    const run = this.#handle(jobs).finally(() => {
      this.#running.delete(run);
      this.#next();
    });
    this.#running.add(run);
  }

  async #handle(jobs: Job<unknown>[]): Promise<void> {
    const read = jobs.map((job) => ({
      job,
      message: StoredMessage.safeParse(job.data),
      receiveCount: job.retryCount + 1,
    }));
    const deliveries = read.flatMap(({ message, receiveCount }) =>
      message.success ? [{ message: message.data, receiveCount }] : [],
    );
    const unread = read.flatMap(({ job, message }) => (message.success ? [] : [job]));
    if (unread.length > 0) {
      this.#warn(
        `${unread.length} messages of ${this.#queue} can't be read by this release; in the end they are dead letters`,
      );
      await this.#settle(unread, UNREADABLE);
    }
    const rest = jobs.filter((job) => !unread.includes(job));
    if (rest.length === 0) return;
    try {
      await this.#handler(deliveries);
    } catch (error) {
      // The process is closing: the caller returns these messages to the queue without counting the
      // delivery.
      if (this.#closing) return;
      this.#warn(
        `A handler of ${this.#queue} failed; its ${rest.length === 1 ? 'message comes' : `${rest.length} messages come`} again`,
        error,
      );
      return this.#settle(rest, reportOf(error, { code: 'handler.failed' }));
    }
    await this.#settle(rest);
  }

  /**
   * Deletes the messages or marks them for retry. It repeats until the database accepts, because no
   * other worker would receive the messages otherwise.
   */
  async #settle(jobs: Job<unknown>[], error?: ErrorReport): Promise<void> {
    for (let wait = 250; ; wait = Math.min(wait * 2, 10_000)) {
      try {
        if (error) await this.#boss.fail(this.#queue, jobs, failure(error));
        else await this.#boss.deleteJob(this.#queue, jobs);
        break;
      } catch (trouble) {
        if (this.#closing) return;
        this.#warn(
          `The end of ${jobs.length} messages of ${this.#queue} could not be recorded yet`,
          trouble,
        );
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
    for (const { id } of jobs) this.#held.delete(id);
  }
}
