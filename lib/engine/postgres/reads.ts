import type { Reads } from '../port.ts';
import { accountReads } from './account-reads.ts';
import type { Database } from './database.ts';
import { decisionReads } from './decision-reads.ts';
import { operationReads } from './operation-reads.ts';
import { queueReads } from './queue-reads.ts';
import { recordReads } from './record-reads.ts';

/** Implements `Reads` with SQL. A row that this release cannot read leads to a ZodError. */
export const readsOf = (database: Database): Reads => ({
  ...operationReads(database),
  ...accountReads(database),
  ...decisionReads(database),
  ...recordReads(database),
  ...queueReads(database),
});
