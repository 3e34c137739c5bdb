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
 * A message to send. `delaySeconds`: the time before a queue delivers it. `isUrgent`: it is
 * delivered before all other messages of its queue. SQS has no such order and ignores it.
 */
export type Outgoing = Message & {
  readonly delaySeconds?: number;
  readonly isUrgent?: boolean;
};
/** The name of a queue. Each service has its own. */
export type QueueName = 'ingest' | 'coordinate' | `service-${string}`;

/** Returns the queue for a message. All engines share this function, so that they route alike. */
export function queueOf(message: Message): QueueName {
  if (message.type === 'notification.received') return 'ingest';
  if (message.type === 'service.requested') return `service-${message.data.service}`;
  return 'coordinate';
}

/** Returns the dead-letter queue of a queue. */
export const deadLetterQueueOf = (queue: QueueName): `${QueueName}-dead` => `${queue}-dead`;
