import { taskDeps } from '../lib/app/lambda/task-deps.ts';
import type { Environment } from '../lib/engine/aws/lambda/context.ts';
import { createSqsFunction } from '../lib/engine/aws/lambda/sqs-handler.ts';
import { type HttpPlugin, runHttpTask } from '../lib/handlers/http-task.ts';

/** The function of a service of the operator's own that is asked over HTTP. */
export const httpPluginFunction = (environment: Environment, remote: HttpPlugin) =>
  createSqsFunction(`service-${remote.name}`, environment, (deliveries, lambda) =>
    runHttpTask(remote, deliveries, taskDeps(lambda)),
  );
