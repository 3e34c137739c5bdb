import middy from '@middy/core';
import { answerApi } from '../lib/app/lambda/answer-api.ts';
import { type Environment, lazyContext } from '../lib/app/lambda/context.ts';
import { errorReport, withPropagator } from '../lib/engine/aws/lambda/middlewares.ts';
import type { Policy } from '../lib/policy/schema.ts';

/**
 * Creates the Lambda handler of the HTTP API. API Gateway accepts only signed requests of an
 * allowed IAM principal. `policy`: the policy of the deployed stack.
 */
export const apiFunction = (environment: Environment, policy: Policy) =>
  middy()
    .use(withPropagator('api', lazyContext(environment)))
    .use(errorReport())
    .handler((event: unknown, context: unknown) => answerApi(event, context, policy));
