import middy from '@middy/core';
import { type Environment, lazyContext } from '../lib/app/lambda/context.ts';
import { taskDeps } from '../lib/app/lambda/task-deps.ts';
import { recordsHandler, sqsMiddlewares } from '../lib/engine/aws/lambda/sqs.ts';
import { runHttpTask } from '../lib/handlers/http-task.ts';
import type { HttpPlugin } from '../lib/handlers/plugin-call.ts';

/**
 * Creates the Lambda handler that calls one HTTP plugin: a service that the operator added, and
 * that the propagator calls over HTTP.
 */
export const httpPluginFunction = (environment: Environment, plugin: HttpPlugin) =>
  middy()
    .use(sqsMiddlewares(`service-${plugin.name}`, lazyContext(environment)))
    .handler(
      recordsHandler(`service-${plugin.name}`, (deliveries, lambda) =>
        runHttpTask(plugin, deliveries, taskDeps(lambda)),
      ),
    );
