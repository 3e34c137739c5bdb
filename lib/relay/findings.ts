import {
  type Finding,
  lossWarnings,
  type ManagedQueue,
  readManagedQueue,
} from './managed-queue.ts';
import { addressOf, type RelayOptions, type Source } from './options.ts';

/** The queue as the management API shows it, or the reason why it was not read. */
type QueueReading =
  | { readonly kind: 'read'; readonly queue: ManagedQueue }
  | { readonly kind: 'unread'; readonly because: string };

/**
 * Returns the facts about the broker and the queue as log lines. If the management API is
 * configured, its facts are added. If the management API gives no usable answer, a line contains
 * the reason, and nothing is thrown. `messageCount`: the number of messages in the queue.
 */
export async function brokerFindings(
  url: string,
  options: RelayOptions,
  server: { readonly product?: string; readonly version?: string },
  messageCount: number,
): Promise<Finding[]> {
  const { source } = options;
  const { broker, virtualHost } = addressOf(url);
  const reading = await readQueue(url, options);
  const connectedText =
    `connected to ${server.product ?? 'the broker'} ${server.version ?? ''} at ${broker}, ` +
    `virtual host ${virtualHost}`;
  const queueText = `queue ${source.queue} (${describeQueue(reading, source)})`;
  return [
    { level: 'info', text: connectedText },
    { level: 'info', text: `${queueText}: ${messageCount} waiting messages` },
    ...lossWarnings(
      reading.kind === 'read' ? reading.queue : { arguments: argumentsOf(source), durable: true },
      source.queue,
    ),
    ...(reading.kind === 'unread' ? [uncheckedPoliciesFinding(reading.because, virtualHost)] : []),
    ...(limitsDeliveries(reading, source, server.version)
      ? [deliveryLimitFinding(source.queue)]
      : []),
  ];
}

async function readQueue(url: string, options: RelayOptions): Promise<QueueReading> {
  const { managementUrl, source } = options;
  if (managementUrl === undefined) return { kind: 'unread', because: 'not configured' };
  const { virtualHost } = addressOf(url);
  const result = await readManagedQueue(managementUrl, url, virtualHost, source.queue);
  return typeof result === 'string'
    ? { kind: 'unread', because: result }
    : { kind: 'read', queue: result };
}

/** The arguments with which the relay declares its own queue. */
const argumentsOf = (source: Source): Readonly<Record<string, unknown>> =>
  source.mode === 'own' ? source.arguments : {};

function describeQueue(reading: QueueReading, source: Source): string {
  if (reading.kind === 'read') {
    const { durable, type = 'classic' } = reading.queue;
    const durability = durable
      ? 'durable'
      : 'NOT durable: a restart of the broker deletes its messages';
    return `${type}, ${durability}`;
  }
  return source.mode === 'own'
    ? `${String(source.arguments['x-queue-type'] ?? 'classic')}, durable, created by the relay`
    : 'created by Keystone';
}

const uncheckedPoliciesFinding = (because: string, virtualHost: string): Finding => ({
  level: 'info',
  text:
    'could not check whether a policy deletes messages of this queue (management API: ' +
    `${because}); set RABBITMQ_MANAGEMENT_URL, or run: rabbitmqctl list_queues -p ` +
    `${virtualHost} name policy arguments; rabbitmqctl list_policies -p ${virtualHost}`,
});

/** True if the queue drops messages after too many deliveries. */
function limitsDeliveries(
  reading: QueueReading,
  source: Source,
  brokerVersion: string | undefined,
): boolean {
  const declaredArguments = argumentsOf(source);
  const managedQueue = reading.kind === 'read' ? reading.queue : undefined;
  const type = managedQueue ? managedQueue.type : declaredArguments['x-queue-type'];
  const hasConfiguredLimit =
    declaredArguments['x-delivery-limit'] !== undefined ||
    managedQueue?.effective_policy_definition?.['delivery-limit'] !== undefined;
  return type === 'quorum' && Number.parseInt(brokerVersion ?? '', 10) >= 4 && !hasConfiguredLimit;
}

const deliveryLimitFinding = (queue: string): Finding => ({
  level: 'warn',
  text:
    'a quorum queue of RabbitMQ 4 drops a message after 20 deliveries without an ' +
    `acknowledgment; set a policy with delivery-limit -1 on ${queue}`,
});
