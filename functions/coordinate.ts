import { allServicesDeps } from '../lib/app/lambda/all-services-deps.ts';
import type { Environment } from '../lib/engine/aws/lambda/context.ts';
import { createSqsFunction } from '../lib/engine/aws/lambda/sqs-handler.ts';
import { coordinate } from '../lib/handlers/coordinate.ts';

/** Creates the Lambda handler of the coordinator. */
export const coordinateFunction = (environment: Environment) =>
  createSqsFunction('coordinate', environment, (deliveries, lambda) =>
    coordinate(deliveries, allServicesDeps(lambda)),
  );
