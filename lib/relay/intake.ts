import { setTimeout as delay } from 'node:timers/promises';
import type { NotificationReceived } from '../../events/notification.ts';
import { type Incoming, received } from './body.ts';

/** The channel that the messages came over: a delivery is acknowledged there or nowhere. */
export interface Acknowledging<M> {
  ack(message: M, allUpTo: boolean): void;
}

export interface IntakeDeps {
  /** Stores them all or throws. */
  store(messages: readonly NotificationReceived[]): Promise<void>;
  now(): number;
  onStored(count: number): void;
  /** The store failed; tried again after so many milliseconds. */
  onFailed(thrown: unknown): number;
}

/**
 * A batch is stored as soon as it has this many bytes of text, or a few giants would fill the
 * memory.
 */
const MOST_BYTES = 4 * 1024 * 1024;

/**
 * Collects what one channel delivers, stores it in batches and only then acknowledges, in the order
 * of delivery. One batch at a time: while the store is slow or broken nothing is acknowledged, and
 * the prefetch limit holds the broker back. Belongs to one channel: when that is lost, so is this,
 * and the broker delivers again what was not acknowledged.
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

  /** Takes a delivery; its content is let go of at once. */
  add(message: M): void {
    if (this.#ended.signal.aborted) return;
    const stored = received(message, this.#deps.now());
    this.#waiting.push({ message: { ...message, content: Buffer.alloc(0) }, stored });
    this.#bytes += stored.data.body.length;
    if (this.#waiting.length === 1 || this.#isFull()) this.#wake?.();
  }

  /**
   * Begins nothing new. Resolves when the batch under way is stored and acknowledged, or given up.
   */
  async end(): Promise<void> {
    this.#ended.abort();
    this.#wake?.();
    await this.#running;
  }

  #isFull(): boolean {
    return this.#waiting.length >= this.#batch.size || this.#bytes >= MOST_BYTES;
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
    const taken = this.#waiting.findIndex(({ stored }, index) => {
      bytes += stored.data.body.length;
      return index + 1 >= this.#batch.size || bytes >= MOST_BYTES;
    });
    const batch = this.#waiting.splice(0, taken < 0 ? this.#waiting.length : taken + 1);
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
      const last = batch.at(-1);
      if (last) this.#channel.ack(last.message, true);
    } catch {
      // The channel is gone: the broker delivers them again, and ingest knows them by their message
      // id.
      this.#ended.abort();
    }
  }

  /** Until a message comes or the batch is full, until the end, or for so long at most. */
  async #woken(mostMillis?: number): Promise<void> {
    await new Promise<void>((resolve) => {
      const timer = mostMillis === undefined ? undefined : setTimeout(resolve, mostMillis);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
    this.#wake = undefined;
  }
}
