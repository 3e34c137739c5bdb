import * as z from 'zod';
import type { OperationId } from '../../../events/ids.ts';
import { storableText } from '../json.ts';
import type { StepQuery, StepRecords } from '../port-reads.ts';
import { StoredOperation, StoredTask, StoredWaiver } from '../records.ts';
import type { Database } from './database.ts';
import { countStartedSql } from './schema.ts';

const StepRow = z.object({
  operation: StoredOperation,
  tasks: StoredTask.array(),
  started: z.number(),
  waivers: StoredWaiver.array(),
  documents: z.object({ key: z.string(), version: z.number(), body: z.unknown() }).array(),
});

/**
 * Reads all records of a step in one statement, in place of five. In the embedded database each
 * statement takes about 2 ms of the event loop, and each message to the coordinator needs these
 * records.
 */
const SELECT_STEP_RECORDS = `
  SELECT o.body AS operation,
    (SELECT coalesce(jsonb_agg(t.body ORDER BY t.id), '[]') FROM propagator.task t
      WHERE t.operation_id = o.id) AS tasks,
    ${countStartedSql('$2', 'o.scope_type', 'o.action')} AS started,
    (SELECT coalesce(jsonb_agg(w.body ORDER BY w.type), '[]') FROM propagator.waiver w) AS waivers,
    (SELECT coalesce(
        jsonb_agg(
          jsonb_build_object('key', d.key, 'version', d.version, 'body', d.body)
          ORDER BY d.key COLLATE "C"
        ), '[]')
      FROM propagator.document d WHERE d.collection = $3 AND d.partition = $4) AS documents
  FROM propagator.operation o WHERE o.id = $1`;

/** Implements `OperationReads.stepRecords`. */
export async function stepRecords(
  database: Database,
  id: OperationId,
  { startedSince, documentPartition: { collection, partition } }: StepQuery,
): Promise<StepRecords | undefined> {
  const [row] = await database.query(SELECT_STEP_RECORDS, [
    id,
    startedSince,
    collection,
    storableText(partition),
  ]);
  if (!row) return undefined;
  const { operation, tasks, started, waivers, documents } = StepRow.parse(row);
  return {
    operation,
    tasks,
    startedCount: started,
    waivers,
    documents: documents.map(({ key, version, body }) => ({
      collection,
      partition,
      id: key,
      version,
      value: body,
    })),
  };
}
