import { Hono } from 'hono';
import { handle, type LambdaEvent } from 'hono/aws-lambda';
import * as z from 'zod';
import { fedBy } from '../../lib/engine/aws/function/fed.ts';
import { type Environment, warmOnce } from '../../lib/engine/aws/function/warm.ts';
import { notificationRoutes } from '../api/notifications.ts';
import { ingest } from '../ingest.ts';
import { commonPorts } from './pass-ports.ts';

const Heartbeat = z.object({ 'detail-type': z.literal('relay.heartbeat') });
const FromQueue = z.object({ Records: z.array(z.unknown()) });

/** A relay that hears nothing says that it is there: counted as heard, and that is all. */
function isHeartbeat(body: string): boolean {
  try {
    return Heartbeat.safeParse(JSON.parse(body)).success;
  } catch {
    return false;
  }
}

/** The taking in of notifications on Lambda: from its queue, and over HTTP from whoever signed his request. */
export function ingestFunction(environment: Environment) {
  const open = warmOnce(environment);
  const fed = fedBy('ingest', open, (deliveries, warm) => ingest(deliveries, commonPorts(warm)), { together: true, knows: isHeartbeat });
  return async (event: unknown, context: Parameters<typeof fed>[1]) => {
    if (FromQueue.safeParse(event).success) return fed(event, context);
    const warm = await open();
    const app = new Hono();
    notificationRoutes(app, commonPorts(warm));
    return handle(app)(event as LambdaEvent);
  };
}
