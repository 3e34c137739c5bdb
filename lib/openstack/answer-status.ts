import type { ErrorClass } from '../shared/errors.ts';

/** Returns the request id of OpenStack, or Swift's transaction id. */
export const requestIdOf = (headers: Headers): string | undefined =>
  headers.get('x-openstack-request-id') ??
  headers.get('x-compute-request-id') ??
  headers.get('x-trans-id') ??
  undefined;

/**
 * The maximum of `Retry-After`. A longer value may be a mistake and is reduced to this maximum.
 */
const MAX_RETRY_AFTER_SECONDS = 7 * 86_400;

/**
 * Returns the seconds of a `Retry-After`, which is a number or an HTTP date. `now`: epoch
 * milliseconds.
 */
export function retryAfterSeconds(headers: Headers, now: number): number | undefined {
  const value = headers.get('retry-after')?.trim();
  if (!value) return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(value)
    ? Number(value)
    : Math.ceil((Date.parse(value) - now) / 1000);
  if (Number.isNaN(seconds)) return undefined;
  return Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(0, seconds));
}

/** The status with which Swift refuses calls that exceed its rate limit. */
const SWIFT_RATE_LIMIT = 498;
/** The statuses for calls that exceed a rate limit. Cinder and Manila use 413. */
export const RATE_LIMIT_STATUSES: readonly number[] = [413, 429, SWIFT_RATE_LIMIT];
/** Temporary redirects, time-outs, conflicts, locks and rate limits. */
const TRANSIENT_STATUSES: readonly number[] = [
  302,
  303,
  307,
  408,
  409,
  423,
  425,
  429,
  SWIFT_RATE_LIMIT,
];

/**
 * Returns the error class of a status, as documented for `ServiceApi.request`. `hasRetryAfter`: the
 * response has a `Retry-After`. A 413 with `Retry-After` is the rate limit of Cinder and Manila. A
 * 413 without `Retry-After` means that the request is too big.
 */
export function classOf(status: number, hasRetryAfter = false): ErrorClass {
  if (status === 404 || status === 410) return 'Gone';
  if (status === 401 || status === 403) return 'Denied';
  if (status === 405 || status === 501) return 'Unsupported';
  if (TRANSIENT_STATUSES.includes(status) || status >= 500) return 'Transient';
  return status === 413 && hasRetryAfter ? 'Transient' : 'Unexpected';
}
