import type { AccountEvent } from './account.ts';
import type { NotificationReceived } from './notification.ts';
import type { OperationEvent } from './operation.ts';
import type { ServiceReport, ServiceRequested } from './service.ts';

/** Every message that the bus and the queues carry. */
export type Message =
  | NotificationReceived
  | AccountEvent
  | OperationEvent
  | ServiceRequested
  | ServiceReport;
/**
 * A message to send. `delaySeconds`: the time before a queue delivers it. `isUrgent`: the message
 * is delivered before all other messages of its queue. SQS cannot change the order of messages and
 * ignores `isUrgent`.
 */
export type Outgoing = Message & {
  readonly delaySeconds?: number;
  readonly isUrgent?: boolean;
};
/** The name of a queue. Each service has its own queue. */
export type QueueName = 'ingest' | 'coordinate' | `service-${string}`;

/**
 * Returns the queue for a message. All engines use this function, so that they route messages in
 * the same way.
 */
export function queueOf(message: Message): QueueName {
  if (message.type === 'notification.received') return 'ingest';
  if (message.type === 'service.requested') return `service-${message.data.service}`;
  return 'coordinate';
}

/** Returns the dead-letter queue of a queue. */
export const deadLetterQueueOf = (queue: QueueName): `${QueueName}-dead` => `${queue}-dead`;
