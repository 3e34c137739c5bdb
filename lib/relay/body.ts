import { randomUUID } from 'node:crypto';
import { inflateSync } from 'node:zlib';
import type { NotificationReceived } from '../../events/notification.ts';
import { MAX_BODY_BYTES, notificationReceived } from '../account/received.ts';

/** The fields of amqplib's `ConsumeMessage` that the relay reads. */
export interface BrokerMessage {
  readonly content: Buffer;
  readonly fields: { readonly routingKey: string };
  readonly properties: { readonly headers?: Readonly<Record<string, unknown>> | undefined };
}

/**
 * Converts any message of a broker to an event. A body that cannot be decompressed is stored
 * unchanged, and ingest reports why it is unreadable. `receivedAt` is in epoch milliseconds.
 */
export function toReceived(
  message: BrokerMessage,
  receivedAt: number,
  sourcePrefix = 'rabbitmq',
): NotificationReceived {
  return notificationReceived(decompressed(message), {
    id: randomUUID(),
    source: `${sourcePrefix}:${message.fields.routingKey}`,
    receivedAt,
  });
}

/**
 * Decompresses a body. In kombu, `compression: application/x-gzip` means a zlib stream and not a
 * gzip file (`kombu/compression.py`). A bzip2 body stays compressed, because Node does not support
 * bzip2.
 */
function decompressed({ content, properties }: BrokerMessage): Uint8Array {
  if (properties.headers?.compression !== 'application/x-gzip') return content;
  try {
    return inflateSync(content, { maxOutputLength: MAX_BODY_BYTES });
  } catch {
    return content;
  }
}
