/** `setTimeout` takes no more than about 24 days; longer waits are found by polling. */
const LONGEST_TIMER_SECONDS = 20 * 24 * 60 * 60;

/**
 * Wakes the workers of a queue in this process: at once, or when a delayed message falls due. The
 * timers run on the monotonic clock. `makeDue` is told which messages have waited as long as was
 * asked, because the database, whose clock may have been set back, may not agree.
 */
export class WorkerWakeups {
  readonly #ringers = new Map<string, Set<() => void>>();
  readonly #timers = new Set<NodeJS.Timeout>();

  readonly #makeDue: (queue: string, ids: readonly string[]) => Promise<unknown>;

  constructor(makeDue: (queue: string, ids: readonly string[]) => Promise<unknown>) {
    this.#makeDue = makeDue;
  }

  on(queue: string, wake: () => void): void {
    const ringers = this.#ringers.get(queue) ?? new Set();
    this.#ringers.set(queue, ringers.add(wake));
  }

  ring(queue: string, delaySeconds = 0, ids: readonly string[] = []): void {
    const ringers = this.#ringers.get(queue) ?? new Set();
    if (delaySeconds > LONGEST_TIMER_SECONDS) return;
    if (delaySeconds <= 0) {
      for (const wake of ringers) wake();
      return;
    }
    // The database counts from the beginning of the transaction, so it is due by now; a timer may
    // fire a millisecond early.
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        const wakeAll = (): void => {
          for (const wake of ringers) wake();
        };
        this.#makeDue(queue, ids).then(wakeAll, wakeAll);
      },
      delaySeconds * 1000 + 1,
    );
    this.#timers.add(timer);
  }

  silence(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
    this.#ringers.clear();
  }
}
