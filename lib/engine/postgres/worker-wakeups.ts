/** `setTimeout` takes no more than this; longer waits are found by polling. */
const LONGEST_TIMER_SECONDS = 60 * 60;

/** Wakes the workers of a queue in this process: at once, or when a delayed message falls due. */
export class WorkerWakeups {
  readonly #ringers = new Map<string, Set<() => void>>();
  readonly #timers = new Set<NodeJS.Timeout>();

  on(queue: string, wake: () => void): void {
    const ringers = this.#ringers.get(queue) ?? new Set();
    this.#ringers.set(queue, ringers.add(wake));
  }

  ring(queue: string, delaySeconds = 0): void {
    const ringers = this.#ringers.get(queue);
    if (!ringers || delaySeconds > LONGEST_TIMER_SECONDS) return;
    if (delaySeconds <= 0) {
      for (const wake of ringers) wake();
      return;
    }
    // The database counts from the beginning of the transaction, so it is due by now; a timer may
    // fire a millisecond early.
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        for (const wake of ringers) wake();
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
