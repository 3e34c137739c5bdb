import * as z from 'zod';
import type { ErrorClass, ErrorReport } from '../shared/errors.ts';
import { PropagatorError } from '../shared/errors.ts';
import { plainText } from '../shared/plain-text.ts';
import { parseJson } from './json.ts';
import type { RawAnswer, TransportError } from './transport.ts';

/** The service that a failure is about. `secrets` are redacted from every text of the service. */
export interface FailureContext {
  readonly service: string;
  readonly region: string | undefined;
  readonly host: string;
  readonly secrets?: readonly string[];
}

const MAX_MESSAGE_LENGTH = 300;
/** Characters of an HTML page that are searched for a message. */
const MAX_PAGE = 20_000;

/** The request id of OpenStack; Swift also has its own. */
export const requestIdOf = (headers: Headers): string | undefined =>
  headers.get('x-openstack-request-id') ??
  headers.get('x-compute-request-id') ??
  headers.get('x-trans-id') ??
  undefined;

/** Upper limit, so that a wrong `Retry-After` cannot stop the work. */
const MAX_RETRY_AFTER_SECONDS = 7 * 86_400;

/** Seconds of `Retry-After`, as a number or an HTTP date. `now` is in epoch milliseconds. */
export function retryAfterSeconds(headers: Headers, now: number): number | undefined {
  const value = headers.get('retry-after')?.trim();
  if (!value) return undefined;
  const seconds = /^\d+(\.\d+)?$/.test(value)
    ? Number(value)
    : Math.ceil((Date.parse(value) - now) / 1000);
  if (Number.isNaN(seconds)) return undefined;
  return Math.min(MAX_RETRY_AFTER_SECONDS, Math.max(0, seconds));
}

const fault = z.object({ message: z.string() });
const wsme = z.object({ faultstring: z.string() }).transform((body) => body.faultstring);
/** The text of an error. Ironic's text contains JSON. */
const text = z.string().transform((words) => wsme.safeParse(parseJson(words)).data ?? words);
/**
 * The forms of an error body. The key of a fault differs by service: `itemNotFound`,
 * `NeutronError`, `error`.
 */
const bodies = z.union([
  wsme,
  z.object({ error_message: z.union([text, wsme]) }).transform((body) => body.error_message),
  z
    .object({
      errors: z
        .array(z.object({ title: z.string().optional(), detail: z.string().optional() }))
        .min(1),
    })
    .transform((body) => body.errors.map((error) => error.detail ?? error.title ?? '').join('; ')),
  z
    .object({
      NeutronError: z.union([
        z.string(),
        z.object({ message: z.string(), detail: z.unknown().optional() }),
      ]),
    })
    .transform(({ NeutronError: error }) =>
      typeof error === 'string'
        ? error
        : typeof error.detail === 'string' && error.detail
          ? `${error.message} ${error.detail}`
          : error.message,
    ),
  fault.transform((body) => body.message),
  // Barbican, Zaqar, Freezer, Gnocchi: `title` names the status, `description` the reason.
  z.object({ description: z.string() }).transform((body) => body.description),
  z
    .object({ description: z.object({ cause: z.string(), reason: z.string() }) })
    .transform(({ description: { cause, reason } }) => `${cause}: ${reason}`),
  // Tacker, as in RFC 7807.
  z.object({ title: z.string(), detail: z.string() }).transform((body) => body.detail),
  z.record(z.string(), z.union([fault, z.unknown()])).transform((body, context) => {
    for (const value of Object.values(body)) {
      const inner = fault.safeParse(value);
      if (inner.success) return inner.data.message;
    }
    context.addIssue({ code: 'custom', message: 'no message' });
    return z.NEVER;
  }),
]);

/**
 * The service's message from its error body (JSON, HTML or text), on one line, cut to 300
 * characters.
 */
export function serviceMessage(text: string, secrets: readonly string[] = []): string | undefined {
  const json = parseJson(text);
  const parsed = json === undefined ? undefined : bodies.safeParse(json);
  const messageText = parsed
    ? (parsed.data ?? '')
    : (/<body[^>]*>([\s\S]*)<\/body>/i.exec(text.slice(0, MAX_PAGE))?.[1] ?? text);
  const line = messageText
    .slice(0, MAX_PAGE)
    .replace(/<(script|style|title|h1)\b[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<\/?[a-z][^>]*>/gi, ' ')
    .replace(/&(lt|gt|quot|#x27|#39|amp);/g, (entity) => ENTITIES[entity] ?? entity);
  return plainText(line, MAX_MESSAGE_LENGTH, secrets) || undefined;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#x27;': "'",
  '&#39;': "'",
  '&amp;': '&',
};

/** Swift's rate limit. */
const SWIFT_RATE_LIMIT = 498;
/** The statuses with which services refuse too many calls. 413: Cinder and Manila. */
export const RATE_LIMITS: readonly number[] = [413, 429, SWIFT_RATE_LIMIT];
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
 * Returns the error class of a status, as `ServiceApi.request` documents it. `asksToWait`: the
 * response has a `Retry-After`. A 413 with `Retry-After` is the rate limit of Cinder and Manila;
 * without it, the request is too big.
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
      return 'The resource is already gone; nothing to do.';
    case 'Denied':
      return status === 401
        ? `${where.service} refused a new token as well: check its [keystone_authtoken] ` +
            'settings.'
        : `Assign the role that ${where.service} requires to the user of the propagator, ` +
            'then redrive.';
    case 'Unsupported':
      return `This ${where.service} does not have the API call; nothing to do.`;
    case 'Transient':
      if (status === 409)
        return (
          'The propagator repeats the call. If this lasts, check the resource that the ' +
          'message names.'
        );
      if (RATE_LIMITS.includes(status))
        return (
          'The propagator repeats the call later. If this lasts, allow fewer concurrent ' +
          `calls: PROPAGATOR_CONCURRENCY=${where.service}=2.`
        );
      if (status === 503 && waitSeconds !== undefined)
        return (
          `${where.service} asks for ${waitSeconds} s without calls. The task continues ` +
          'after that.'
        );
      return (
        'The propagator repeats the call. If this lasts, search the log of ' +
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
  const words = serviceMessage(answer.text, where.secrets);
  const waitSeconds = retryAfterSeconds(headers, now);
  const location = status >= 300 && status < 400 ? hostOf(headers.get('location')) : undefined;
  const report: ErrorReport = {
    code: `${where.service}.http.${status}`,
    class: classOf(status, waitSeconds !== undefined),
    message:
      `${where.service} answered ${status} to ${call}` +
      `${location ? ` (redirect to ${location})` : ''}${words ? `: ${words}` : ''}`,
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
 * The response was missing or incomplete. Always `Transient`, because the service may have executed
 * the call.
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
  const advice =
    error.reason === 'tls'
      ? 'Set OS_CACERT (clouds.yaml: cacert) to the CA that signed the certificate, and ' +
        `check that the certificate is valid for the host name ${where.host}.`
      : error.reason === 'unreachable'
        ? `Check that ${where.service} runs and that this machine can reach ` +
          `${where.host}. The propagator tries again.`
        : `The propagator tries again. If this lasts, check ${where.service} and any ` +
          `proxy in front of it (${where.host}).`;
  return new PropagatorError(
    {
      code: `${where.service}.${code}`,
      class: 'Transient',
      message: `${where.service} at ${where.host}: ${error.message} (${call})`,
      advice,
      service: where.service,
      region: where.region,
    },
    { cause: error },
  );
}

/**
 * Creates the error for a 2xx response that cannot be trusted. It must never count as an empty
 * list.
 */
export function answerFailure(
  what: {
    readonly code: 'broken' | 'changed' | 'page' | 'unexpected' | 'endless' | 'truncated';
    readonly message: string;
  },
  where: FailureContext,
  requestId: string | undefined,
): PropagatorError {
  return new PropagatorError({
    code: `${where.service}.answer.${what.code}`,
    class: ['unexpected', 'endless', 'truncated'].includes(what.code) ? 'Unexpected' : 'Transient',
    message: `${where.service}: ${what.message}`,
    advice:
      what.code === 'changed'
        ? 'The propagator reads the list again.'
        : what.code === 'truncated'
          ? `Increase list_limit in the configuration file of ${where.service} ` +
            '(keystone.conf: [DEFAULT] list_limit and the list_limit of [identity], ' +
            '[resource], [role], [assignment]) above the length of the longest list, or ' +
            `remove it. Restart ${where.service}, then redrive.`
          : `The propagator does not trust this answer. Check that ${where.host} is ` +
            `${where.service}, and search its log for the request id.`,
    service: where.service,
    region: where.region,
    requestId,
  });
}

function hostOf(location: string | null): string | undefined {
  return location && URL.canParse(location) ? new URL(location).origin : undefined;
}
