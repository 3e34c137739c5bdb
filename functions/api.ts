import middy from '@middy/core';
import { answerApi } from '../lib/app/lambda/answer-api.ts';
import { type Environment, lazyContext } from '../lib/app/lambda/context.ts';
import { replaceErrorWithReport, withPropagator } from '../lib/engine/aws/lambda/middlewares.ts';
import type { Policy } from '../lib/policy/schema.ts';

/**
 * Creates the Lambda handler of the HTTP API. API Gateway passes only requests with the signature
 * of an allowed IAM principal. With PROPAGATOR_API_AUTH=keystone it passes all requests, and the
 * API validates their tokens. `policy`: the content of the policy file of the deployed stack.
 */
export const apiFunction = (environment: Environment, policy: Policy) =>
  middy()
    .use(withPropagator('api', lazyContext(environment)))
    .use(replaceErrorWithReport())
    .handler((event: unknown, context: unknown) => answerApi(event, context, policy));
