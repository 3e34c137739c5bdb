import type { QueueName } from '../../events/index.ts';
import { countText } from '../shared/count-text.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { type Handler, handleGroup, handlerGroups, type QueueRecord } from './handle-group.ts';
import type { WorkOptions } from './port.ts';

/** The functions with which a worker uses one queue of its engine. */
export interface WorkerSource<Received extends QueueRecord> {
  /** Returns the message of a record, not yet validated. */
  bodyOf(record: Received): unknown;
  receive(maxRecords: number): Promise<readonly Received[]>;
  /** Deletes records whose handler has succeeded. */
  complete(records: readonly Received[]): Promise<void>;
  /** Retries the records after a pause, or dead-letters them after the last delivery. */
  fail(records: readonly Received[], error: ErrorReport): Promise<void>;
}

export type Warn = (message: string, cause?: unknown) => void;

/**
 * The interval of the polls. A poll finds the messages that cause no wake-up: messages that another
 * process has sent, and due retries.
 */
const POLL_MILLIS = 1000;

/**
 * Receives the messages of one queue and passes them to a handler. After a wake-up, the worker
 * receives messages for its free handlers, until the queue has no more messages.
 */
export class Worker<Received extends QueueRecord> {
  readonly #queue: QueueName;
  readonly #source: WorkerSource<Received>;
  readonly #concurrency: number;
  readonly #batch: number;
  readonly #handler: Handler;
  readonly #warn: Warn;
  readonly #poll: NodeJS.Timeout;
  /** The records whose result is not stored yet, by id. */
  readonly #unfinished = new Map<string, Received>();
  readonly #running = new Set<Promise<void>>();
  /** The received groups for which no handler was free. */
  #waitingGroups: Received[][] = [];
  #queueMayHaveMore = true;
  #receiving: Promise<void> | undefined;
  /** True from the start of `close`. */
  #isClosing = false;
  /** True from the end of `close`. */
  #isClosed = false;
  #isReceiveFailing = false;

  constructor(
    queue: QueueName,
    source: WorkerSource<Received>,
    options: WorkOptions,
    handler: Handler,
    warn: Warn,
  ) {
    this.#queue = queue;
    this.#source = source;
    this.#concurrency = options.concurrency;
    this.#batch = options.batch ?? 1;
    this.#handler = handler;
    this.#warn = warn;
    this.#poll = setInterval(() => this.wake(), POLL_MILLIS);
    this.wake();
  }

  /** Makes the worker receive, because the queue may have new messages. */
  wake(): void {
    this.#queueMayHaveMore = true;
    this.#fillHandlers();
  }

  /** The received records whose result is not stored yet. */
  get unfinished(): Received[] {
    return [...this.#unfinished.values()];
  }

  /**
   * Stops receiving, and waits at most `gracePeriodMillis` for the running handlers. Returns the
   * records whose result is not stored.
   */
  async close(gracePeriodMillis: number): Promise<Received[]> {
    this.#isClosing = true;
    clearInterval(this.#poll);
    await this.#receiving;
    let timer: NodeJS.Timeout | undefined;
    const graceTimeout = new Promise((resolve) => {
      timer = setTimeout(resolve, gracePeriodMillis);
    });
    await Promise.race([Promise.all(this.#running), graceTimeout]);
    clearTimeout(timer);
    this.#isClosed = true;
    return this.unfinished;
  }

  /** Starts handlers for waiting groups, then receives more records if a handler is still free. */
  #fillHandlers(): void {
    if (this.#isClosing) return;
    while (this.#waitingGroups.length > 0 && this.#running.size < this.#concurrency)
      this.#start(this.#waitingGroups.shift() ?? []);
    if (this.#receiving || !this.#queueMayHaveMore || this.#running.size >= this.#concurrency)
      return;
    this.#receiving = this.#receive().finally(() => {
      this.#receiving = undefined;
      this.#fillHandlers();
    });
  }

  async #receive(): Promise<void> {
    this.#queueMayHaveMore = false;
    const maxRecords = (this.#concurrency - this.#running.size) * this.#batch;
    try {
      const records = await this.#source.receive(maxRecords);
      this.#isReceiveFailing = false;
      this.#queueMayHaveMore ||= records.length === maxRecords;
      for (const record of records) this.#unfinished.set(record.id, record);
      this.#waitingGroups = handlerGroups(records, this.#batch);
    } catch (error) {
      // The next poll retries. Warn once per outage.
      if (!this.#isReceiveFailing)
        this.#warn(`Messages of queue ${this.#queue} cannot be received at the moment`, error);
      this.#isReceiveFailing = true;
    }
  }

  #start(group: readonly Received[]): void {
    const run = handleGroup(group, {
      queue: this.#queue,
      bodyOf: (record) => this.#source.bodyOf(record),
      handler: this.#handler,
      storeResult: (records, error) => this.#storeResult(records, error),
      onProblem: ({ text, error }) => {
        if (!this.#isClosing) this.#warn(text, `${error.code}: ${error.message}`);
      },
    }).finally(() => {
      this.#running.delete(run);
      this.#fillHandlers();
    });
    this.#running.add(run);
  }

  /** Stores the result of a delivery. The records then count as finished. */
  async #storeResult(records: readonly Received[], error: ErrorReport | undefined): Promise<void> {
    // An engine that closes puts its unfinished records back on the queue, and their delivery does
    // not count. A failed record therefore stays unfinished during the close.
    if (this.#isClosed || (error && this.#isClosing)) return;
    if (!(await this.#storeResultWithRetries(records, error))) return;
    for (const { id } of records) this.#unfinished.delete(id);
  }

  /**
   * Tries again until the store accepts the result. Otherwise the records would stay locked, and no
   * worker would receive them again. Returns false if an attempt fails while the engine closes.
   */
  async #storeResultWithRetries(
    records: readonly Received[],
    error: ErrorReport | undefined,
  ): Promise<boolean> {
    for (let waitMillis = 250; ; waitMillis = Math.min(waitMillis * 2, 10_000)) {
      try {
        if (error) await this.#source.fail(records, error);
        else await this.#source.complete(records);
        return true;
      } catch (cause) {
        if (this.#isClosing) return false;
        const messages = countText(records.length, 'message');
        const text = `The result of ${messages} of queue ${this.#queue} could not be stored yet`;
        this.#warn(text, cause);
        await new Promise((resolve) => setTimeout(resolve, waitMillis));
      }
    }
  }
}
