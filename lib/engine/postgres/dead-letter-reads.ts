import * as z from 'zod';
import { deadLetterQueueOf, type QueueName } from '../../../events/index.ts';
import { ErrorReport } from '../../../events/service.ts';
import { parseDeadLetter } from '../dead-letters.ts';
import { storableText } from '../json.ts';
import { type DeadLetter, type DeadLetterFilter, GAVE_UP_WITHOUT_ERROR } from '../port.ts';
import type { Database, Session } from './database.ts';
import type { Queues } from './queues.ts';
import { BOSS_SCHEMA } from './schema.ts';

const MAX_LISTED_MESSAGES = 10_000;

/**
 * The output of a job in a dead-letter queue. {@link failureOutput} and the commit of
 * `Change.deadLetters` store an error report in it. An output of pg-boss itself ("job timed out")
 * contains no error report.
 */
const JobOutput = z.object({ error: ErrorReport.optional() }).catch({ error: undefined });
const JobRow = z.object({
  id: z.string(),
  queue: z.string(),
  data: z.unknown(),
  output: z.unknown(),
  retries: z.number().nullable(),
  at: z.number(),
});

/** Returns the error in the form that pg-boss copies to the job in the dead-letter queue. */
export const failureOutput = (error: z.output<typeof ErrorReport>): object => ({ error });

/**
 * Reads the matching messages of `queues`, oldest first. `endOfStatement`: the clauses after `ORDER
 * BY`, for example a limit or a lock.
 */
export async function readDeadLetters(
  session: Session,
  queues: readonly QueueName[],
  filter: DeadLetterFilter,
  endOfStatement: string,
): Promise<DeadLetter[]> {
  const queueOfService = filter.service === undefined ? undefined : `service-${filter.service}`;
  const matchingQueues = queues.filter((queue) =>
    [filter.queue, queueOfService].every((name) => name === undefined || name === queue),
  );
  const rows = await session.query(
    `SELECT id::text, name AS queue, data, source_output AS output, source_retry_count AS retries,
       extract(epoch FROM created_on)::float8 * 1000 AS at
     FROM ${BOSS_SCHEMA}.job
     WHERE name = ANY($1::text[]) AND state = 'created'
       AND ($2::text IS NULL OR data->'data'->>'operationId' = $2)
       AND ($3::text IS NULL
         OR coalesce(source_output->'error'->>'code', '${GAVE_UP_WITHOUT_ERROR}') = $3)
       AND ($4::text IS NULL OR id::text = $4)
       AND ($5::text[] IS NULL OR id::text = ANY($5::text[]))
     ORDER BY created_on, id ${endOfStatement}`,
    [
      matchingQueues.map(deadLetterQueueOf),
      ...[filter.operationId, filter.cause, filter.id].map((value) =>
        value === undefined ? null : storableText(value),
      ),
      filter.ids ?? null,
    ],
  );
  const queueByDeadLetterQueue = new Map(
    matchingQueues.map((queue) => [String(deadLetterQueueOf(queue)), queue]),
  );
  return rows
    .map((row) => JobRow.parse(row))
    .flatMap((row) => {
      const queue = queueByDeadLetterQueue.get(row.queue);
      return queue === undefined ? [] : [deadLetterIn(row, queue)];
    });
}

const deadLetterIn = (
  { id, data, output, retries, at }: z.output<typeof JobRow>,
  queue: QueueName,
): DeadLetter =>
  parseDeadLetter({
    id,
    queue,
    body: data,
    error: JobOutput.parse(output).error,
    receiveCount: retries === null ? undefined : retries + 1,
    at: Math.round(at),
    expiresAt: undefined,
  });

/** Lists dead-letter messages, oldest first, at most 10,000. See `Engine.deadLetters`. */
export async function listDeadLetters(
  database: Database,
  queues: Queues,
  filter: DeadLetterFilter,
): Promise<DeadLetter[]> {
  return readDeadLetters(database, await queues.names(), filter, `LIMIT ${MAX_LISTED_MESSAGES}`);
}
