import type { QueueName } from '../../events/index.ts';
import type { ErrorReport } from '../shared/errors.ts';
import { groupsOf, type Handler, handleGroup, type QueueRecord } from './message-loop.ts';
import type { WorkOptions } from './port.ts';

/** The queue of an engine from which a process receives its messages. */
export interface WorkerSource<Record extends QueueRecord> {
  /** The message of a record, not yet validated. */
  bodyOf(record: Record): unknown;
  receive(most: number): Promise<readonly Record[]>;
  /** Deletes handled messages. */
  complete(records: readonly Record[]): Promise<void>;
  /** Retries the messages after a pause, or dead-letters them after the last delivery. */
  fail(records: readonly Record[], error: ErrorReport): Promise<void>;
}

export type Warn = (message: string, cause?: unknown) => void;

/**
 * Polling finds the messages that cause no wake-up: messages of another process, and due retries.
 */
const POLL_MILLIS = 1000;

/**
 * Receives the messages of one queue and passes them to a handler. After a wake-up, the worker
 * fills its free handlers until the queue has no more messages.
 */
export class Worker<Record extends QueueRecord> {
  readonly #queue: QueueName;
  readonly #source: WorkerSource<Record>;
  readonly #concurrency: number;
  readonly #batch: number;
  readonly #handler: Handler;
  readonly #warn: Warn;
  readonly #poll: NodeJS.Timeout;
  /** Messages that were received and are not yet settled. */
  readonly #held = new Map<string, Record>();
  readonly #running = new Set<Promise<void>>();
  #waiting: Record[][] = [];
  #mayHaveMore = true;
  #receiving: Promise<void> | undefined;
  #closing = false;
  #closed = false;
  #failing = false;

  constructor(
    queue: QueueName,
    source: WorkerSource<Record>,
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

  /** Receives again, because the queue may have new messages. */
  wake(): void {
    this.#mayHaveMore = true;
    this.#next();
  }

  /** The messages that this worker has received and not yet settled. */
  get held(): Record[] {
    return [...this.#held.values()];
  }

  /**
   * Stops receiving and waits for the handlers for at most `gracePeriodMillis`. Returns the
   * unfinished messages.
   */
  async close(gracePeriodMillis: number): Promise<Record[]> {
    this.#closing = true;
    clearInterval(this.#poll);
    await this.#receiving;
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise((resolve) => {
      timer = setTimeout(resolve, gracePeriodMillis);
    });
    await Promise.race([Promise.all(this.#running), grace]);
    clearTimeout(timer);
    this.#closed = true;
    return this.held;
  }

  #next(): void {
    if (this.#closing) return;
    while (this.#waiting.length > 0 && this.#running.size < this.#concurrency)
      this.#start(this.#waiting.shift() ?? []);
    if (this.#receiving || !this.#mayHaveMore || this.#running.size >= this.#concurrency) return;
    this.#receiving = this.#receive().finally(() => {
      this.#receiving = undefined;
      this.#next();
    });
  }

  async #receive(): Promise<void> {
    this.#mayHaveMore = false;
    const most = (this.#concurrency - this.#running.size) * this.#batch;
    try {
      const records = await this.#source.receive(most);
      this.#failing = false;
      this.#mayHaveMore ||= records.length === most;
      for (const record of records) this.#held.set(record.id, record);
      this.#waiting = groupsOf(records, this.#batch);
    } catch (error) {
      // The next poll retries. Warn once per outage.
      if (!this.#failing)
        this.#warn(`Messages of queue ${this.#queue} cannot be received at the moment`, error);
      this.#failing = true;
    }
  }

  #start(group: readonly Record[]): void {
    const run = handleGroup(group, {
      queue: this.#queue,
      bodyOf: (record) => this.#source.bodyOf(record),
      handler: this.#handler,
      settle: (records, error) => this.#settle(records, error),
      onProblem: ({ text, error }) => {
        if (!this.#closing) this.#warn(text, `${error.code}: ${error.message}`);
      },
    }).finally(() => {
      this.#running.delete(run);
      this.#next();
    });
    this.#running.add(run);
  }

  /**
   * Stores the result of messages. Repeats the call until the store accepts the result, because no
   * worker receives an unsettled message.
   */
  async #settle(records: readonly Record[], error: ErrorReport | undefined): Promise<void> {
    // While the process closes, the engine returns unfinished and failed messages to the queue, and
    // does not count the delivery.
    if (this.#closed || (error && this.#closing)) return;
    for (let wait = 250; ; wait = Math.min(wait * 2, 10_000)) {
      try {
        if (error) await this.#source.fail(records, error);
        else await this.#source.complete(records);
        break;
      } catch (cause) {
        if (this.#closing) return;
        const text = `The result of ${records.length} messages of queue ${this.#queue}`;
        this.#warn(`${text} could not be stored yet`, cause);
        await new Promise((resolve) => setTimeout(resolve, wait));
      }
    }
    for (const { id } of records) this.#held.delete(id);
  }
}
