import { setTimeout as delay } from 'node:timers/promises';
import type { NotificationReceived } from '../../events/notification.ts';
import { type BrokerMessage, toReceived } from './body.ts';

/** The channel that delivers the messages and takes their acknowledgments. */
export interface AcknowledgingChannel<M> {
  ack(message: M, allUpTo: boolean): void;
}

/** The dependencies of an {@link Intake}. */
export interface IntakeDeps {
  /** Stores all messages or throws. */
  store(messages: readonly NotificationReceived[]): Promise<void>;
  now(): number;
  /** Called after a batch of `count` notifications was stored. */
  onStored(count: number): void;
  /** Called when the store failed. Returns the milliseconds until the next attempt. */
  pauseAfterStoreFailure(thrown: unknown): number;
}

/**
 * A batch takes no further message after this number of bytes. The limit protects the memory from
 * many large messages.
 */
const MAX_BATCH_BYTES = 4 * 1024 * 1024;

/** A message of the broker, without its content, and the event that stores the content. */
interface Delivery<M> {
  readonly message: M;
  readonly event: NotificationReceived;
}

/**
 * Collects the messages of one channel, stores them in batches, then acknowledges them in order.
 * Only one batch is in progress at a time. A slow or failing store delays the acknowledgments, and
 * the broker then stops its deliveries at the prefetch limit. After the loss of the channel the
 * intake ends, and the broker delivers unacknowledged messages again.
 */
export class Intake<M extends BrokerMessage> {
  readonly #channel: AcknowledgingChannel<M>;
  readonly #deps: IntakeDeps;
  readonly #batchLimits: { readonly size: number; readonly waitMillis: number };
  readonly #endController = new AbortController();
  #waitingDeliveries: Delivery<M>[] = [];
  #waitingBytes = 0;
  #wake: (() => void) | undefined;
  readonly #loopEnd: Promise<void>;

  constructor(
    channel: AcknowledgingChannel<M>,
    batchLimits: { size: number; waitMillis: number },
    deps: IntakeDeps,
  ) {
    this.#channel = channel;
    this.#batchLimits = batchLimits;
    this.#deps = deps;
    this.#loopEnd = this.#run();
  }

  /** Adds a message. To save memory, only the event keeps the content of the message. */
  add(message: M): void {
    if (this.#endController.signal.aborted) return;
    const event = toReceived(message, this.#deps.now());
    this.#waitingDeliveries.push({ message: { ...message, content: Buffer.alloc(0) }, event });
    this.#waitingBytes += event.data.body.length;
    if (this.#waitingDeliveries.length === 1 || this.#isFull()) this.#wake?.();
  }

  /**
   * Ends the intake: no further batch is stored. Resolves when the current batch is acknowledged,
   * or when the intake has given it up.
   */
  async end(): Promise<void> {
    this.#endController.abort();
    this.#wake?.();
    await this.#loopEnd;
  }

  #isFull(): boolean {
    return (
      this.#waitingDeliveries.length >= this.#batchLimits.size ||
      this.#waitingBytes >= MAX_BATCH_BYTES
    );
  }

  async #run(): Promise<void> {
    const { signal } = this.#endController;
    while (!signal.aborted) {
      if (this.#waitingDeliveries.length === 0) await this.#waitForWakeup();
      else if (!this.#isFull()) await this.#waitForWakeup(this.#batchLimits.waitMillis);
      if (!signal.aborted && this.#waitingDeliveries.length > 0)
        await this.#storeBatch(this.#takeBatch());
    }
  }

  #takeBatch(): Delivery<M>[] {
    let bytes = 0;
    const lastIndex = this.#waitingDeliveries.findIndex(({ event }, index) => {
      bytes += event.data.body.length;
      return index + 1 >= this.#batchLimits.size || bytes >= MAX_BATCH_BYTES;
    });
    const batchSize = lastIndex < 0 ? this.#waitingDeliveries.length : lastIndex + 1;
    const batch = this.#waitingDeliveries.splice(0, batchSize);
    this.#waitingBytes = this.#waitingDeliveries.reduce(
      (sum, { event }) => sum + event.data.body.length,
      0,
    );
    return batch;
  }

  async #storeBatch(batch: readonly Delivery<M>[]): Promise<void> {
    const { signal } = this.#endController;
    for (;;) {
      try {
        await this.#deps.store(batch.map(({ event }) => event));
        break;
      } catch (thrown) {
        await delay(this.#deps.pauseAfterStoreFailure(thrown), undefined, { signal }).catch(
          () => undefined,
        );
        if (signal.aborted) return;
      }
    }
    this.#deps.onStored(batch.length);
    try {
      const lastMessage = batch.at(-1);
      if (lastMessage) this.#channel.ack(lastMessage.message, true);
    } catch {
      // The channel is closed. The broker delivers these messages again, and ingest recognizes the
      // duplicates by their message id.
      this.#endController.abort();
    }
  }

  /** Waits for a first message, a full batch or the end of the intake, at most `maxMillis`. */
  async #waitForWakeup(maxMillis?: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = maxMillis === undefined ? undefined : setTimeout(resolve, maxMillis);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
