import type { PgBoss } from 'pg-boss';
import * as z from 'zod';
import { deadLetterQueueOf, type QueueName } from '../../../events/index.ts';
import { ErrorReport } from '../../../events/service.ts';
import type { AuditEntry } from '../../audit/entry.ts';
import { auditRecordsOf } from '../audit.ts';
import { decisionMessages, decisionsOf, parseDeadLetter } from '../dead-letters.ts';
import { storableMessage, storableText, toJson } from '../json.ts';
import {
  type DeadLetter,
  type DeadLetterFilter,
  type Decision,
  type DecisionAuthor,
  GAVE_UP_WITHOUT_ERROR,
} from '../port.ts';
import type { WorkerWakeups } from '../worker-wakeups.ts';
import { appendAudit } from './audit.ts';
import { bossOn, type Database, engineError, type Session } from './database.ts';
import type { Queues } from './queues.ts';
import { BOSS_SCHEMA } from './schema.ts';

const MAX_LISTED_MESSAGES = 10_000;

/**
 * The output of a job in a dead-letter queue. {@link failureOutput} and the commit of
 * `Change.deadLetters` store an error report in it. An output of pg-boss itself ("job timed out")
 * contains no error report.
 */
const Output = z.object({ error: ErrorReport.optional() }).catch({ error: undefined });
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

/** Reads the matching messages of `queues`, oldest first. `clause`: the end of the statement. */
async function readDeadLetters(
  session: Session,
  queues: readonly QueueName[],
  filter: DeadLetterFilter,
  clause: string,
): Promise<DeadLetter[]> {
  const queueOfService = filter.service === undefined ? undefined : `service-${filter.service}`;
  const matchingQueues = queues.filter((queue) =>
    [filter.queue, queueOfService].every((wanted) => wanted === undefined || wanted === queue),
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
     ORDER BY created_on, id ${clause}`,
    [
      matchingQueues.map(deadLetterQueueOf),
      ...[filter.operationId, filter.cause, filter.id].map((value) =>
        value === undefined ? null : storableText(value),
      ),
      filter.ids ?? null,
    ],
  );
  const sourceQueues = new Map(
    matchingQueues.map((queue) => [String(deadLetterQueueOf(queue)), queue]),
  );
  return rows
    .map((row) => JobRow.parse(row))
    .flatMap((row) => {
      const queue = sourceQueues.get(row.queue);
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
    error: Output.parse(output).error,
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

/** The steps that differ between redrive and discard. */
interface DecisionSteps {
  readonly what: Decision['what'];
  /** Moves or deletes the jobs with these ids in the dead-letter queue of `queue`. */
  removeJobs(boss: PgBoss, session: Session, queue: QueueName, ids: string[]): Promise<void>;
  /** Builds the messages that inform the coordinator. */
  readonly noticesOf: (deadLetters: readonly DeadLetter[]) => ReturnType<typeof decisionMessages>;
}

/** Sends dead-letter messages back to their queues. See `Engine.redrive`. */
export function redriveDeadLetters(
  deps: DeadLetterDeps,
  filter: DeadLetterFilter,
  author: DecisionAuthor,
): Promise<number> {
  return carryOutDecision(deps, filter, author, {
    what: 'redriven',
    removeJobs: moveJobs,
    noticesOf: (deadLetters) => decisionMessages('redriven', deadLetters, author),
  });
}

/** Deletes dead-letter messages. See `Engine.discard`. */
export function discardDeadLetters(
  deps: DeadLetterDeps,
  filter: DeadLetterFilter,
  author: DecisionAuthor & { readonly reason: string },
): Promise<number> {
  return carryOutDecision(deps, filter, author, {
    what: 'discarded',
    removeJobs: deleteJobs,
    noticesOf: (deadLetters) => decisionMessages('discarded', deadLetters, author),
  });
}

export interface DeadLetterDeps {
  readonly database: Database;
  readonly queues: Queues;
  readonly wakeups: WorkerWakeups;
  readonly onAudited: (entry: AuditEntry) => void;
}

/**
 * Carries out a decision in one transaction: moves or deletes the matching messages, informs the
 * coordinator, and records the decision. Returns the number of messages.
 */
async function carryOutDecision(
  { database, queues, wakeups, onAudited }: DeadLetterDeps,
  filter: DeadLetterFilter,
  author: DecisionAuthor,
  { what, removeJobs, noticesOf }: DecisionSteps,
): Promise<number> {
  const { boss } = queues;
  const names = await queues.names();
  await queues.ensure(['coordinate', ...names]);
  const { queuesToWake, audited, count } = await database.transaction(async (session) => {
    const found = await readDeadLetters(session, names, filter, 'FOR UPDATE SKIP LOCKED');
    for (const [queue, deadLetters] of Map.groupBy(found, (deadLetter) => deadLetter.queue)) {
      const ids = deadLetters.map(({ id }) => id);
      await removeJobs(boss, session, queue, ids);
    }
    const notices = noticesOf(found).map((message) => ({ data: storableMessage(message) }));
    if (notices.length > 0) await boss.insert('coordinate', notices, { db: bossOn(session) });
    const decisions = decisionsOf(what, found, author, Date.now());
    await storeDecisions(session, decisions);
    const entries = await appendAudit(session, auditRecordsOf(decisions, author));
    const queuesWithMessages = new Set(what === 'redriven' ? found.map(({ queue }) => queue) : []);
    if (notices.length > 0) queuesWithMessages.add('coordinate');
    await database.notifyWorkers(session, [...queuesWithMessages]);
    return { queuesToWake: queuesWithMessages, audited: entries, count: found.length };
  });
  audited.forEach(onAudited);
  for (const queue of queuesToWake) wakeups.wake(queue);
  return count;
}

async function moveJobs(
  boss: PgBoss,
  session: Session,
  queue: QueueName,
  ids: string[],
): Promise<void> {
  const moved = await boss.redrive(deadLetterQueueOf(queue), {
    ids,
    destination: queue,
    limit: ids.length,
    db: bossOn(session),
  });
  if (moved !== ids.length)
    throw engineError(
      'redrive',
      `Only ${moved} of ${ids.length} dead-letter messages of ${queue} could be moved, and the ` +
        'transaction was rolled back.',
      'Run the command again.',
    );
}

async function deleteJobs(
  boss: PgBoss,
  session: Session,
  queue: QueueName,
  ids: string[],
): Promise<void> {
  await boss.deleteJob(deadLetterQueueOf(queue), ids, { db: bossOn(session) });
}

async function storeDecisions(session: Session, decisions: readonly Decision[]): Promise<void> {
  if (decisions.length > 0)
    await session.query(
      `INSERT INTO propagator.decision (operation_id, body)
       SELECT body->>'operationId', body FROM jsonb_array_elements($1::text::jsonb) AS body`,
      [toJson(decisions)],
    );
}
