/** An answer that is under way for longer is not shared: it may show an old state. */
const MAX_AGE_MILLIS = 1000;

/**
 * Shares the answers to equal questions that are asked at the same time. An answer is shared only
 * while it is under way, so each caller gets an answer that arrives after its own question.
 */
export class InFlight {
  readonly #asked = new Map<string, { readonly at: number; readonly answer: Promise<unknown> }>();
  readonly #now: () => number;

  /** `now`: in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Asks, unless the question of this key is under way. A failure is shared as well. */
  share<T>(key: string, ask: () => Promise<T>): Promise<T> {
    const known = this.#asked.get(key);
    const age = known ? this.#now() - known.at : Number.POSITIVE_INFINITY;
    // The type of the answer belongs to the key.
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
