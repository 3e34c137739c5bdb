import { deadLetterQueueOf, type QueueName } from '../../../events/index.ts';

/** The names of the AWS resources of one stage. They begin with its prefix. */
export interface Names {
  readonly table: string;
  readonly bus: string;
  readonly scheduleGroup: string;
  /** The queue for events that EventBridge could not deliver. */
  readonly undeliveredQueue: string;
  queue(name: QueueName): string;
  deadLetterQueue(name: QueueName): string;
}

/** The field `source` of every event that the propagator sends to EventBridge. */
export const EVENT_SOURCE = 'keystone-propagator';

/** Returns the names of all queues of a stage. `services`: the services that have a queue. */
export const queueNamesOf = (services: readonly string[]): QueueName[] => [
  'ingest',
  'coordinate',
  ...services.map((service) => `service-${service}` as const),
];

/** Derives all names from the prefix of a stage, for example `propagator-prod`. */
export function namesOf(prefix: string): Names {
  return {
    table: prefix,
    bus: prefix,
    scheduleGroup: prefix,
    undeliveredQueue: `${prefix}-undelivered`,
    queue: (name) => `${prefix}-${name}`,
    deadLetterQueue: (name) => `${prefix}-${deadLetterQueueOf(name)}`,
  };
}
