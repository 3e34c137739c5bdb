import type { MiddlewareObj } from '@middy/core';
import type * as z from 'zod';
import { reportOf } from '../../../shared/errors.ts';
import type { InvocationContext, LambdaContext } from './context.ts';
import { beginInvocation } from './log.ts';

/** The context of an invocation. {@link withPropagator} sets the field `propagator`. */
type OpeningContext = { -readonly [Name in keyof InvocationContext]?: InvocationContext[Name] };
const openingContextOf = (request: { readonly context: unknown }) =>
  request.context as OpeningContext;

/**
 * Middleware: opens the {@link LambdaContext} and passes it to the handler as `context.propagator`.
 * Adds the id of the invocation to each log line, and writes the metrics when the handler has
 * ended.
 */
export const withPropagator = (
  functionName: string,
  open: () => Promise<LambdaContext>,
): MiddlewareObj<unknown, unknown> => ({
  async before(request) {
    const context = openingContextOf(request);
    beginInvocation(context);
    context.propagator = await open();
  },
  after(request) {
    openingContextOf(request).propagator?.flushMetrics(functionName);
  },
  onError(request) {
    openingContextOf(request).propagator?.flushMetrics(functionName);
  },
});

/**
 * Middleware: replaces the error of an invocation by its error report, which contains no secret.
 * Lambda logs this error and counts it in the metric `Errors`.
 */
export const replaceErrorWithReport = (): MiddlewareObj<unknown, unknown> => ({
  onError(request) {
    const { code, message, advice } = reportOf(request.error, { code: 'function.failed' });
    const error = new Error(`${message} ${advice}`);
    error.name = code;
    request.error = error;
  },
});

/** Middleware: parses the event. An event with another schema ends the invocation with an error. */
export const parseEvent = (schema: z.ZodType): MiddlewareObj<unknown, unknown> => ({
  before(request) {
    request.event = schema.parse(request.event);
  },
});
