import type { ErrorClass, ErrorReport } from '../shared/errors.ts';
import { PropagatorError } from '../shared/errors.ts';
import { serviceMessage } from './service-message.ts';
import type { RawAnswer, TransportError } from './transport.ts';

/** The service that answered or did not answer. */
export interface FailureContext {
  readonly service: string;
  readonly region: string | undefined;
  readonly host: string;
  /** Texts that are replaced in each message of the service. */
  readonly secrets?: readonly string[];
}

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
 * Returns the error class of a status, as documented for `ServiceApi.request`. `asksToWait`: the
 * response has a `Retry-After`. A 413 with `Retry-After` is the rate limit of Cinder and Manila. A
 * 413 without `Retry-After` means that the request is too big.
 */
export function classOf(status: number, asksToWait = false): ErrorClass {
  if (status === 404 || status === 410) return 'Gone';
  if (status === 401 || status === 403) return 'Denied';
  if (status === 405 || status === 501) return 'Unsupported';
  if (TRANSIENT_STATUSES.includes(status) || status >= 500) return 'Transient';
  return status === 413 && asksToWait ? 'Transient' : 'Unexpected';
}

function adviceOf(status: number, where: FailureContext, waitSeconds: number | undefined): string {
  if (status >= 300 && status < 400)
    return (
      `The endpoint of ${where.service} in the catalog redirects to another URL: ` +
      'correct the endpoint (often http instead of https).'
    );
  switch (classOf(status, waitSeconds !== undefined)) {
    case 'Gone':
      return 'The resource is already gone. No action is necessary.';
    case 'Denied':
      return status === 401
        ? `${where.service} refused a new token as well: check its [keystone_authtoken] ` +
            'settings.'
        : `Assign the role that ${where.service} requires to the user of the propagator, ` +
            'then redrive.';
    case 'Unsupported':
      return `This release of ${where.service} does not have the API call. No action is necessary.`;
    case 'Transient':
      if (status === 409)
        return (
          'The propagator repeats the call. If the error persists, check the resource that the ' +
          'message names.'
        );
      if (RATE_LIMIT_STATUSES.includes(status))
        return (
          'The propagator repeats the call later. If the error persists, allow fewer concurrent ' +
          `calls: PROPAGATOR_CONCURRENCY=${where.service}=2.`
        );
      if (status === 503 && waitSeconds !== undefined)
        return (
          `${where.service} asks for ${waitSeconds} s without calls. The task continues ` +
          'after that.'
        );
      return (
        'The propagator repeats the call. If the error persists, search the log of ' +
        `${where.service} for the request id.`
      );
    default:
      return `Search the log of ${where.service} for the request id, then redrive.`;
  }
}

/** Converts an error response. `call`: the call without its query. `now`: epoch milliseconds. */
export function httpFailure(
  answer: RawAnswer,
  call: string,
  where: FailureContext,
  now: number,
): PropagatorError {
  const { status, headers } = answer;
  const serviceText = serviceMessage(answer.text, where.secrets);
  const waitSeconds = retryAfterSeconds(headers, now);
  const location = status >= 300 && status < 400 ? originOf(headers.get('location')) : undefined;
  const report: ErrorReport = {
    code: `${where.service}.http.${status}`,
    class: classOf(status, waitSeconds !== undefined),
    message:
      `${where.service} answered ${status} to ${call}` +
      `${location ? ` (redirect to ${location})` : ''}${serviceText ? `: ${serviceText}` : ''}`,
    advice: adviceOf(status, where, waitSeconds),
    service: where.service,
    region: where.region,
    requestId: requestIdOf(headers),
    status,
    retryAfterSeconds: waitSeconds,
  };
  return new PropagatorError(report);
}

/**
 * Converts the error of a call without a complete response. The class is always `Transient`,
 * because the service may have executed the call.
 */
export function transportFailure(
  error: TransportError,
  call: string,
  where: FailureContext,
): PropagatorError {
  const code = {
    timeout: 'timeout',
    unreachable: 'unreachable',
    reset: 'unreachable',
    tls: 'unreachable',
    broken: 'answer.broken',
  }[error.reason];
  return new PropagatorError(
    {
      code: `${where.service}.${code}`,
      class: 'Transient',
      message: `${where.service} at ${where.host}: ${error.message} (${call})`,
      advice: transportAdvice(error, where),
      service: where.service,
      region: where.region,
    },
    { cause: error },
  );
}

function transportAdvice({ reason }: TransportError, { service, host }: FailureContext): string {
  if (reason === 'tls')
    return (
      'Set OS_CACERT (clouds.yaml: cacert) to the CA that signed the certificate, and ' +
      `check that the certificate is valid for the host name ${host}.`
    );
  if (reason === 'unreachable')
    return (
      `Check that ${service} runs and that this machine can reach ${host}. The propagator tries ` +
      'again.'
    );
  return (
    `The propagator tries again. If the error persists, check ${service} and any proxy in front ` +
    `of it (${host}).`
  );
}

/** The faults of a 2xx response, as the end of an error code. */
type AnswerFault = 'broken' | 'changed' | 'page' | 'unexpected' | 'endless' | 'truncated';
/** A new call would get the same answer. */
const PERMANENT_FAULTS: readonly AnswerFault[] = ['unexpected', 'endless', 'truncated'];

/**
 * Creates the error for a 2xx response that cannot be trusted. Such a response must never count as
 * an empty list.
 */
export function answerFailure(
  { code, message }: { readonly code: AnswerFault; readonly message: string },
  where: FailureContext,
  requestId: string | undefined,
): PropagatorError {
  return new PropagatorError({
    code: `${where.service}.answer.${code}`,
    class: PERMANENT_FAULTS.includes(code) ? 'Unexpected' : 'Transient',
    message: `${where.service}: ${message}`,
    advice: answerAdvice(code, where),
    service: where.service,
    region: where.region,
    requestId,
  });
}

function answerAdvice(fault: AnswerFault, { service, host }: FailureContext): string {
  if (fault === 'changed') return 'The propagator reads the list again.';
  if (fault === 'truncated')
    return (
      `Increase list_limit in the configuration file of ${service} ` +
      '(keystone.conf: [DEFAULT] list_limit and the list_limit of [identity], ' +
      '[resource], [role], [assignment]) above the length of the longest list, or ' +
      `remove it. Restart ${service}, then redrive.`
    );
  return (
    `The propagator does not trust this answer. Check that ${host} is ${service}, and search the ` +
    `log of ${service} for the request id.`
  );
}

function originOf(location: string | null): string | undefined {
  return location && URL.canParse(location) ? new URL(location).origin : undefined;
}
