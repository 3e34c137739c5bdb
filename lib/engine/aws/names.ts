import { deadLetterQueueOf, type QueueName } from '../../../events/index.ts';

/**
 * Names of all AWS resources of one stage, derived from its prefix, for example `propagator-prod`.
 */
export interface Names {
  readonly table: string;
  readonly bus: string;
  readonly scheduleGroup: string;
  /** The queue for events that EventBridge could not deliver. */
  readonly undelivered: string;
  queue(name: QueueName): string;
  /** Name of the dead-letter queue. */
  dead(name: QueueName): string;
}

/** The `source` of every event. */
export const SOURCE = 'keystone-propagator';

/** Derives all names from the prefix of a stage. */
export function namesOf(prefix: string): Names {
  return {
    table: prefix,
    bus: prefix,
    scheduleGroup: prefix,
    undelivered: `${prefix}-undelivered`,
    queue: (name) => `${prefix}-${name}`,
    dead: (name) => `${prefix}-${deadLetterQueueOf(name)}`,
  };
}
