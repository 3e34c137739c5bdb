import { CHANGES } from '../../../events/account.ts';
import { type Message, type QueueName, queueOf } from '../../../events/index.ts';
import { NotificationReceived } from '../../../events/notification.ts';
import { OperationEvent } from '../../../events/operation.ts';
import { ServiceEvent } from '../../../events/service.ts';
import { namesOf, SOURCE } from './names.ts';

/**
 * What stands on AWS, as plain data: the template that is deployed and the emulator that the tests
 * run on are both made from it. All but the functions, their roles and the alarms.
 */
export interface Topology {
  readonly bus: string;
  readonly scheduleGroup: string;
  readonly table: TableDefinition;
  readonly queues: readonly QueueDefinition[];
  /**
   * For what a rule could not deliver; apart from the dead letters, for it has no source queue and
   * goes back through the bus.
   */
  readonly undelivered: { readonly name: string; readonly retentionSeconds: number };
  readonly rules: readonly RuleDefinition[];
}
export interface QueueDefinition {
  /** As {@link queueOf} says it. */
  readonly queue: QueueName;
  readonly name: string;
  readonly visibilitySeconds: number;
  readonly retentionSeconds: number;
  readonly dead: { readonly name: string; readonly retentionSeconds: number };
  /** Deliveries before a message is a dead letter. */
  readonly mostReceives: number;
  /** The time-out of the function that it feeds. */
  readonly functionSeconds: number;
  /** Messages that the function gets at once. */
  readonly batchSize: number;
  /** How long SQS waits for a batch to fill; it must where more than ten make one. */
  readonly batchingSeconds: number;
}
export interface RuleDefinition {
  readonly name: string;
  /** The target. */
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
  /** Attributes that keys are made of: `S` string, `N` number. */
  readonly attributes: Readonly<Record<string, 'S' | 'N'>>;
  readonly indexes: readonly {
    readonly name: string;
    readonly partitionKey: string;
    readonly sortKey: string;
    readonly projection: 'KEYS_ONLY';
  }[];
  /** Epoch seconds after which a row may go. */
  readonly timeToLive: 'expires';
}

/**
 * Deliveries of a message before it is given up: with the pauses between them about six minutes, as
 * on PostgreSQL.
 */
export const MOST_RECEIVES = 9;
/**
 * A queue's visibility time-out must be six times its function's time-out, lest a throttled message
 * come twice.
 */
const VISIBILITY_FACTOR = 6;
const DAY = 24 * 60 * 60;
/**
 * The age of a dead letter counts from when its message was first sent: what waited long on its
 * queue must not be gone soon after.
 */
const RETENTION_SECONDS = 4 * DAY;
export const DEAD_RETENTION_SECONDS = 14 * DAY;

/**
 * A batch of notifications makes at most five rows each, and all of it fits into one transaction of
 * DynamoDB then.
 */
const FED = {
  ingest: { functionSeconds: 120, batchSize: 18, batchingSeconds: 1 },
  coordinate: { functionSeconds: 120, batchSize: 10, batchingSeconds: 0 },
  service: { functionSeconds: 180, batchSize: 1, batchingSeconds: 0 },
} as const;

/** Every type of message that there is. */
export const MESSAGE_TYPES: readonly Message['type'][] = [
  NotificationReceived.shape.type.value,
  ...(['project', 'domain', 'user'] as const).flatMap((account) =>
    CHANGES.map((change) => `account.${account}.${change}` as const),
  ),
  ...OperationEvent.options.map((option) => option.shape.type.value),
  ...ServiceEvent.options.map((option) => option.shape.type.value),
];

/**
 * The names of the services are those that have a queue: `nova`, and those of the operator's own.
 */
export function topologyOf(prefix: string, services: readonly string[]): Topology {
  const names = namesOf(prefix);
  const queues: QueueName[] = [
    'ingest',
    'coordinate',
    ...services.map((service) => `service-${service}` as const),
  ];
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
      const fed = queue === 'ingest' || queue === 'coordinate' ? FED[queue] : FED.service;
      return {
        queue,
        name: names.queue(queue),
        visibilitySeconds: VISIBILITY_FACTOR * fed.functionSeconds + fed.batchingSeconds,
        retentionSeconds: RETENTION_SECONDS,
        dead: { name: names.dead(queue), retentionSeconds: DEAD_RETENTION_SECONDS },
        mostReceives: MOST_RECEIVES,
        ...fed,
      };
    }),
    undelivered: { name: names.undelivered, retentionSeconds: DEAD_RETENTION_SECONDS },
    rules: queues.map((queue) => ruleOf(queue, prefix)),
  };
}

/**
 * The rule says what {@link queueOf} says: each type is asked for, with the service of this queue.
 */
function ruleOf(queue: QueueName, prefix: string): RuleDefinition {
  const service = queue.startsWith('service-') ? queue.slice('service-'.length) : undefined;
  // Only what the routes look at: the type, and whose service it is.
  const routed = (type: Message['type']) =>
    queueOf({ type, data: { service: service ?? '' } } as Message) === queue;
  return {
    name: `${prefix}-${queue}`,
    queue,
    pattern: {
      source: [SOURCE],
      'detail-type': MESSAGE_TYPES.filter(routed),
      ...(service === undefined ? {} : { detail: { service: [service] } }),
    },
  };
}
