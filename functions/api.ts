import middy from '@middy/core';
import { answerApi } from '../lib/app/lambda/answer-api.ts';
import { type Environment, lazyContext } from '../lib/app/lambda/context.ts';
import { errorReport, withPropagator } from '../lib/engine/aws/lambda/middlewares.ts';

/**
 * Creates the Lambda handler of the HTTP API. API Gateway lets only signed requests of an allowed
 * IAM principal through.
 */
export const apiFunction = (environment: Environment) =>
  middy()
    .use(withPropagator('api', lazyContext(environment)))
    .use(errorReport())
    .handler(answerApi);
