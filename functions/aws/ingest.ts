import { Hono } from 'hono';
import { handle, type LambdaEvent } from 'hono/aws-lambda';
import * as z from 'zod';
import type { NotificationReceived } from '../../events/notification.ts';
import { notificationsIn } from '../../lib/engine/aws/event-sources.ts';
import { fedBy } from '../../lib/engine/aws/function/fed.ts';
import { type Environment, type Warm, warmOnce } from '../../lib/engine/aws/function/warm.ts';
import { HEARTBEAT } from '../../lib/engine/aws/relay-sink.ts';
import { notificationRoutes } from '../api/notifications.ts';
import { ingest } from '../ingest.ts';
import { commonPorts } from './pass-ports.ts';

const Heartbeat = z.object({ 'detail-type': z.literal(HEARTBEAT) });
const FromQueue = z.object({ Records: z.array(z.unknown()) });

/** A relay that hears nothing says that it is there: counted as heard, and that is all. */
function isHeartbeat(body: string): boolean {
  try {
    return Heartbeat.safeParse(JSON.parse(body)).success;
  } catch {
    return false;
  }
}

/** From a broker that Lambda reads by itself. Who throws gets the whole batch again, which changes nothing for what was taken in. */
async function fromBroker(messages: readonly NotificationReceived[], warm: Warm): Promise<void> {
  warm.count({ Heard: messages.length });
  const deliveries = messages.map((message) => ({ message, receiveCount: 1 }));
  await ingest(deliveries, commonPorts(warm)).finally(() => warm.flush('ingest'));
}

/** The taking in of notifications on Lambda: from its queue, from a broker in AWS, and over HTTP from whoever signed his request. */
export function ingestFunction(environment: Environment) {
  const open = warmOnce(environment);
  const fed = fedBy('ingest', open, (deliveries, warm) => ingest(deliveries, commonPorts(warm)), { together: true, knows: isHeartbeat });
  return async (event: unknown, context: Parameters<typeof fed>[1]) => {
    if (FromQueue.safeParse(event).success) return fed(event, context);
    const warm = await open();
    const direct = notificationsIn(event, Date.now());
    if (direct) return fromBroker(direct, warm);
    const app = new Hono();
    notificationRoutes(app, commonPorts(warm));
    const answer = await handle(app)(event as LambdaEvent);
    warm.flush('ingest');
    return answer;
  };
}
