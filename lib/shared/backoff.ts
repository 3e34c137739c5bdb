/** The limits of the delays between the attempts of a call. */
export interface Backoff {
  /** Delay before the second attempt, in milliseconds. */
  readonly firstMillis: number;
  /** Upper limit of each delay, in milliseconds. */
  readonly maxMillis: number;
}

/**
 * Returns the delay in milliseconds after failed attempt number `attempt` (1, 2, 3 …). The delay
 * doubles with each attempt up to `maxMillis`, and is multiplied by `random` (0 to 1). Callers that
 * failed at the same time should pass a random number ("full jitter"), which spreads their retries.
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
