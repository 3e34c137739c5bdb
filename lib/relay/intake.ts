import { setTimeout as delay } from 'node:timers/promises';
import type { NotificationReceived } from '../../events/notification.ts';
import { type Incoming, toReceived } from './body.ts';

/** The channel of the messages, on which each delivery must be acknowledged. */
export interface Acknowledging<M> {
  ack(message: M, allUpTo: boolean): void;
}

export interface IntakeDeps {
  /** Stores all messages or throws. */
  store(messages: readonly NotificationReceived[]): Promise<void>;
  now(): number;
  onStored(count: number): void;
  /** Called when the store failed. Returns the back-off in milliseconds. */
  onFailed(thrown: unknown): number;
}

/**
 * A batch with this number of bytes does not wait for more messages, because huge messages could
 * exhaust the memory.
 */
const MAX_BYTES = 4 * 1024 * 1024;

/**
 * Collects the messages of one channel, stores them in batches, then acknowledges them in order.
 * Only one batch is in progress at a time. A slow or failing store delays the acknowledgments, and
 * the prefetch limit then stops further deliveries. After the loss of the channel the intake ends,
 * and the broker delivers unacknowledged messages again.
 */
export class Intake<M extends Incoming> {
  readonly #channel: Acknowledging<M>;
  readonly #deps: IntakeDeps;
  readonly #batch: { readonly size: number; readonly waitMillis: number };
  readonly #ended = new AbortController();
  #waiting: { readonly message: M; readonly stored: NotificationReceived }[] = [];
  #bytes = 0;
  #wake: (() => void) | undefined;
  readonly #running: Promise<void>;

  constructor(
    channel: Acknowledging<M>,
    batch: { size: number; waitMillis: number },
    deps: IntakeDeps,
  ) {
    this.#channel = channel;
    this.#batch = batch;
    this.#deps = deps;
    this.#running = this.#run();
  }

  /** Adds a delivery. The intake keeps only the stored form of its content. */
  add(message: M): void {
    if (this.#ended.signal.aborted) return;
    const stored = toReceived(message, this.#deps.now());
    this.#waiting.push({ message: { ...message, content: Buffer.alloc(0) }, stored });
    this.#bytes += stored.data.body.length;
    if (this.#waiting.length === 1 || this.#isFull()) this.#wake?.();
  }

  /** Starts no further batch. Resolves when the current batch is acknowledged or given up. */
  async end(): Promise<void> {
    this.#ended.abort();
    this.#wake?.();
    await this.#running;
  }

  #isFull(): boolean {
    return this.#waiting.length >= this.#batch.size || this.#bytes >= MAX_BYTES;
  }

  async #run(): Promise<void> {
    const { signal } = this.#ended;
    while (!signal.aborted) {
      if (this.#waiting.length === 0) await this.#woken();
      else if (!this.#isFull()) await this.#woken(this.#batch.waitMillis);
      if (!signal.aborted && this.#waiting.length > 0) await this.#storeBatch(this.#take());
    }
  }

  #take() {
    let bytes = 0;
    const lastIndex = this.#waiting.findIndex(({ stored }, index) => {
      bytes += stored.data.body.length;
      return index + 1 >= this.#batch.size || bytes >= MAX_BYTES;
    });
    const batch = this.#waiting.splice(0, lastIndex < 0 ? this.#waiting.length : lastIndex + 1);
    this.#bytes = this.#waiting.reduce((sum, { stored }) => sum + stored.data.body.length, 0);
    return batch;
  }

  async #storeBatch(
    batch: readonly { readonly message: M; readonly stored: NotificationReceived }[],
  ): Promise<void> {
    const { signal } = this.#ended;
    for (;;) {
      try {
        await this.#deps.store(batch.map(({ stored }) => stored));
        break;
      } catch (thrown) {
        await delay(this.#deps.onFailed(thrown), undefined, { signal }).catch(() => undefined);
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
      this.#ended.abort();
    }
  }

  /** Waits for a wake-up: a first message, a full batch, or the end. Waits at most `maxMillis`. */
  async #woken(maxMillis?: number): Promise<void> {
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
