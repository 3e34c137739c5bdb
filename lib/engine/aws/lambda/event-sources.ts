import * as z from 'zod';
import type { NotificationReceived } from '../../../../events/notification.ts';
import { toReceived } from '../../../relay/body.ts';

/**
 * Events of brokers that Lambda polls without a relay: Amazon MQ for RabbitMQ, self-managed Kafka,
 * Amazon MSK. The schemas contain only the fields that this module reads:
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
  // A Kafka tombstone (a deleted key) has the value null. Keystone sends no tombstones.
  records: z.record(
    z.string(),
    z.array(z.object({ topic: z.string(), value: z.base64().nullish() })),
  ),
});

/** True for an event of a broker that Lambda polls. */
export const isBrokerEvent = (event: unknown): boolean =>
  AmazonMq.safeParse(event).success || Kafka.safeParse(event).success;

/**
 * Returns the raw notifications in the event of a broker, in order; `undefined` for any other
 * event. `receivedAt` is in epoch milliseconds.
 */
export function notificationsIn(
  event: unknown,
  receivedAt: number,
): NotificationReceived[] | undefined {
  const mq = AmazonMq.safeParse(event);
  if (mq.success) return fromAmazonMq(mq.data, receivedAt);
  const kafka = Kafka.safeParse(event);
  return kafka.success ? fromKafka(kafka.data, receivedAt) : undefined;
}

const fromAmazonMq = (
  { rmqMessagesByQueue }: z.infer<typeof AmazonMq>,
  receivedAt: number,
): NotificationReceived[] =>
  Object.entries(rmqMessagesByQueue).flatMap(([queue, messages]) =>
    messages.map(({ data, basicProperties }) =>
      // The name is `queue::virtual-host`, for example `keystone-propagator::/`.
      toReceived(
        {
          content: Buffer.from(data, 'base64'),
          fields: { routingKey: queue.split('::')[0] ?? queue },
          properties: { headers: decodeHeaders(basicProperties?.headers ?? {}) },
        },
        receivedAt,
      ),
    ),
  );

const fromKafka = (
  { records }: z.infer<typeof Kafka>,
  receivedAt: number,
): NotificationReceived[] =>
  Object.values(records)
    .flat()
    .flatMap(({ topic, value }) => {
      if (!value) return [];
      const content = Buffer.from(value, 'base64');
      const message = { content, fields: { routingKey: topic }, properties: {} };
      return [toReceived(message, receivedAt, 'kafka')];
    });

/** Lambda passes the headers of RabbitMQ as bytes: `{"compression": {"bytes": [97, …]}}`. */
const Header = z.object({ bytes: z.array(z.number().int().min(0).max(255)) });
const decodeHeaders = (headers: Readonly<Record<string, unknown>>): Record<string, unknown> =>
  Object.fromEntries(
    Object.entries(headers).map(([name, value]) => {
      const bytes = Header.safeParse(value);
      return [name, bytes.success ? Buffer.from(bytes.data.bytes).toString() : value];
    }),
  );
