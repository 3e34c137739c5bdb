import { ingestDirect, isQueueEvent } from '../lib/app/lambda/ingest.ts';
import { commonDeps } from '../lib/app/lambda/task-deps.ts';
import { type Environment, lazyContext } from '../lib/engine/aws/lambda/context.ts';
import { beginInvocation } from '../lib/engine/aws/lambda/log.ts';
import { sqsHandler } from '../lib/engine/aws/lambda/sqs-handler.ts';
import { isHeartbeat } from '../lib/engine/aws/messaging/relay-sink.ts';
import { ingest } from '../lib/handlers/ingest.ts';

/**
 * Creates the Lambda handler that ingests notifications from the ingest queue, from a broker in
 * AWS, and from signed HTTP requests.
 */
export function ingestFunction(environment: Environment) {
  const open = lazyContext(environment);
  const fromQueue = sqsHandler(
    'ingest',
    open,
    (deliveries, lambda) => ingest(deliveries, commonDeps(lambda)),
    { together: true, knows: isHeartbeat },
  );
  return async (event: unknown, context: Parameters<typeof fromQueue>[1]) => {
    beginInvocation(context);
    return isQueueEvent(event) ? fromQueue(event, context) : ingestDirect(event, await open());
  };
}
