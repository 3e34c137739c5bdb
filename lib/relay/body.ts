import { randomUUID } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import type { NotificationReceived } from '../../events/notification.ts';
import { MAX_BODY_BYTES, notificationReceived } from '../account/received.ts';

/** The fields of a message that are read; amqplib's ConsumeMessage has them. */
export interface Incoming {
  readonly content: Buffer;
  readonly fields: { readonly routingKey: string };
  readonly properties: { readonly headers?: Readonly<Record<string, unknown>> | undefined };
}

/**
 * Converts a broker's message to an event, whatever it contains. A body that cannot be decompressed
 * is stored unchanged, and ingest reports why it is unreadable. `receivedAt` is in epoch
 * milliseconds.
 */
export function toReceived(
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
 * kombu's `compression: application/x-gzip` is a zlib stream, not a gzip file
 * (`kombu/compression.py`). bzip2 stays compressed, because Node does not support it.
 */
function inflated({ content, properties }: Incoming): Uint8Array {
  if (properties.headers?.compression !== 'application/x-gzip') return content;
  try {
    return inflateSync(content, { maxOutputLength: MAX_BODY_BYTES });
  } catch {
    return content;
  }
}
