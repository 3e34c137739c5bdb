import { PropagatorError } from '../shared/errors.ts';
import { parseJson } from '../shared/json.ts';
import type { ApiAnswer, RequestOptions } from '../task/service.ts';
import { RATE_LIMIT_STATUSES, requestIdOf, retryAfterSeconds } from './answer-status.ts';
import { answerFailure, type FailureContext } from './failure.ts';
import type { Method, RawAnswer } from './transport.ts';

/**
 * The longest `Retry-After` for which a call itself waits. After a longer one, the call fails and
 * the task is delayed in its queue.
 */
const MAX_WAIT_SECONDS = 5;
/** The methods that may be repeated even if the service has executed the call. */
const IDEMPOTENT_METHODS: readonly Method[] = ['GET', 'HEAD', 'PUT', 'DELETE'];

/** True for a 2xx status, and for a status that the caller accepts. */
export const isAccepted = (status: number, { accept }: RequestOptions): boolean =>
  (status >= 200 && status < 300) || accept?.includes(status) === true;

/**
 * A service that answers with a rate limit has not executed the call, so any method may be
 * repeated. A service that answers 503 may have executed the call, so only idempotent methods are
 * repeated.
 */
const mayRepeat = (status: number, method: Method): boolean =>
  RATE_LIMIT_STATUSES.includes(status) || (status === 503 && IDEMPOTENT_METHODS.includes(method));

/**
 * Returns the seconds after which the call is repeated, or `undefined` if it must not be repeated.
 * `now`: epoch milliseconds.
 */
export function repeatDelaySeconds(
  answer: RawAnswer,
  method: Method,
  now: number,
): number | undefined {
  const seconds = retryAfterSeconds(answer.headers, now);
  const isShort = seconds !== undefined && seconds <= MAX_WAIT_SECONDS;
  return isShort && mayRepeat(answer.status, method) ? seconds : undefined;
}

/**
 * Throws the error of a listing. A 404 gets other advice, because it means that the URL of the list
 * is wrong, and not that a resource is gone.
 */
export function rethrowAsMissingList(error: unknown): never {
  if (!(error instanceof PropagatorError) || error.class !== 'Gone') throw error;
  const advice =
    'The URL of the list does not exist: check the endpoint of ' +
    `${error.report.service} in the catalog, and that the required extension is ` +
    'loaded.';
  throw new PropagatorError({ ...error.report, advice });
}

/**
 * True for a web page with status 200 from a proxy, for example during maintenance. Swift also
 * labels empty responses as HTML, so the text is checked.
 */
const isWebPage = ({ status, headers, text }: RawAnswer, method: Method): boolean =>
  method === 'GET' &&
  status === 200 &&
  /\bhtml\b/i.test(headers.get('content-type') ?? '') &&
  text.trimStart().startsWith('<');

/** Parses an accepted answer. Throws for a web page and for invalid JSON. */
export function toAnswer(
  answer: RawAnswer,
  method: Method,
  call: string,
  failureContext: FailureContext,
): ApiAnswer {
  const requestId = requestIdOf(answer.headers);
  if (isWebPage(answer, method))
    throw answerFailure(
      { code: 'page', message: `the answer is a web page instead of JSON (${call})` },
      failureContext,
      requestId,
    );
  const isJson =
    /\bjson\b/i.test(answer.headers.get('content-type') ?? '') &&
    answer.text.trim() !== '' &&
    method !== 'HEAD';
  const json = isJson ? parseJson(answer.text) : undefined;
  if (isJson && json === undefined)
    throw answerFailure(
      { code: 'broken', message: `the answer is incomplete or invalid JSON (${call})` },
      failureContext,
      requestId,
    );
  return { status: answer.status, headers: answer.headers, json, requestId };
}
