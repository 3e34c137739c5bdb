import { Hono } from 'hono';
import { handle, type LambdaEvent } from 'hono/aws-lambda';
import * as z from 'zod';
import type { NotificationReceived } from '../../../events/notification.ts';
import { notificationRoutes } from '../../api/notifications.ts';
import { protect } from '../../api/protect.ts';
import type { LambdaContext } from '../../engine/aws/lambda/context.ts';
import { notificationsIn } from '../../engine/aws/lambda/event-sources.ts';
import { ingest } from '../../handlers/ingest.ts';
import { commonDeps } from './task-deps.ts';

const QueueEvent = z.object({ Records: z.array(z.unknown()) });

/** True if the ingest queue invoked the function. */
export const isQueueEvent = (event: unknown): boolean => QueueEvent.safeParse(event).success;

/**
 * Ingests what Lambda did not read from the ingest queue: a batch that it read from a broker in
 * AWS, or a signed HTTP request.
 */
export async function ingestDirect(event: unknown, lambda: LambdaContext): Promise<unknown> {
  const messages = notificationsIn(event, Date.now());
  return messages ? ingestBatch(messages, lambda) : answerRequest(event, lambda);
}

/**
 * Ingests a batch of a broker. If it throws, Lambda delivers the whole batch again. Notifications
 * that were already ingested are ignored then.
 */
async function ingestBatch(
  messages: readonly NotificationReceived[],
  lambda: LambdaContext,
): Promise<void> {
  lambda.count({ Heard: messages.length });
  const deliveries = messages.map((message) => ({ message, receiveCount: 1 }));
  await ingest(deliveries, commonDeps(lambda)).finally(() => lambda.flush('ingest'));
}

async function answerRequest(event: unknown, lambda: LambdaContext): Promise<unknown> {
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
}
