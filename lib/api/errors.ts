import type { Context, ErrorHandler, Hono, MiddlewareHandler } from 'hono';
import { HTTPException } from 'hono/http-exception';
import * as z from 'zod';
import { PropagatorError } from '../shared/errors.ts';
import type { Log } from '../shared/log.ts';
import { redactDeep } from '../shared/redaction.ts';
import { BodyError } from './body.ts';
import { problemBody } from './problem.ts';

export interface ErrorDeps {
  readonly log: Pick<Log, 'warn' | 'error'>;
  /** Called once for each request that ended in an unexpected error. */
  readonly onUnexpectedError?: () => void;
}

const MAX_CAUSES = 5;
const MAX_TEXT_LENGTH = 300;

/**
 * Redacts secrets in the JSON responses of all routes, because much of their text comes from other
 * programs. Adds the request id to each error. The log entry of the error has the same id.
 */
export const redactResponses: MiddlewareHandler = async (context, next) => {
  await next();
  const { status, headers } = context.res;
  // A response to an error of a middleware does not have this header yet.
  headers.set('x-request-id', context.get('requestId'));
  if (!headers.get('content-type')?.startsWith('application/json')) return;
  const body: unknown = redactDeep(await context.res.json());
  const isError = status >= 400 && typeof body === 'object' && body !== null && 'error' in body;
  const answer = isError ? { ...body, requestId: context.get('requestId') } : body;
  context.res = Response.json(answer, { status });
};

/**
 * Answers a thrown error with 400 for a wrong request, 503 for an unavailable dependency, and 500
 * otherwise.
 */
export function errorHandler({ log, onUnexpectedError }: ErrorDeps): ErrorHandler {
  return (thrown, context) => {
    if (thrown instanceof HTTPException) return thrown.getResponse();
    const invalidInput = invalidInputMessage(thrown);
    if (invalidInput !== undefined) return context.json(problemBody('input', invalidInput), 400);
    // The client closed the connection before its body was complete, and receives no response.
    if (context.req.raw.signal.aborted)
      return context.json(problemBody('aborted', 'the request ended before it was complete'), 400);
    const logFields = logFieldsOf(context);
    if (thrown instanceof PropagatorError) {
      log.warn(
        { ...logFields, error: thrown.report, causes: causeTexts(thrown.cause) },
        'an API request failed',
      );
      return context.json({ error: thrown.report }, 503);
    }
    onUnexpectedError?.();
    log.error(
      {
        ...logFields,
        causes: causeTexts(thrown),
        stack: thrown.stack
          ?.split('\n')
          .slice(1, 9)
          .map((line) => line.trim()),
      },
      'an API request ended in an unexpected error',
    );
    const { requestId } = logFields;
    const advice =
      `Read the log of the propagator. The entry with the request id ${requestId} has the ` +
      'cause.';
    return context.json(
      problemBody('unexpected', 'the request failed with an unexpected error', advice),
      500,
    );
  };
}

/** Answers 404 for an unknown path. */
export const answerUnknownPaths = (app: Hono) =>
  app.notFound((context) =>
    context.json(
      problemBody(
        'path',
        `the API has no route ${context.req.method} ${context.req.path.slice(0, MAX_TEXT_LENGTH)}`,
      ),
      404,
    ),
  );

function invalidInputMessage(thrown: unknown): string | undefined {
  if (thrown instanceof BodyError) return thrown.message;
  if (!(thrown instanceof z.ZodError)) return undefined;
  const [issue] = thrown.issues;
  return `${issue?.path.join('.') || 'request'}: ${issue?.message}`.slice(0, MAX_TEXT_LENGTH);
}

const logFieldsOf = (context: Context) => ({
  requestId: context.get('requestId'),
  method: context.req.method,
  path: context.req.path.slice(0, MAX_TEXT_LENGTH),
  caller: context.get('caller') as string | undefined,
});

/** The error and its causes, outermost first, as `name: message`. */
function causeTexts(thrown: unknown): string[] {
  const causes: string[] = [];
  for (
    let one = thrown;
    one !== undefined && one !== null && causes.length < MAX_CAUSES;
    one = one instanceof Error ? one.cause : undefined
  )
    causes.push(one instanceof Error ? `${one.name}: ${one.message}` : String(one));
  return causes;
}
