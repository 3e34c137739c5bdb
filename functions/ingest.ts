import { Hono } from 'hono';
import { handle, type LambdaEvent } from 'hono/aws-lambda';
import * as z from 'zod';
import type { NotificationReceived } from '../events/notification.ts';
import { notificationRoutes } from '../lib/api/notifications.ts';
import { protect } from '../lib/api/protect.ts';
import { commonDeps } from '../lib/app/lambda/task-deps.ts';
import {
  type Environment,
  type LambdaContext,
  lazyContext,
} from '../lib/engine/aws/lambda/context.ts';
import { notificationsIn } from '../lib/engine/aws/lambda/event-sources.ts';
import { sqsHandler } from '../lib/engine/aws/lambda/sqs-handler.ts';
import { HEARTBEAT } from '../lib/engine/aws/messaging/relay-sink.ts';
import { ingest } from '../lib/handlers/ingest.ts';

const Heartbeat = z.object({ 'detail-type': z.literal(HEARTBEAT) });
const FromQueue = z.object({ Records: z.array(z.unknown()) });

/** True for a heartbeat of the relay. A heartbeat is only counted. */
function isHeartbeat(body: string): boolean {
  try {
    return Heartbeat.safeParse(JSON.parse(body)).success;
  } catch {
    return false;
  }
}

/**
 * Ingests a batch that Lambda itself read from a broker. If it throws, Lambda delivers the whole
 * batch again. Notifications that were already ingested are ignored then.
 */
async function fromBroker(
  messages: readonly NotificationReceived[],
  lambda: LambdaContext,
): Promise<void> {
  lambda.count({ Heard: messages.length });
  const deliveries = messages.map((message) => ({ message, receiveCount: 1 }));
  await ingest(deliveries, commonDeps(lambda)).finally(() => lambda.flush('ingest'));
}

/**
 * Creates the Lambda handler that ingests notifications from the ingest queue, from a broker in
 * AWS, and from signed HTTP requests.
 */
export function ingestFunction(environment: Environment) {
  const open = lazyContext(environment);
  const fed = sqsHandler(
    'ingest',
    open,
    (deliveries, lambda) => ingest(deliveries, commonDeps(lambda)),
    { together: true, knows: isHeartbeat },
  );
  return async (event: unknown, context: Parameters<typeof fed>[1]) => {
    if (FromQueue.safeParse(event).success) return fed(event, context);
    const lambda = await open();
    const direct = notificationsIn(event, Date.now());
    if (direct) return fromBroker(direct, lambda);
    const app = new Hono();
    protect(app, {
      log: lambda.log,
      authentication: { by: 'iam' },
      httpPlugins: [],
      onUnexpected: () => lambda.count({ ApiErrors: 1 }),
    });
    notificationRoutes(app, commonDeps(lambda));
    const answer = await handle(app)(event as LambdaEvent);
    lambda.flush('ingest');
    return answer;
  };
}
