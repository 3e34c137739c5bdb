import * as z from 'zod';
import type { NotificationReceived } from '../../../../events/notification.ts';
import { received } from '../../../relay/body.ts';

/**
 * Events of brokers that Lambda reads by itself, without a relay: Amazon MQ for RabbitMQ, Kafka of
 * one's own, Amazon MSK. Of the many fields, those that are used:
 * https://docs.aws.amazon.com/lambda/latest/dg/with-mq.html, with-kafka.html.
 */
const AmazonMq = z.object({
  eventSource: z.literal('aws:rmq'),
  rmqMessagesByQueue: z.record(
    z.string(),
    z.array(
      z.object({
        data: z.base64(),
        basicProperties: z
          .object({ headers: z.record(z.string(), z.unknown()).nullish() })
          .nullish(),
      }),
    ),
  ),
});
const Kafka = z.object({
  eventSource: z.literal(['SelfManagedKafka', 'aws:kafka']),
  // The value of a tombstone is null: it says that a key is gone, and Keystone sends none.
  records: z.record(
    z.string(),
    z.array(z.object({ topic: z.string(), value: z.base64().nullish() })),
  ),
});

/**
 * The notifications in such an event, unread, in their order; `undefined` when it is of another
 * resource type.
 */
export function notificationsIn(
  event: unknown,
  receivedAt: number,
): NotificationReceived[] | undefined {
  const mq = AmazonMq.safeParse(event);
  if (mq.success)
    return Object.entries(mq.data.rmqMessagesByQueue).flatMap(([queue, messages]) =>
      messages.map(({ data, basicProperties }) =>
        // `keystone-propagator::/`: the queue and its virtual host.
        received(
          {
            content: Buffer.from(data, 'base64'),
            fields: { routingKey: queue.split('::')[0] ?? queue },
            properties: { headers: named(basicProperties?.headers ?? {}) },
          },
          receivedAt,
        ),
      ),
    );
  const kafka = Kafka.safeParse(event);
  if (!kafka.success) return undefined;
  return Object.values(kafka.data.records).flatMap((records) =>
    records.flatMap(({ topic, value }) =>
      value
        ? [
            received(
              {
                content: Buffer.from(value, 'base64'),
                fields: { routingKey: topic },
                properties: {},
              },
              receivedAt,
              'kafka',
            ),
          ]
        : [],
    ),
  );
}

/** Headers come as `{"compression": {"bytes": [97, …]}}`. */
const Header = z.object({ bytes: z.array(z.number().int().min(0).max(255)) });
const named = (headers: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      const bytes = Header.safeParse(value);
      return [name, bytes.success ? Buffer.from(bytes.data.bytes).toString() : value];
    }),
  );
