/**
 * Runs functions with the same key one after another, in the order of the calls. Functions with
 * different keys run concurrently.
 */
export class KeyedQueue {
  readonly #lastByKey = new Map<string, Promise<unknown>>();

  /** Resolves or rejects with the result of `work`. A failure does not stop the next function. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const previous = this.#lastByKey.get(key) ?? Promise.resolve();
    const queued = previous.then(work, work);
    this.#lastByKey.set(key, queued);
    const forget = (): void => {
      if (this.#lastByKey.get(key) === queued) this.#lastByKey.delete(key);
    };
    queued.then(forget, forget);
    return queued;
  }
}
