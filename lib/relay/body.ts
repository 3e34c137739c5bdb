import { randomUUID } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import type { NotificationReceived } from '../../events/notification.ts';
import { LARGEST_BODY, notificationReceived } from '../account/received.ts';

/** What is used of a message; amqplib's ConsumeMessage is one. */
export interface Incoming {
  readonly content: Buffer;
  readonly fields: { readonly routingKey: string };
  readonly properties: { readonly headers?: Readonly<Record<string, unknown>> | undefined };
}

/**
 * A message of the broker as the event that stores it, whatever is in it. What can't be inflated is
 * stored as it came, and ingest says why it can't be read.
 */
export function received(
  message: Incoming,
  receivedAt: number,
  broker = 'rabbitmq',
): NotificationReceived {
  return notificationReceived(inflated(message), {
    id: randomUUID(),
    source: `${broker}:${message.fields.routingKey}`,
    receivedAt,
  });
}

/**
 * kombu's `compression: application/x-gzip` is a zlib stream and no gzip file
 * (`kombu/compression.py`). bzip2 is left alone: Node has none.
 */
function inflated({ content, properties }: Incoming): Uint8Array {
  if (properties.headers?.compression !== 'application/x-gzip') return content;
  try {
    return inflateSync(content, { maxOutputLength: LARGEST_BODY });
  } catch {
    return content;
  }
}
