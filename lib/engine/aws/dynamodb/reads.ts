import type { Reads } from '../../port.ts';
import { readStepRecords } from '../../step-records.ts';
import type { Queues } from '../messaging/queues.ts';
import type { Names } from '../names.ts';
import { accountReads } from './account-reads.ts';
import { decisionReads } from './decision-reads.ts';
import { operationReads } from './operation-reads.ts';
import { queueReads } from './queue-reads.ts';
import { recordReads } from './record-reads.ts';
import type { Store } from './table.ts';

/**
 * Implements `Reads` with the table and the queues. A read throws a ZodError for a row that this
 * release cannot read. `services`: the names of the services that have a queue.
 */
export const readsOf = (
  store: Store,
  queues: Queues,
  names: Names,
  services: readonly string[],
): Reads => {
  const separateReads = {
    ...operationReads(store),
    ...accountReads(store),
    ...decisionReads(store),
    ...recordReads(store),
    ...queueReads(queues, names, services),
  };
  return {
    ...separateReads,
    stepRecords: (id, query) => readStepRecords(separateReads, id, query),
  };
};
