export interface Backoff {
  /** Delay before the second try, in milliseconds. */
  readonly firstMillis: number;
  /** Upper bound of every delay, in milliseconds. */
  readonly longestMillis: number;
}

/**
 * The delay in milliseconds after failed try number `attempt` (1, 2, 3 …): it doubles with each
 * try up to `longestMillis`. With `random` (0 to 1) it is spread over the whole interval ("full
 * jitter"), so that callers that failed together do not come back together.
 *
 * @example
 * await delay(backoffMillis(attempt, { firstMillis: 50, longestMillis: 2000 }, Math.random()));
 */
export function backoffMillis(
  attempt: number,
  { firstMillis, longestMillis }: Backoff,
  random = 1,
): number {
  return random * Math.min(longestMillis, firstMillis * 2 ** (attempt - 1));
}
