/**
 * Permits an action at most once per interval. All callers of `permits` share this limit.
 *
 * @example
 * const throttle = new Throttle(500, Date.now);
 * if (throttle.permits()) sendReport();
 */
export class Throttle {
  readonly #intervalMillis: number;
  readonly #now: () => number;
  #permittedAt = Number.NEGATIVE_INFINITY;

  /** `now` returns epoch milliseconds. */
  constructor(intervalMillis: number, now: () => number) {
    this.#intervalMillis = intervalMillis;
    this.#now = now;
  }

  /** True if the interval since the last permission has passed. The next interval then begins. */
  permits(): boolean {
    const now = this.#now();
    if (Math.abs(now - this.#permittedAt) < this.#intervalMillis) return false;
    this.#permittedAt = now;
    return true;
  }
}
