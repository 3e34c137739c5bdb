import { handle, type LambdaEvent } from 'hono/aws-lambda';
import { api } from '../lib/api/api.ts';
import { problem } from '../lib/api/problem.ts';
import { allServicesDeps } from '../lib/app/lambda/all-services-deps.ts';
import { type Environment, lazyContext } from '../lib/engine/aws/lambda/context.ts';
import { beginInvocation } from '../lib/engine/aws/lambda/log.ts';

/** Lambda refuses a larger response with an error that does not name the reason. */
const LARGEST_ANSWER = 6 * 1000 * 1000;

/**
 * Creates the Lambda handler of the HTTP API. API Gateway lets only signed requests of an allowed
 * IAM principal through.
 */
export function apiFunction(environment: Environment) {
  const open = lazyContext(environment);
  return async (event: LambdaEvent, context?: Parameters<typeof beginInvocation>[0]) => {
    beginInvocation(context);
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

/**
 * Returns the response, or status 413 with advice to ask for less where the response is too large
 * for Lambda.
 */
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
