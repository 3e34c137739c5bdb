import type { MiddlewareObj } from '@middy/core';
import type * as z from 'zod';
import { reportOf } from '../../../shared/errors.ts';
import type { InvocationContext, LambdaContext } from './context.ts';
import { beginInvocation } from './log.ts';

/** Before {@link withPropagator} ran, or when it failed, there is no `propagator`. */
type Invocation = { -readonly [Name in keyof InvocationContext]?: InvocationContext[Name] };
const invocationOf = (request: { readonly context: unknown }) => request.context as Invocation;

/**
 * Middleware: opens the context of the function and hands it to the handler as
 * `context.propagator`. Each log line of the invocation has the id of the request. At the end the
 * metrics are written.
 */
export const withPropagator = (
  functionName: string,
  open: () => Promise<LambdaContext>,
): MiddlewareObj<unknown, unknown> => ({
  async before(request) {
    const context = invocationOf(request);
    beginInvocation(context);
    context.propagator = await open();
  },
  after(request) {
    invocationOf(request).propagator?.flush(functionName);
  },
  onError(request) {
    invocationOf(request).propagator?.flush(functionName);
  },
});

/**
 * Middleware: an error that ends the invocation gets the form of an error report, without secrets.
 * Lambda writes it to its log and counts it in the metric `Errors`.
 */
export const errorReport = (): MiddlewareObj<unknown, unknown> => ({
  onError(request) {
    const { code, message, advice } = reportOf(request.error, { code: 'function.failed' });
    const error = new Error(`${message} ${advice}`);
    error.name = code;
    request.error = error;
  },
});

/** Middleware: parses the event. An event of another form ends the invocation. */
export const parseEvent = (schema: z.ZodType): MiddlewareObj<unknown, unknown> => ({
  before(request) {
    request.event = schema.parse(request.event);
  },
});
