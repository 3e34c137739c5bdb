import type { Context } from 'hono';

/** The body of an error. `redactResponses` adds the request id. */
export const problemBody = (code: string, message: string, advice?: string) => ({
  error: { code: `api.${code}`, message, ...(advice === undefined ? {} : { advice }) },
});

/** Answers 409, because a rule, a setting or the present state forbids the request. */
export const answerRefused = (context: Context, message: string, advice?: string): Response =>
  context.json(problemBody('refused', message, advice), 409);

/** Answers 404 for an unknown id of an operation. */
export const answerUnknownOperation = (context: Context): Response =>
  context.json(
    problemBody(
      'operation',
      'there is no operation with this id',
      'List the operations: propagator operation list',
    ),
    404,
  );
