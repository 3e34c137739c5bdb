import { setTimeout as delay } from 'node:timers/promises';
import type { QueueName } from '../../../events/index.ts';
import { type ErrorReport, reportOf } from '../../shared/errors.ts';
import { UNREADABLE } from '../engine-error.ts';
import type { Delivery, WorkOptions } from '../port.ts';
import { readBody } from './messaging/envelope.ts';
import { type Queues, RECEIVED_AT_ONCE, type Received } from './messaging/queues.ts';
import type { Names } from './names.ts';
import { failed, type RetryOptions } from './retry.ts';

type Handler = (deliveries: readonly Delivery[]) => Promise<void>;

export interface WorkerDeps {
  readonly queues: Queues;
  readonly names: Names;
  readonly retry: RetryOptions;
  /** Long-polling time in seconds. Closing may take as long. */
  readonly pollSeconds: number;
  /**
   * Visibility timeout in seconds. The worker extends it with a heartbeat three times as often;
   * after a crash, other workers receive the messages when it ends.
   */
  readonly visibilitySeconds: number;
  readonly warn: (message: string, cause?: unknown) => void;
}

/**
 * Receives the messages of one queue by long polling and passes them to a handler, in a process
 * outside Lambda.
 */
export class Worker {
  readonly #queue: QueueName;
  readonly #place: string;
  readonly #concurrency: number;
  readonly #batch: number;
  readonly #handler: Handler;
  readonly #deps: WorkerDeps;
  readonly #heart: NodeJS.Timeout;
  readonly #ended: Promise<void>;
  /** Messages received, not yet settled. */
  readonly #held = new Map<string, Received>();
  readonly #running = new Set<Promise<void>>();
  #waiting: Received[][] = [];
  #closing = false;
  #closed = false;
  /** Resumes the loop when a handler has ended or the worker closes. */
  #stir: () => void = () => {};

  constructor(queue: QueueName, options: WorkOptions, handler: Handler, deps: WorkerDeps) {
    this.#queue = queue;
    this.#place = deps.names.queue(queue);
    this.#concurrency = options.concurrency;
    this.#batch = options.batch ?? 1;
    this.#handler = handler;
    this.#deps = deps;
    this.#heart = setInterval(() => void this.#beat(), (deps.visibilitySeconds * 1000) / 3);
    this.#ended = this.#run();
  }

  /**
   * Stops receiving, waits for the handlers for at most `gracePeriodMillis`, and returns unfinished
   * messages to the queue.
   */
  async close(gracePeriodMillis: number): Promise<void> {
    this.#closing = true;
    this.#stir();
    const late = new AbortController();
    const grace = delay(gracePeriodMillis, undefined, { signal: late.signal }).catch(() => {});
    // A running long poll may still deliver messages, which must be returned too.
    await this.#ended;
    await Promise.race([Promise.all(this.#running), grace]);
    late.abort();
    this.#closed = true;
    clearInterval(this.#heart);
    await this.#giveBack([...this.#held.values()]);
  }

  async #run(): Promise<void> {
    for (let troubled = false; !this.#closing; ) {
      const room = this.#concurrency - this.#running.size;
      if (this.#waiting.length > 0 && room > 0) this.#start(this.#waiting.shift() ?? []);
      else if (this.#waiting.length > 0 || room <= 0) await this.#stirred();
      else
        try {
          this.#waiting = this.#grouped(await this.#take(room * this.#batch));
          troubled = false;
        } catch (error) {
          // Warn once per outage.
          if (!troubled)
            this.#deps.warn(`Messages of ${this.#queue} can't be taken for now`, error);
          troubled = true;
          await Promise.race([delay(1000), this.#stirred()]);
        }
    }
  }

  #stirred(): Promise<void> {
    return new Promise((resolve) => {
      this.#stir = resolve;
    });
  }

  /** Waits for a first message, then receives as many as there is capacity for. */
  async #take(most: number): Promise<Received[]> {
    const { queues, pollSeconds, visibilitySeconds } = this.#deps;
    const taken = await queues.receive(
      this.#place,
      Math.min(RECEIVED_AT_ONCE, most),
      pollSeconds,
      visibilitySeconds,
    );
    for (const received of taken) this.#held.set(received.id, received);
    const wanted = taken.length < RECEIVED_AT_ONCE ? 0 : most - taken.length;
    const looks = Array.from(
      { length: Math.ceil(wanted / RECEIVED_AT_ONCE) },
      async (_, confirmation) => {
        const some = await queues.receive(
          this.#place,
          Math.min(RECEIVED_AT_ONCE, wanted - confirmation * RECEIVED_AT_ONCE),
          0,
          visibilitySeconds,
        );
        for (const received of some) this.#held.set(received.id, received);
        return some;
      },
    );
    return [...taken, ...(await Promise.all(looks)).flat()];
  }

  /**
   * New messages form batches. A message that was delivered before is handled alone, so that one
   * bad message cannot fail its batch again.
   */
  #grouped(taken: readonly Received[]): Received[][] {
    const fresh = taken.filter(({ receiveCount }) => receiveCount === 1);
    const batches = Array.from({ length: Math.ceil(fresh.length / this.#batch) }, (_, index) =>
      fresh.slice(index * this.#batch, (index + 1) * this.#batch),
    );
    return [
      ...batches,
      ...taken.filter(({ receiveCount }) => receiveCount > 1).map((one) => [one]),
    ];
  }

  #start(batch: Received[]): void {
    const run = this.#handle(batch).finally(() => {
      this.#running.delete(run);
      this.#stir();
    });
    this.#running.add(run);
  }

  async #handle(batch: Received[]): Promise<void> {
    const read = batch.map((received) => ({ received, message: readBody(received.body) }));
    const unread = read.flatMap(({ received, message }) => (message ? [] : [received]));
    const rest = read.flatMap(({ received, message }) => (message ? [received] : []));
    const deliveries = read.flatMap(({ received: { receiveCount }, message }) =>
      message ? [{ message, receiveCount }] : [],
    );
    if (unread.length > 0) {
      this.#deps.warn(
        `${unread.length} messages of ${this.#queue} can't be read by this release; in the end they are dead letters`,
      );
      await this.#settle(unread, UNREADABLE);
    }
    if (rest.length === 0) return;
    try {
      await this.#handler(deliveries);
    } catch (error) {
      const come = rest.length === 1 ? 'message comes' : `${rest.length} messages come`;
      this.#deps.warn(`A handler of ${this.#queue} failed; its ${come} again`, error);
      return this.#settle(rest, reportOf(error, { code: 'handler.failed' }));
    }
    await this.#settle(rest);
  }

  /**
   * Deletes the messages, or marks them for retry. It repeats until SQS accepts, because SQS would
   * otherwise deliver a handled message again.
   */
  async #settle(batch: Received[], error?: ErrorReport): Promise<void> {
    for (let wait = 250; !this.#closed; wait = Math.min(wait * 2, 10_000)) {
      try {
        if (error) await failed(this.#queue, batch, error, this.#deps);
        else await this.#deps.queues.delete(this.#place, batch);
        break;
      } catch (trouble) {
        this.#deps.warn(
          `The end of ${batch.length} messages of ${this.#queue} could not be recorded yet`,
          trouble,
        );
        await delay(wait);
      }
    }
    for (const { id } of batch) this.#held.delete(id);
  }

  async #beat(): Promise<void> {
    try {
      await this.#deps.queues.hide(
        this.#place,
        [...this.#held.values()],
        this.#deps.visibilitySeconds,
      );
    } catch (error) {
      this.#deps.warn(
        `No sign of life could be given for messages of ${this.#queue}; others may take them`,
        error,
      );
    }
  }

  /**
   * Returns messages as if they had not been received. SQS counts every delivery, so a new message
   * is sent in place of each and the old one deleted. A message that failed before keeps its
   * receive count, because it may be what keeps the handler from ending.
   */
  async #giveBack(taken: readonly Received[]): Promise<void> {
    const { queues, warn } = this.#deps;
    try {
      const fresh = taken.filter(({ receiveCount }) => receiveCount === 1);
      await queues.send(this.#place, fresh);
      await queues.delete(this.#place, fresh);
      await queues.hide(
        this.#place,
        taken.filter(({ receiveCount }) => receiveCount > 1),
        0,
      );
    } catch (error) {
      warn(
        `${taken.length} messages of ${this.#queue} could not be given back; they come again when their time is over`,
        error,
      );
    }
  }
}
