import { CHANGES } from '../../../events/account.ts';
import { type Message, type QueueName, queueOf } from '../../../events/index.ts';
import { NotificationReceived } from '../../../events/notification.ts';
import { OperationEvent } from '../../../events/operation.ts';
import { ServiceEvent } from '../../../events/service.ts';
import { EVENT_SOURCE, namesOf, queueNamesOf } from './names.ts';

/**
 * The AWS resources of a stage, except functions, roles and alarms, as plain data. The
 * CloudFormation template is generated from this data, and the tests create the same resources on
 * an emulator.
 */
export interface Topology {
  readonly bus: string;
  readonly scheduleGroup: string;
  readonly table: TableDefinition;
  readonly queues: readonly QueueDefinition[];
  /**
   * The queue for events that a rule could not deliver. A redrive sends them to the bus again.
   */
  readonly undelivered: { readonly name: string; readonly retentionSeconds: number };
  readonly rules: readonly RuleDefinition[];
}
export interface QueueDefinition {
  /** The name in the code, for example `service-nova`. */
  readonly queue: QueueName;
  /** The name in AWS, with the prefix of the stage. */
  readonly name: string;
  readonly visibilitySeconds: number;
  readonly retentionSeconds: number;
  readonly deadLetterQueue: { readonly name: string; readonly retentionSeconds: number };
  /** Deliveries before a message becomes a dead-letter message. */
  readonly maxReceives: number;
  /** The time-out of the function that the queue invokes. */
  readonly functionTimeoutSeconds: number;
  /** The maximum number of messages per invocation of the function. */
  readonly batchSize: number;
  /**
   * The time for which Lambda waits for more messages of a batch. Lambda requires at least one
   * second for batches of more than ten messages.
   */
  readonly batchWindowSeconds: number;
}
export interface RuleDefinition {
  readonly name: string;
  /** Target queue of the rule. */
  readonly queue: QueueName;
  readonly pattern: {
    readonly source: readonly string[];
    readonly 'detail-type': readonly string[];
    readonly detail?: object;
  };
}
export interface TableDefinition {
  readonly name: string;
  readonly partitionKey: 'pk';
  readonly sortKey: 'sk';
  /** Types of the key attributes: `S` string, `N` number. */
  readonly attributes: Readonly<Record<string, 'S' | 'N'>>;
  readonly indexes: readonly {
    readonly name: string;
    readonly partitionKey: string;
    readonly sortKey: string;
    readonly projection: 'KEYS_ONLY';
  }[];
  /** Epoch seconds after which DynamoDB may delete the row. */
  readonly timeToLive: 'expires';
}

/**
 * The number of deliveries before a message becomes a dead-letter message, as on PostgreSQL. The
 * pauses between the deliveries add up to about four minutes.
 */
export const MAX_RECEIVES = 9;
/**
 * AWS recommends a visibility timeout of six times the function's time-out, so that SQS does not
 * deliver a message a second time while Lambda throttles the function.
 */
const VISIBILITY_FACTOR = 6;
const DAY_SECONDS = 24 * 60 * 60;
/**
 * SQS counts the retention of a dead-letter message from its first send. The dead-letter queue
 * therefore has a longer retention than its source queue.
 */
const RETENTION_SECONDS = 4 * DAY_SECONDS;
export const DEAD_LETTER_RETENTION_SECONDS = 14 * DAY_SECONDS;

/**
 * The settings of a queue and its function. The function `ingest` gets at most 18 notifications:
 * each needs at most five rows, so they fit into one DynamoDB transaction.
 */
const FUNCTION_SETTINGS = {
  ingest: { functionTimeoutSeconds: 120, batchSize: 18, batchWindowSeconds: 1 },
  coordinate: { functionTimeoutSeconds: 120, batchSize: 10, batchWindowSeconds: 0 },
  service: { functionTimeoutSeconds: 180, batchSize: 1, batchWindowSeconds: 0 },
} as const;

/** Every message type. */
export const MESSAGE_TYPES: readonly Message['type'][] = [
  NotificationReceived.shape.type.value,
  ...(['project', 'domain', 'user'] as const).flatMap((accountType) =>
    CHANGES.map((change) => `account.${accountType}.${change}` as const),
  ),
  ...OperationEvent.options.map((option) => option.shape.type.value),
  ...ServiceEvent.options.map((option) => option.shape.type.value),
];

/**
 * Returns the AWS resources of a stage. `services`: the names of all services, including services
 * that the operator added. Each has a queue.
 */
export function topologyOf(prefix: string, services: readonly string[]): Topology {
  const names = namesOf(prefix);
  const queues = queueNamesOf(services);
  return {
    bus: names.bus,
    scheduleGroup: names.scheduleGroup,
    table: {
      name: names.table,
      partitionKey: 'pk',
      sortKey: 'sk',
      attributes: { pk: 'S', sk: 'S', state: 'S', openedAt: 'N' },
      indexes: [
        {
          name: 'operations-by-state',
          partitionKey: 'state',
          sortKey: 'openedAt',
          projection: 'KEYS_ONLY',
        },
      ],
      timeToLive: 'expires',
    },
    queues: queues.map((queue) => {
      const settings =
        queue === 'ingest' || queue === 'coordinate'
          ? FUNCTION_SETTINGS[queue]
          : FUNCTION_SETTINGS.service;
      return {
        queue,
        name: names.queue(queue),
        visibilitySeconds:
          VISIBILITY_FACTOR * settings.functionTimeoutSeconds + settings.batchWindowSeconds,
        retentionSeconds: RETENTION_SECONDS,
        deadLetterQueue: {
          name: names.deadLetterQueue(queue),
          retentionSeconds: DEAD_LETTER_RETENTION_SECONDS,
        },
        maxReceives: MAX_RECEIVES,
        ...settings,
      };
    }),
    undelivered: { name: names.undeliveredQueue, retentionSeconds: DEAD_LETTER_RETENTION_SECONDS },
    rules: queues.map((queue) => ruleOf(queue, prefix)),
  };
}

/** Returns a rule that matches exactly the message types that {@link queueOf} routes to a queue. */
function ruleOf(queue: QueueName, prefix: string): RuleDefinition {
  const service = queue.startsWith('service-') ? queue.slice('service-'.length) : undefined;
  // `queueOf` reads only the type and the service, so a partial message is enough.
  const isForQueue = (type: Message['type']) =>
    queueOf({ type, data: { service: service ?? '' } } as Message) === queue;
  return {
    name: `${prefix}-${queue}`,
    queue,
    pattern: {
      source: [EVENT_SOURCE],
      'detail-type': MESSAGE_TYPES.filter(isForQueue),
      ...(service === undefined ? {} : { detail: { service: [service] } }),
    },
  };
}
