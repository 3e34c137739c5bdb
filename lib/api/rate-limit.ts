import { setNewest } from './bounded-map.ts';

const MINUTE_MILLIS = 60_000;
const MAX_KEYS = 10_000;

interface Bucket {
  tokens: number;
  /** The time at which `tokens` was computed, in epoch milliseconds. */
  tokensAt: number;
}

/** Counts one call of `key`. Returns 0 if the call is allowed, otherwise the seconds to wait. */
export type CountCall = (key: string) => number;

/**
 * A token bucket per key: a burst of `perMinute` calls, refilled evenly over a minute. A bound on
 * the number of keys limits the memory; the least recently used key is dropped first.
 */
export function createCallCounter(perMinute: number, now: () => number): CountCall {
  const buckets = new Map<string, Bucket>();
  return (key) => {
    const at = now();
    const bucket = buckets.get(key) ?? { tokens: perMinute, tokensAt: at };
    const refilledTokens = ((at - bucket.tokensAt) / MINUTE_MILLIS) * perMinute;
    const tokens = Math.min(perMinute, bucket.tokens + Math.max(0, refilledTokens));
    const isAllowed = tokens >= 1;
    setNewest(buckets, key, { tokens: isAllowed ? tokens - 1 : tokens, tokensAt: at }, MAX_KEYS);
    return isAllowed ? 0 : Math.max(1, Math.ceil(((1 - tokens) / perMinute) * 60));
  };
}
