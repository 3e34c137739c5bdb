import middy from '@middy/core';
import { type Environment, lazyContext } from '../lib/app/lambda/context.ts';
import { taskDeps } from '../lib/app/lambda/task-deps.ts';
import { recordsHandler, sqsMiddlewares } from '../lib/engine/aws/lambda/sqs.ts';
import { runTask } from '../lib/handlers/task.ts';
import type { ServiceAddress } from '../lib/openstack/cloud.ts';
import type { Service } from '../lib/task/service.ts';

/**
 * Creates the Lambda handler of one service. `services`: the catalog types and microversions of all
 * services, because the code of a service may call the API of another service.
 */
export const serviceFunction = (
  environment: Environment,
  service: Service,
  services: readonly ServiceAddress[],
) =>
  middy()
    .use(sqsMiddlewares(`service-${service.name}`, lazyContext(environment)))
    .handler(
      recordsHandler(`service-${service.name}`, (deliveries, lambda) =>
        runTask(service, deliveries, { ...taskDeps(lambda), services }),
      ),
    );
