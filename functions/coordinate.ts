import middy from '@middy/core';
import { allServicesDeps } from '../lib/app/lambda/all-services-deps.ts';
import { type Environment, lazyContext } from '../lib/app/lambda/context.ts';
import { recordsHandler, sqsMiddlewares } from '../lib/engine/aws/lambda/sqs.ts';
import { coordinate } from '../lib/handlers/coordinate.ts';
import type { Policy } from '../lib/policy/schema.ts';

/**
 * Creates the Lambda handler of the coordinator. `policy`: the content of the policy file of the
 * deployed stack.
 */
export const coordinateFunction = (environment: Environment, policy: Policy) =>
  middy()
    .use(sqsMiddlewares('coordinate', lazyContext(environment)))
    .handler(
      recordsHandler('coordinate', (deliveries, lambda) =>
        coordinate(deliveries, allServicesDeps(lambda, policy)),
      ),
    );
