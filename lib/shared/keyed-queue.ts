/**
 * Runs the works of one key one after another, in the order of the calls. Works of different keys
 * run at the same time.
 */
export class KeyedQueue {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Settles as `work` does. A work that fails does not stop the next one. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(key) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#last.set(key, mine);
    const forget = (): void => {
      if (this.#last.get(key) === mine) this.#last.delete(key);
    };
    mine.then(forget, forget);
    return mine;
  }
}
