import { createHash } from 'node:crypto';
import type { TokenFacts, ValidateToken } from '../openstack/token-validation.ts';
import { PropagatorError } from '../shared/errors.ts';
import { setNewest } from './bounded-map.ts';

/** The maximum time until a revoked token is refused. */
const MAX_VALID_MILLIS = 60_000;
/** The time for which the refusal of a token is cached. */
const REFUSAL_VALID_MILLIS = 10_000;
const MAX_ENTRIES = 2000;
const ANSWER_TIMEOUT_MILLIS = 10_000;

interface CachedAnswer {
  readonly facts: TokenFacts | undefined;
  /** Epoch milliseconds. */
  readonly validUntil: number;
}

export interface TokenCache {
  /**
   * Returns the cached answer, or `undefined` if the cache has no valid answer. `facts` is
   * `undefined` if Keystone refused the token.
   */
  cachedAnswer(token: string): { readonly facts: TokenFacts | undefined } | undefined;
  /**
   * Asks Keystone. Concurrent calls for one token share one request. Throws the error of this
   * request.
   */
  validate: ValidateToken;
}

/**
 * Caches the answers of `validate` until the token expires, and for at most 60 s. A refusal is
 * cached for 10 s, a failed call is not cached. The keys are digests, so that a memory dump
 * contains no token.
 */
export function tokenCache(
  validate: ValidateToken,
  now: () => number,
  timeoutMillis = ANSWER_TIMEOUT_MILLIS,
): TokenCache {
  // Refused tokens have a map of their own, so that many forged tokens do not evict valid tokens.
  const acceptedByDigest = new Map<string, CachedAnswer>();
  const refusedByDigest = new Map<string, CachedAnswer>();
  const pendingByDigest = new Map<string, Promise<TokenFacts | undefined>>();
  const cacheAnswer = (
    answerByDigest: Map<string, CachedAnswer>,
    key: string,
    cached: CachedAnswer,
  ): void => setNewest(answerByDigest, key, cached, MAX_ENTRIES);
  const validateAndCache = async (key: string, token: string): Promise<TokenFacts | undefined> => {
    const askedAt = now();
    const facts = await withTimeout(validate(token), timeoutMillis);
    if (facts)
      cacheAnswer(acceptedByDigest, key, {
        facts,
        validUntil: Math.min(facts.expiresAt, askedAt + MAX_VALID_MILLIS),
      });
    else cacheAnswer(refusedByDigest, key, { facts, validUntil: askedAt + REFUSAL_VALID_MILLIS });
    return facts;
  };
  return {
    cachedAnswer(token) {
      const key = digestOf(token);
      for (const answerByDigest of [acceptedByDigest, refusedByDigest]) {
        const cached = answerByDigest.get(key);
        if (cached && now() < cached.validUntil) return cached;
        answerByDigest.delete(key);
      }
      return undefined;
    },
    validate(token) {
      const key = digestOf(token);
      const answer =
        pendingByDigest.get(key) ??
        validateAndCache(key, token).finally(() => void pendingByDigest.delete(key));
      pendingByDigest.set(key, answer);
      return answer;
    },
  };
}

const digestOf = (token: string): string => createHash('sha256').update(token).digest('base64');

async function withTimeout<Value>(answer: Promise<Value>, millis: number): Promise<Value> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(timeoutError(millis)), millis);
  });
  try {
    return await Promise.race([answer, timeout]);
  } finally {
    clearTimeout(timer);
  }
}

const timeoutError = (millis: number): PropagatorError =>
  new PropagatorError({
    code: 'keystone.timeout',
    class: 'Transient',
    message: `Keystone did not validate a token of the API within ${millis / 1000} s`,
    advice: 'Check the load and the log of Keystone.',
    service: 'keystone',
  });
