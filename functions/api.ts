import { handle, type LambdaEvent } from 'hono/aws-lambda';
import { api } from '../lib/api/api.ts';
import { problem } from '../lib/api/problem.ts';
import { allServicesDeps } from '../lib/app/lambda/all-services-deps.ts';
import { type Environment, lazyContext } from '../lib/engine/aws/lambda/context.ts';

/**
 * Lambda carries an answer of six megabytes at most, and says of a larger one no more than that
 * something went wrong.
 */
const LARGEST_ANSWER = 6 * 1000 * 1000;

/** The API on Lambda. API Gateway lets only signed requests of an allowed IAM principal pass. */
export function apiFunction(environment: Environment) {
  const open = lazyContext(environment);
  return async (event: LambdaEvent) => {
    const lambda = await open();
    const { mode, ...deps } = allServicesDeps(lambda);
    const health = () => ({ ok: true, mode, services: lambda.services });
    const onUnexpected = () => lambda.count({ ApiErrors: 1 });
    const authentication = { by: 'iam' } as const;
    const answer = await handle(api({ ...deps, mode, health, authentication, onUnexpected }))(
      event,
    );
    lambda.flush('api');
    return carried(answer);
  };
}

/** The answer, or in place of one that is too large an advice how to ask for less. */
export function carried<Answer extends object>(
  answer: Answer,
): Answer | { statusCode: number; headers: object; body: string } {
  if (Buffer.byteLength(JSON.stringify(answer)) <= LARGEST_ANSWER) return answer;
  const body = JSON.stringify(
    problem(
      'too-much',
      'the answer is larger than Lambda carries: ask for fewer at once (limit, service, operation, cause)',
    ),
  );
  return { statusCode: 413, headers: { 'content-type': 'application/json' }, body };
}
