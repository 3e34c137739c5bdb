/**
 * Runs functions with the same key one after another, in the order of the calls. Functions with
 * different keys run concurrently.
 */
export class KeyedQueue {
  readonly #lastByKey = new Map<string, Promise<unknown>>();

  /** Resolves or rejects with the result of `work`. A failure does not stop the next function. */
  run<T>(key: string, work: () => Promise<T>): Promise<T> {
    const previousWork = this.#lastByKey.get(key) ?? Promise.resolve();
    const queuedWork = previousWork.then(work, work);
    this.#lastByKey.set(key, queuedWork);
    const forget = (): void => {
      if (this.#lastByKey.get(key) === queuedWork) this.#lastByKey.delete(key);
    };
    queuedWork.then(forget, forget);
    return queuedWork;
  }
}
