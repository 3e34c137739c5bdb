import * as z from 'zod';
import type { ErrorClass, ErrorReport } from '../shared/errors.ts';
import { PropagatorError } from '../shared/errors.ts';
import { redactText } from '../shared/redaction.ts';
import { parseJson } from './json.ts';
import type { RawAnswer, TransportError } from './transport.ts';

/** Whom a failure is about. `secrets` are cut out of every text that a service answered. */
export interface Where {
  readonly service: string;
  readonly region: string | undefined;
  readonly host: string;
  readonly secrets?: readonly string[];
}

const LONGEST_MESSAGE = 300;

/** The request id as OpenStack names it; Swift has an id of its own beside it. */
export const requestIdOf = (headers: Headers): string | undefined =>
  headers.get('x-openstack-request-id') ??
  headers.get('x-compute-request-id') ??
  headers.get('x-trans-id') ??
  undefined;

/** Seconds of `Retry-After`, as a number or as an HTTP date. `now`: epoch milliseconds. */
export function retryAfterSeconds(headers: Headers, now: number): number | undefined {
  const value = headers.get('retry-after')?.trim();
  if (!value) return undefined;
  if (/^\d{1,9}(\.\d+)?$/.test(value)) return Number(value);
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000));
}

const fault = z.object({ message: z.string() });
const wsme = z.object({ faultstring: z.string() }).transform((body) => body.faultstring);
/** Ironic writes JSON into the text. */
const text = z.string().transform((words) => wsme.safeParse(parseJson(words)).data ?? words);
/**
 * The shapes of an error body; a fault's key differs from service to service: `itemNotFound`,
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
  // Barbican, Zaqar, Freezer, Gnocchi: `title` names the status, `description` says why.
  z.object({ description: z.string() }).transform((body) => body.description),
  z
    .object({ description: z.object({ cause: z.string(), reason: z.string() }) })
    .transform(({ description: { cause, reason } }) => `${cause}: ${reason}`),
  // Tacker, as RFC 7807 has it.
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
 * The service's own words out of its error body (JSON, HTML or text), on one line, cut to 300
 * characters.
 */
export function serviceMessage(text: string, secrets: readonly string[] = []): string | undefined {
  const json = parseJson(text);
  const parsed = json === undefined ? undefined : bodies.safeParse(json);
  const words = parsed
    ? (parsed.data ?? '')
    : (/<body[^>]*>([\s\S]*)<\/body>/i.exec(text)?.[1] ?? text);
  let line = words
    .replace(/<(script|style|title|h1)\b[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<\/?[a-z][^>]*>/gi, ' ')
    .replace(/&(lt|gt|quot|#x27|#39|amp);/g, (entity) => ENTITIES[entity] ?? entity)
    .replace(/\s+/g, ' ')
    .trim();
  for (const secret of secrets) if (secret) line = line.replaceAll(secret, '***');
  line = redactText(line);
  if (line.length > LONGEST_MESSAGE) line = `${line.slice(0, LONGEST_MESSAGE - 1)}…`;
  return line || undefined;
}

const ENTITIES: Readonly<Record<string, string>> = {
  '&lt;': '<',
  '&gt;': '>',
  '&quot;': '"',
  '&#x27;': "'",
  '&#39;': "'",
  '&amp;': '&',
};

/** The class of a status, as `ServiceApi.request` documents it. */
export function classOf(status: number): ErrorClass {
  if (status === 404 || status === 410) return 'Gone';
  if (status === 401 || status === 403) return 'Denied';
  if (status === 405 || status === 501) return 'Unsupported';
  if (status === 408 || status === 409 || status === 429 || status >= 500) return 'Transient';
  return 'Unexpected';
}

function adviceOf(status: number, where: Where): string {
  if (status >= 300 && status < 400)
    return `The catalog's URL of ${where.service} is not the one that the service answers on: correct the endpoint (often http instead of https).`;
  switch (classOf(status)) {
    case 'Gone':
      return 'It is gone; nothing to do.';
    case 'Denied':
      return status === 401
        ? `A fresh token was refused, too: check the [keystone_authtoken] settings of ${where.service}.`
        : `Give the propagator's user the role that ${where.service} asks for, then redrive.`;
    case 'Unsupported':
      return `This ${where.service} lacks the call; nothing to do.`;
    case 'Transient':
      return status === 409
        ? 'It is tried again; if it stays, look at what the message names.'
        : status === 429
          ? `It is tried again later; lower the concurrency for ${where.service} if this goes on.`
          : `It is tried again; if it stays, search the log of ${where.service} for the request id.`;
    default:
      return `Search the log of ${where.service} for the request id, then redrive.`;
  }
}

/**
 * An answer that is no success, as an error. `call`: what was asked, without a query. `now`: epoch
 * milliseconds.
 */
export function httpFailure(
  answer: RawAnswer,
  call: string,
  where: Where,
  now: number,
): PropagatorError {
  const { status, headers } = answer;
  const words = serviceMessage(answer.text, where.secrets);
  const location = status >= 300 && status < 400 ? hostOf(headers.get('location')) : undefined;
  const report: ErrorReport = {
    code: `${where.service}.http.${status}`,
    class: classOf(status),
    message: `${where.service} answered ${status} to ${call}${location ? ` (redirect to ${location})` : ''}${words ? `: ${words}` : ''}`,
    advice: adviceOf(status, where),
    service: where.service,
    region: where.region,
    requestId: requestIdOf(headers),
    status,
    retryAfterSeconds: retryAfterSeconds(headers, now),
  };
  return new PropagatorError(report);
}

/** No whole answer came. Always `Transient`: whether the call was carried out is not known. */
export function transportFailure(
  error: TransportError,
  call: string,
  where: Where,
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
      ? `Set OS_CACERT (clouds.yaml: cacert) to the CA that signed the certificate, and use the host name that stands in it instead of ${where.host}.`
      : error.reason === 'unreachable'
        ? `Check that ${where.service} runs and that this machine reaches ${where.host}; it is tried again.`
        : `It is tried again; if it stays, look at ${where.service} and at the proxy before it (${where.host}).`;
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

/** An answer that says 2xx and can't be trusted: "cannot list" is never "empty". */
export function answerFailure(
  what: {
    readonly code: 'broken' | 'changed' | 'unexpected' | 'endless';
    readonly message: string;
  },
  where: Where,
  requestId: string | undefined,
): PropagatorError {
  return new PropagatorError({
    code: `${where.service}.answer.${what.code}`,
    class: what.code === 'broken' || what.code === 'changed' ? 'Transient' : 'Unexpected',
    message: `${where.service}: ${what.message}`,
    advice:
      what.code === 'changed'
        ? 'It is read again.'
        : `The answer is not believed. Check that ${where.host} is really ${where.service}, and search its log for the request id.`,
    service: where.service,
    region: where.region,
    requestId,
  });
}

function hostOf(location: string | null): string | undefined {
  return location && URL.canParse(location) ? new URL(location).origin : undefined;
}
