import type { QueueName } from '../../../events/index.ts';
import type { AuditEntry } from '../../audit/entry.ts';
import { backoffMillis } from '../../shared/backoff.ts';
import type { ErrorReport } from '../../shared/errors.ts';
import { closedError } from '../engine-error.ts';
import type { Handler } from '../handle-group.ts';
import type {
  Change,
  DeadLetterFilter,
  DecisionAuthor,
  WorkerEngine,
  WorkOptions,
} from '../port.ts';
import { type Warn, Worker, type WorkerSource } from '../worker.ts';
import { WorkerWakeups } from '../worker-wakeups.ts';
import { commit } from './commit.ts';
import {
  type DecisionResult,
  discard,
  listDeadLetters,
  moveToDeadLetters,
  redrive,
} from './dead-letters.ts';
import type { QueuedMessage } from './queues.ts';
import { readsOf } from './reads.ts';
import { MemoryStore } from './store.ts';

export interface MemoryEngineOptions {
  /** Default: a new, empty store. */
  readonly store?: MemoryStore;
  /** Returns epoch milliseconds. Default: the monotonic clock of this process. */
  readonly now?: () => number;
  /**
   * `maxRetries`: deliveries after the first, default 8. `maxDelaySeconds`: the longest back-off,
   * default 300. The back-off starts at 1 s and doubles.
   */
  readonly retry?: { readonly maxRetries: number; readonly maxDelaySeconds: number };
  /** Called for a handler that throws, and for unreadable messages. */
  readonly onWarning?: Warn;
  /** Called for each entry of the audit log, after it was written. */
  readonly onAudited?: (entry: AuditEntry) => void;
}

const DEFAULT_RETRY = { maxRetries: 8, maxDelaySeconds: 300 };
const preciseNow = (): number => performance.timeOrigin + performance.now();

/**
 * An engine that keeps everything in the memory of one process, for tests and for trying out the
 * propagator. All data is lost when the process ends.
 *
 * @example
 * const engine = new MemoryEngine();
 * const handler = (deliveries) => coordinate(deliveries, deps);
 * await engine.work('coordinate', { concurrency: 4 }, handler);
 */
export class MemoryEngine implements WorkerEngine {
  readonly reads;
  protected readonly store: MemoryStore;
  readonly #now: () => number;
  readonly #retry: { readonly maxRetries: number; readonly maxDelaySeconds: number };
  readonly #warn: Warn;
  readonly #onAudited: (entry: AuditEntry) => void;
  readonly #wakeups: WorkerWakeups;
  readonly #workers: Worker<QueuedMessage>[] = [];
  readonly #queuesWithWorker = new Set<QueueName>();
  #closing: Promise<void> | undefined;
  #isClosed = false;

  constructor(options: MemoryEngineOptions = {}) {
    this.store = options.store ?? new MemoryStore();
    this.#now = options.now ?? preciseNow;
    this.#retry = options.retry ?? DEFAULT_RETRY;
    this.#warn = options.onWarning ?? (() => {});
    this.#onAudited = options.onAudited ?? (() => {});
    this.#wakeups = new WorkerWakeups({ now: this.#now });
    this.reads = readsOf(this.store, this.#now);
  }

  async commit(change: Change): Promise<'committed' | 'conflict'> {
    this.#throwIfClosed();
    const result = commit(this.store, change, this.#now());
    if (result === 'conflict') return 'conflict';
    this.#wake(result.sentMessages);
    result.auditEntries.forEach(this.#onAudited);
    return 'committed';
  }

  async work(queue: QueueName, options: WorkOptions, handler: Handler): Promise<void> {
    this.#throwIfClosed();
    if (this.#closing !== undefined) return;
    this.store.queues.ensure(queue);
    const worker = new Worker(queue, this.#source(queue), options, handler, this.#warn);
    this.#workers.push(worker);
    this.#queuesWithWorker.add(queue);
    this.#wakeups.addCallback(queue, () => worker.wake());
  }

  async deadLetters(filter: DeadLetterFilter) {
    return listDeadLetters(this.store, filter);
  }

  async redrive(filter: DeadLetterFilter, author: DecisionAuthor): Promise<number> {
    this.#throwIfClosed();
    return this.#publishDecision(redrive(this.store, filter, author, this.#now()));
  }

  async discard(
    filter: DeadLetterFilter,
    author: DecisionAuthor & { readonly reason: string },
  ): Promise<number> {
    this.#throwIfClosed();
    return this.#publishDecision(discard(this.store, filter, author, this.#now()));
  }

  async health(): Promise<void> {
    this.#throwIfClosed();
  }

  close(graceSeconds = 10): Promise<void> {
    this.#closing ??= this.#close(graceSeconds);
    return this.#closing;
  }

  async #close(graceSeconds: number): Promise<void> {
    this.#wakeups.stop();
    // Running handlers may still commit.
    const unfinishedByWorker = await Promise.all(
      this.#workers.map((worker) => worker.close(graceSeconds * 1000)),
    );
    this.#isClosed = true;
    // Another engine on the same store may receive these messages. This delivery does not count.
    for (const unfinished of unfinishedByWorker.flat()) {
      unfinished.isActive = false;
      unfinished.receiveCount -= 1;
    }
  }

  #source(queue: QueueName): WorkerSource<QueuedMessage> {
    return {
      bodyOf: ({ message }) => message,
      receive: async (maxMessages) => this.store.queues.receive(queue, maxMessages, this.#now()),
      complete: async (records) => {
        for (const record of records) this.store.queues.delete(record);
      },
      fail: async (records, error) => {
        for (const record of records) this.#retryOrDeadLetter(record, error);
      },
    };
  }

  #retryOrDeadLetter(record: QueuedMessage, error: ErrorReport): void {
    const { queue, message, receiveCount } = record;
    const { maxRetries, maxDelaySeconds } = this.#retry;
    const now = this.#now();
    if (receiveCount > maxRetries) {
      this.store.queues.delete(record);
      moveToDeadLetters(this.store, queue, message, { error, receiveCount, at: now });
      return;
    }
    const backoff = { firstMillis: 1000, maxMillis: maxDelaySeconds * 1000 };
    record.isActive = false;
    record.dueAt = now + backoffMillis(receiveCount, backoff);
    this.#wake([record]);
  }

  /**
   * Wakes workers for the messages that a decision has sent, and reports its audit entries. Returns
   * the number of redriven or discarded messages.
   */
  #publishDecision({ deadLetterCount, sentMessages, auditEntries }: DecisionResult): number {
    this.#wake(sentMessages);
    auditEntries.forEach(this.#onAudited);
    return deadLetterCount;
  }

  /** Wakes the workers of this engine, now or when a message is due. */
  #wake(messages: readonly QueuedMessage[]): void {
    const now = this.#now();
    for (const { queue, dueAt } of messages)
      if (this.#queuesWithWorker.has(queue)) this.#wakeups.wake(queue, (dueAt - now) / 1000);
  }

  #throwIfClosed(): void {
    if (this.#isClosed) throw closedError();
  }
}
