import { deadLetterQueueOf, type QueueName } from '../../../events/index.ts';

/** What everything of one stage is called; all of it follows from the prefix, `propagator-prod`. */
export interface Names {
  readonly table: string;
  readonly bus: string;
  readonly scheduleGroup: string;
  /** Where EventBridge puts what it could not deliver to a queue. */
  readonly undelivered: string;
  queue(name: QueueName): string;
  /** The dead letters of that queue. */
  dead(name: QueueName): string;
}

/** Who puts messages on the bus: `source` of every event. */
export const SOURCE = 'keystone-propagator';

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
