import { taskDeps } from '../lib/app/lambda/task-deps.ts';
import type { Environment } from '../lib/engine/aws/lambda/context.ts';
import { createSqsFunction } from '../lib/engine/aws/lambda/sqs-handler.ts';
import { runTask } from '../lib/handlers/task.ts';
import type { ServiceAddress } from '../lib/openstack/cloud.ts';
import type { Service } from '../lib/task/service.ts';

/**
 * Creates the Lambda handler of one service. `services` tells where the other services are, because
 * a service may call another one.
 */
export const serviceFunction = (
  environment: Environment,
  service: Service,
  services: readonly ServiceAddress[],
) =>
  createSqsFunction(`service-${service.name}`, environment, (deliveries, lambda) =>
    runTask(service, deliveries, { ...taskDeps(lambda), services }),
  );
