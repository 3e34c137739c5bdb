import { Hono } from 'hono';
import { handle, type LambdaEvent } from 'hono/aws-lambda';
import { notificationRoutes } from '../../api/notifications.ts';
import { protectApi } from '../../api/protect.ts';
import type { InvocationContext } from '../../engine/aws/lambda/context.ts';
import { notificationsIn } from '../../engine/aws/lambda/event-sources.ts';
import { ingest } from '../../handlers/ingest.ts';
import { commonDeps } from './task-deps.ts';

/**
 * Ingests a batch that Lambda itself read from a broker. If the function throws, Lambda delivers
 * the whole batch again. Ingest then ignores the notifications that were already ingested.
 */
export async function ingestFromBroker(event: unknown, context: unknown): Promise<void> {
  const { propagator } = context as InvocationContext;
  const messages = notificationsIn(event, Date.now()) ?? [];
  propagator.countMetrics({ NotificationsReceived: messages.length });
  const deliveries = messages.map((message) => ({ message, receiveCount: 1 }));
  await ingest(deliveries, commonDeps(propagator));
}

/** Ingests the notifications in an HTTP request, whose signature API Gateway has checked. */
export async function ingestFromHttp(event: unknown, context: unknown): Promise<unknown> {
  const { propagator } = context as InvocationContext;
  const app = new Hono();
  protectApi(app, {
    log: propagator.log,
    authentication: { by: 'iam' },
    httpPlugins: [],
    now: Date.now,
    onUnexpectedError: () => propagator.countMetrics({ ApiErrors: 1 }),
  });
  notificationRoutes(app, commonDeps(propagator));
  return handle(app)(event as LambdaEvent);
}
