import type { QueueName } from '../../events/index.ts';
import { countText } from '../shared/count-text.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { type Handler, handleGroup, handlerGroups, type QueueRecord } from './handle-group.ts';
import type { WorkOptions } from './port.ts';

/** The functions with which a worker uses one queue of its engine. */
export interface WorkerSource<R extends QueueRecord> {
  /** Returns the message of a record, not yet validated. */
  bodyOf(record: R): unknown;
  receive(maxRecords: number): Promise<readonly R[]>;
  /** Deletes records whose handler has succeeded. */
  complete(records: readonly R[]): Promise<void>;
  /** Retries the records after a pause, or dead-letters them after the last delivery. */
  fail(records: readonly R[], error: ErrorReport): Promise<void>;
}

export type Warn = (message: string, cause?: unknown) => void;

/**
 * The interval of the polls. A poll finds the messages that cause no wake-up, for example retries
 * that are due.
 */
const POLL_MILLIS = 1000;

/**
 * Receives the messages of one queue and passes them to a handler. After a wake-up, the worker
 * receives messages for its free handlers, until the queue has no more messages.
 */
export class Worker<R extends QueueRecord> {
  readonly #queue: QueueName;
  readonly #source: WorkerSource<R>;
  readonly #concurrency: number;
  readonly #batchSize: number;
  readonly #handler: Handler;
  readonly #warn: Warn;
  readonly #pollTimer: NodeJS.Timeout;
  /** The records whose result is not stored yet, by id. */
  readonly #unfinishedRecords = new Map<string, R>();
  readonly #runningHandlers = new Set<Promise<void>>();
  /** The received groups for which no handler was free. */
  #waitingGroups: R[][] = [];
  #queueMayHaveMore = true;
  #pendingReceive: Promise<void> | undefined;
  /** True from the start of `close`. */
  #isClosing = false;
  /** True from the end of `close`. */
  #isClosed = false;
  #isReceiveFailing = false;

  constructor(
    queue: QueueName,
    source: WorkerSource<R>,
    options: WorkOptions,
    handler: Handler,
    warn: Warn,
  ) {
    this.#queue = queue;
    this.#source = source;
    this.#concurrency = options.concurrency;
    this.#batchSize = options.batchSize ?? 1;
    this.#handler = handler;
    this.#warn = warn;
    this.#pollTimer = setInterval(() => this.wake(), POLL_MILLIS);
    this.wake();
  }

  /** Makes the worker receive, because the queue may have new messages. */
  wake(): void {
    this.#queueMayHaveMore = true;
    this.#fillHandlers();
  }

  /** The received records whose result is not stored yet. */
  get unfinished(): R[] {
    return [...this.#unfinishedRecords.values()];
  }

  /**
   * Stops receiving, and waits at most `gracePeriodMillis` for the running handlers. Returns the
   * records whose result is not stored.
   */
  async close(gracePeriodMillis: number): Promise<R[]> {
    this.#isClosing = true;
    clearInterval(this.#pollTimer);
    await this.#pendingReceive;
    let timer: NodeJS.Timeout | undefined;
    const graceTimeout = new Promise((resolve) => {
      timer = setTimeout(resolve, gracePeriodMillis);
    });
    await Promise.race([Promise.all(this.#runningHandlers), graceTimeout]);
    clearTimeout(timer);
    this.#isClosed = true;
    return this.unfinished;
  }

  /** Starts handlers for waiting groups, then receives more records if a handler is still free. */
  #fillHandlers(): void {
    if (this.#isClosing) return;
    while (this.#waitingGroups.length > 0 && this.#runningHandlers.size < this.#concurrency)
      this.#startHandler(this.#waitingGroups.shift() ?? []);
    if (
      this.#pendingReceive ||
      !this.#queueMayHaveMore ||
      this.#runningHandlers.size >= this.#concurrency
    )
      return;
    this.#pendingReceive = this.#receive().finally(() => {
      this.#pendingReceive = undefined;
      this.#fillHandlers();
    });
  }

  async #receive(): Promise<void> {
    this.#queueMayHaveMore = false;
    const maxRecords = (this.#concurrency - this.#runningHandlers.size) * this.#batchSize;
    try {
      const records = await this.#source.receive(maxRecords);
      this.#isReceiveFailing = false;
      this.#queueMayHaveMore ||= records.length === maxRecords;
      for (const record of records) this.#unfinishedRecords.set(record.id, record);
      this.#waitingGroups = handlerGroups(records, this.#batchSize);
    } catch (error) {
      // The next poll retries. Warn once per outage.
      if (!this.#isReceiveFailing)
        this.#warn(`Messages of queue ${this.#queue} cannot be received at the moment`, error);
      this.#isReceiveFailing = true;
    }
  }

  #startHandler(group: readonly R[]): void {
    const handling = handleGroup(group, {
      queue: this.#queue,
      bodyOf: (record) => this.#source.bodyOf(record),
      handler: this.#handler,
      storeResult: (records, error) => this.#storeResult(records, error),
      onProblem: ({ text, error }) => {
        if (!this.#isClosing) this.#warn(text, `${error.code}: ${error.message}`);
      },
    }).finally(() => {
      this.#runningHandlers.delete(handling);
      this.#fillHandlers();
    });
    this.#runningHandlers.add(handling);
  }

  /** Stores the result of a delivery. The records then count as finished. */
  async #storeResult(records: readonly R[], error: ErrorReport | undefined): Promise<void> {
    // An engine that closes puts its unfinished records back on the queue, and their delivery does
    // not count. A failed record therefore stays unfinished during the close.
    if (this.#isClosed || (error && this.#isClosing)) return;
    if (!(await this.#storeResultWithRetries(records, error))) return;
    for (const { id } of records) this.#unfinishedRecords.delete(id);
  }

  /**
   * Tries again until the store accepts the result. Without a stored result, the records would
   * stay locked. Returns false if an attempt fails while the engine closes.
   */
  async #storeResultWithRetries(
    records: readonly R[],
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
