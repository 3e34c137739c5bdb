import middy from '@middy/core';
import { allServicesDeps } from '../lib/app/lambda/all-services-deps.ts';
import { type Environment, lazyContext } from '../lib/app/lambda/context.ts';
import { handleRecords, sqsMiddlewares } from '../lib/engine/aws/lambda/sqs.ts';
import { coordinate } from '../lib/handlers/coordinate.ts';

/** Creates the Lambda handler of the coordinator. */
export const coordinateFunction = (environment: Environment) =>
  middy()
    .use(sqsMiddlewares('coordinate', lazyContext(environment)))
    .handler(
      handleRecords('coordinate', (deliveries, lambda) =>
        coordinate(deliveries, allServicesDeps(lambda)),
      ),
    );
