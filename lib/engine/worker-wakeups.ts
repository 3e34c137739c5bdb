/** `setTimeout` supports about 24 days. Polling finds messages with longer delays. */
const MAX_TIMER_SECONDS = 20 * 24 * 60 * 60;

type MakeDue = (queue: string, ids: readonly string[]) => Promise<unknown>;

/**
 * Wakes the workers of a queue in this process, immediately or when a delayed message is due. `now`
 * is the clock in milliseconds (default: the monotonic clock). A store with its own clock passes
 * `makeDue`, which makes the messages due when their timer ends. Without `makeDue`, messages would
 * wait too long after the store's clock was set back.
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

  on(queue: string, wake: () => void): void {
    const callbacks = this.#callbacks.get(queue) ?? new Set();
    this.#callbacks.set(queue, callbacks.add(wake));
  }

  wake(queue: string, delaySeconds = 0, ids: readonly string[] = []): void {
    const callbacks = this.#callbacks.get(queue) ?? new Set();
    if (delaySeconds > MAX_TIMER_SECONDS) return;
    if (delaySeconds <= 0) {
      for (const wake of callbacks) wake();
      return;
    }
    const wakeAll = (): void => {
      for (const wake of callbacks) wake();
    };
    // A database counts the delay from the start of the transaction, so the message is due when
    // this timer ends.
    this.#after(this.#now() + delaySeconds * 1000, () => {
      this.#makeDue(queue, ids).then(wakeAll, wakeAll);
    });
  }

  /**
   * Calls `callback` when the clock has reached `dueAt`, in milliseconds. A timer may end up to one
   * millisecond early. In that case a second timer waits for the rest.
   */
  #after(dueAt: number, callback: () => void): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        if (this.#now() < dueAt) this.#after(dueAt, callback);
        else callback();
      },
      Math.ceil(dueAt - this.#now()),
    );
    this.#timers.add(timer);
  }

  stop(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#callbacks.clear();
  }
}
