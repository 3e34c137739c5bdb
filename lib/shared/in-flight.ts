/**
 * A request is shared for at most this time after its start, because its answer may be outdated
 * later.
 */
const MAX_AGE_MILLIS = 1000;

/**
 * Combines equal requests that overlap in time. Only a running request is shared, so each caller
 * gets an answer that arrives after the caller's own request.
 */
export class InFlight {
  readonly #asked = new Map<string, { readonly at: number; readonly answer: Promise<unknown> }>();
  readonly #now: () => number;

  /** `now`: in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Calls `ask`, or returns the answer or error of a running request with this key. */
  share<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#asked.get(key);
    const age = known ? this.#now() - known.at : Number.POSITIVE_INFINITY;
    // The cast is safe, because the key determines the type of the answer.
    if (known && age >= 0 && age < MAX_AGE_MILLIS) return known.answer as Promise<T>;
    const answer = ask();
    const mine = { at: this.#now(), answer };
    this.#asked.set(key, mine);
    const forget = (): void => {
      if (this.#asked.get(key) === mine) this.#asked.delete(key);
    };
    answer.then(forget, forget);
    return answer;
  }
}
