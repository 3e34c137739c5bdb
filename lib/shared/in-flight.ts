/**
 * A request is shared for at most this time after its start, because the answer of a slow request
 * may be outdated.
 */
const MAX_AGE_MILLIS = 1000;

/**
 * Combines equal requests that overlap in time. Only a running request is shared, so each caller
 * gets an answer that arrives after the caller's own request.
 */
export class InFlightRequests {
  readonly #requests = new Map<
    string,
    { readonly startedAt: number; readonly answer: Promise<unknown> }
  >();
  readonly #now: () => number;

  /** `now`: in milliseconds. */
  constructor(now: () => number) {
    this.#now = now;
  }

  /** Calls `send`, or returns the answer or error of a running request with this key. */
  share<T>(key: string, send: () => Promise<T>): Promise<T> {
    const runningRequest = this.#requests.get(key);
    const ageMillis = runningRequest
      ? this.#now() - runningRequest.startedAt
      : Number.POSITIVE_INFINITY;
    // The cast is safe, because the key determines the type of the answer.
    if (runningRequest && ageMillis >= 0 && ageMillis < MAX_AGE_MILLIS)
      return runningRequest.answer as Promise<T>;
    const answer = send();
    const request = { startedAt: this.#now(), answer };
    this.#requests.set(key, request);
    const forget = (): void => {
      if (this.#requests.get(key) === request) this.#requests.delete(key);
    };
    answer.then(forget, forget);
    return answer;
  }
}
