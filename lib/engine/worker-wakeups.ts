/**
 * `setTimeout` supports about 24 days. A message with a longer delay gets no timer: the poll of a
 * worker finds it.
 */
const MAX_TIMER_SECONDS = 20 * 24 * 60 * 60;

/** Makes delayed messages due. The promise resolves after the store has changed them. */
type MakeDue = (queue: string, ids: readonly string[]) => Promise<unknown>;

/**
 * Wakes the workers of a queue in this process, immediately or when a delayed message is due. `now`
 * is the clock in milliseconds (default: the monotonic clock). An engine whose store has its own
 * clock passes `makeDue`, which runs when the timer of a delayed message ends. `makeDue` makes the
 * message due in the store, even if the store's clock was set back meanwhile.
 */
export class WorkerWakeups {
  readonly #callbacks = new Map<string, Set<() => void>>();
  readonly #timers = new Set<NodeJS.Timeout>();
  readonly #makeDue: MakeDue;
  readonly #now: () => number;

  constructor({
    makeDue = async () => {},
    now = () => performance.now(),
  }: {
    makeDue?: MakeDue;
    now?: () => number;
  } = {}) {
    this.#makeDue = makeDue;
    this.#now = now;
  }

  /** Registers the callback that wakes a worker of the queue. */
  addCallback(queue: string, wake: () => void): void {
    const callbacks = this.#callbacks.get(queue) ?? new Set();
    this.#callbacks.set(queue, callbacks.add(wake));
  }

  /** Wakes the workers of the queue, after a delay if the messages `ids` are due later. */
  wake(queue: string, delaySeconds = 0, ids: readonly string[] = []): void {
    const callbacks = this.#callbacks.get(queue) ?? new Set();
    const wakeAll = (): void => {
      for (const wake of callbacks) wake();
    };
    if (delaySeconds > MAX_TIMER_SECONDS) return;
    if (delaySeconds <= 0) {
      wakeAll();
      return;
    }
    // A database counts the delay from the start of the transaction that stored the message. This
    // timer starts later, so the message is due when the timer ends.
    this.#callAt(this.#now() + delaySeconds * 1000, () => {
      this.#makeDue(queue, ids).then(wakeAll, wakeAll);
    });
  }

  /**
   * Calls `callback` when the clock has reached `dueAt`, in milliseconds. A timer of Node may fire
   * one millisecond too early. In that case a second timer waits for the rest.
   */
  #callAt(dueAt: number, callback: () => void): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        if (this.#now() < dueAt) this.#callAt(dueAt, callback);
        else callback();
      },
      Math.ceil(dueAt - this.#now()),
    );
    this.#timers.add(timer);
  }

  /** Cancels all timers and removes all callbacks. */
  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#callbacks.clear();
  }
}
