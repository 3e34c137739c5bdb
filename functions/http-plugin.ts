import { taskDeps } from '../lib/app/lambda/task-deps.ts';
import type { Environment } from '../lib/engine/aws/lambda/context.ts';
import { createSqsFunction } from '../lib/engine/aws/lambda/sqs-handler.ts';
import { type HttpPlugin, runHttpTask } from '../lib/handlers/http-task.ts';

/** Creates the Lambda handler that calls one HTTP plugin, a service that the operator adds. */
export const httpPluginFunction = (environment: Environment, remote: HttpPlugin) =>
  createSqsFunction(`service-${remote.name}`, environment, (deliveries, lambda) =>
    runHttpTask(remote, deliveries, taskDeps(lambda)),
  );
