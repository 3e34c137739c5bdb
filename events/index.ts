import type { AccountEvent } from './account.ts';
import type { NotificationReceived } from './notification.ts';
import type { OperationEvent } from './operation.ts';
import type { ServiceReport, ServiceRequested } from './service.ts';

/** Everything that travels. */
export type Message =
  | NotificationReceived
  | AccountEvent
  | OperationEvent
  | ServiceRequested
  | ServiceReport;
/** A message and how long it waits before anyone sees it. */
export type Outgoing = Message & { readonly delaySeconds?: number };
export type QueueName = 'ingest' | 'coordinate' | `service-${string}`;

/**
 * The routes of the bus: which queue a message is put on. One function, so that every engine routes
 * alike.
 */
export function queueOf(message: Message): QueueName {
  if (message.type === 'notification.received') return 'ingest';
  if (message.type === 'service.requested') return `service-${message.data.service}`;
  return 'coordinate';
}

/** Where a message is laid aside when it was given up. */
export const deadLetterQueueOf = (queue: QueueName): `${QueueName}-dead` => `${queue}-dead`;
