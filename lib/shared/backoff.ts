export interface Backoff {
  /** Delay before the second attempt, in milliseconds. */
  readonly firstMillis: number;
  /** Upper limit of each delay, in milliseconds. */
  readonly maxMillis: number;
}

/**
 * The delay in milliseconds after failed attempt number `attempt` (1, 2, 3 …). It doubles with each
 * attempt up to `maxMillis`. `random` (0 to 1) spreads it over the whole interval ("full
 * jitter"), so that callers that failed together do not retry together.
 *
 * @example
 * await delay(backoffMillis(attempt, { firstMillis: 50, maxMillis: 2000 }, Math.random()));
 */
export function backoffMillis(
  attempt: number,
  { firstMillis, maxMillis }: Backoff,
  random = 1,
): number {
  return random * Math.min(maxMillis, firstMillis * 2 ** (attempt - 1));
}
