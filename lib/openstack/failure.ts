import type { ErrorReport } from '../shared/errors.ts';
import { PropagatorError } from '../shared/errors.ts';
import { classOf, RATE_LIMIT_STATUSES, requestIdOf, retryAfterSeconds } from './answer-status.ts';
import { serviceMessage } from './service-message.ts';
import type { RawAnswer, TransportError } from './transport.ts';

/** The service to which a failed call was sent. */
export interface FailureContext {
  readonly service: string;
  readonly region: string | undefined;
  readonly host: string;
  /** Texts that are replaced in each message of the service. */
  readonly secrets?: readonly string[];
}

function adviceOf(status: number, service: string, waitSeconds: number | undefined): string {
  if (status >= 300 && status < 400)
    return (
      `The endpoint of ${service} in the catalog redirects to another URL: ` +
      'correct the endpoint (often http instead of https).'
    );
  switch (classOf(status, waitSeconds !== undefined)) {
    case 'Gone':
      return 'The resource is already gone. No action is necessary.';
    case 'Denied':
      return status === 401
        ? `${service} refused a new token as well: check its [keystone_authtoken] settings.`
        : `Assign the role that ${service} requires to the user of the propagator, then redrive.`;
    case 'Unsupported':
      return `This release of ${service} does not have the API call. No action is necessary.`;
    case 'Transient':
      return transientAdvice(status, service, waitSeconds);
    default:
      return `Search the log of ${service} for the request id, then redrive.`;
  }
}

function transientAdvice(status: number, service: string, waitSeconds: number | undefined): string {
  if (status === 409)
    return (
      'The propagator repeats the call. If the error persists, check the resource that the ' +
      'message names.'
    );
  if (RATE_LIMIT_STATUSES.includes(status))
    return (
      'The propagator repeats the call later. If the error persists, allow fewer concurrent ' +
      `calls: PROPAGATOR_CONCURRENCY=${service}=2.`
    );
  if (status === 503 && waitSeconds !== undefined)
    return `${service} asks for a pause of ${waitSeconds} s. The task continues after that.`;
  return (
    'The propagator repeats the call. If the error persists, search the log of ' +
    `${service} for the request id.`
  );
}

/** Converts an error response. `call`: the call without its query. `now`: epoch milliseconds. */
export function httpFailure(
  answer: RawAnswer,
  call: string,
  failureContext: FailureContext,
  now: number,
): PropagatorError {
  const { service, region, secrets } = failureContext;
  const { status, headers } = answer;
  const serviceText = serviceMessage(answer.text, secrets);
  const waitSeconds = retryAfterSeconds(headers, now);
  const location = status >= 300 && status < 400 ? originOf(headers.get('location')) : undefined;
  const report: ErrorReport = {
    code: `${service}.http.${status}`,
    class: classOf(status, waitSeconds !== undefined),
    message:
      `${service} answered ${status} to ${call}` +
      `${location ? ` (redirect to ${location})` : ''}${serviceText ? `: ${serviceText}` : ''}`,
    advice: adviceOf(status, service, waitSeconds),
    service,
    region,
    requestId: requestIdOf(headers),
    status,
    retryAfterSeconds: waitSeconds,
  };
  return new PropagatorError(report);
}

/**
 * Converts the error of a call without a complete response. It is unknown whether the service has
 * executed the call. The class is therefore always `Transient`: the next run lists again.
 */
export function transportFailure(
  error: TransportError,
  call: string,
  failureContext: FailureContext,
): PropagatorError {
  const { service, region, host } = failureContext;
  const code = {
    timeout: 'timeout',
    unreachable: 'unreachable',
    reset: 'unreachable',
    tls: 'unreachable',
    broken: 'answer.broken',
    canceled: 'canceled',
  }[error.reason];
  return new PropagatorError(
    {
      code: `${service}.${code}`,
      class: 'Transient',
      message: `${service} at ${host}: ${error.message} (${call})`,
      advice: transportAdvice(error, failureContext),
      service,
      region,
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
  if (reason === 'canceled') return 'The propagator itself ended this call, and tries again.';
  return (
    `The propagator tries again. If the error persists, check ${service} and any proxy in front ` +
    `of it (${host}).`
  );
}

/** The faults of a 2xx response. Each is the last part of an error code: `nova.answer.broken`. */
type AnswerFault = 'broken' | 'changed' | 'page' | 'unexpected' | 'endless' | 'truncated';
/** The faults that a new call would get again. */
const PERMANENT_FAULTS: readonly AnswerFault[] = ['unexpected', 'endless', 'truncated'];

/**
 * Creates the error for a 2xx response that cannot be trusted. Such a response must never count as
 * an empty list.
 */
export function answerFailure(
  { code, message }: { readonly code: AnswerFault; readonly message: string },
  failureContext: FailureContext,
  requestId: string | undefined,
): PropagatorError {
  const { service, region } = failureContext;
  return new PropagatorError({
    code: `${service}.answer.${code}`,
    class: PERMANENT_FAULTS.includes(code) ? 'Unexpected' : 'Transient',
    message: `${service}: ${message}`,
    advice: answerAdvice(code, failureContext),
    service,
    region,
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
