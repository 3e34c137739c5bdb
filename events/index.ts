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
 * A message to send. `delaySeconds`: the queue delivers the message after this time. `isUrgent`:
 * the queue delivers the message before its other messages. SQS cannot change the order of messages
 * and ignores `isUrgent`.
 */
export type OutgoingMessage = Message & {
  readonly delaySeconds?: number;
  readonly isUrgent?: boolean;
};
/** The name of a queue. Each service has its own queue. */
export type QueueName = 'ingest' | 'coordinate' | `service-${string}`;

/** Returns the queue that receives a message. All engines route messages with this function. */
export function queueOf(message: Message): QueueName {
  if (message.type === 'notification.received') return 'ingest';
  if (message.type === 'service.requested') return `service-${message.data.service}`;
  return 'coordinate';
}

/** Returns the dead-letter queue of a queue. */
export const deadLetterQueueOf = (queue: QueueName): `${QueueName}-dead` => `${queue}-dead`;
