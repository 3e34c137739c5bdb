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
/** A message to send, and the seconds before a queue delivers it. */
export type Outgoing = Message & { readonly delaySeconds?: number };
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
