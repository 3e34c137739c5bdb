import type { PgBoss } from 'pg-boss';
import * as z from 'zod';
import { deadLetterQueueOf, type QueueName } from '../../../events/index.ts';
import { ErrorReport } from '../../../events/service.ts';
import type { AuditEntry } from '../../audit/entry.ts';
import { recordsOf } from '../audit.ts';
import { decisionMessages, decisionsOf, parseDeadLetter } from '../dead-letters.ts';
import { storable, storableMessage, toJson } from '../json.ts';
import {
  type DeadLetter,
  type DeadLetterFilter,
  type Decided,
  type Decision,
  GAVE_UP_WITHOUT_ERROR,
} from '../port.ts';
import type { WorkerWakeups } from '../worker-wakeups.ts';
import { appendAudit } from './audit.ts';
import { bossOn, type Database, engineError, type Session } from './database.ts';
import type { Queues } from './queues.ts';
import { BOSS_SCHEMA } from './schema.ts';

const MAX_LISTED = 10_000;

/**
 * The output of a failed job. {@link failure} and the writer of `Change.deadLetters` store an error
 * report in it. The output of pg-boss ("job timed out") contains no error report.
 */
const Output = z.object({ error: ErrorReport.optional() }).catch({ error: undefined });
const Row = z.object({
  id: z.string(),
  queue: z.string(),
  data: z.unknown(),
  output: z.unknown(),
  retries: z.number().nullable(),
  at: z.number(),
});

/** Returns the error in the form that pg-boss copies to the dead-letter message. */
export const failure = (error: z.output<typeof ErrorReport>): object => ({ error });

async function find(
  session: Session,
  names: readonly QueueName[],
  filter: DeadLetterFilter,
  rest: string,
): Promise<DeadLetter[]> {
  const service = filter.service === undefined ? undefined : `service-${filter.service}`;
  const matchingQueues = names.filter((name) =>
    [filter.queue, service].every((only) => only === undefined || only === name),
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
     ORDER BY created_on, id ${rest}`,
    [
      matchingQueues.map(deadLetterQueueOf),
      ...[filter.operationId, filter.cause, filter.id].map((only) =>
        only === undefined ? null : storable(only),
      ),
      filter.ids ?? null,
    ],
  );
  const queueOf = new Map(matchingQueues.map((name) => [String(deadLetterQueueOf(name)), name]));
  return rows.flatMap((row) => {
    const { id, queue: dead, data, output, retries, at } = Row.parse(row);
    const queue = queueOf.get(dead);
    if (queue === undefined) return [];
    const receiveCount = retries === null ? undefined : retries + 1;
    const { error } = Output.parse(output);
    return [
      parseDeadLetter({
        id,
        queue,
        body: data,
        error,
        receiveCount,
        at: Math.round(at),
        expiresAt: undefined,
      }),
    ];
  });
}

/** Lists dead-letter messages, oldest first, at most 10,000. See `Engine.deadLetters`. */
export async function listDeadLetters(
  database: Database,
  queues: Queues,
  filter: DeadLetterFilter,
): Promise<DeadLetter[]> {
  return find(database, await queues.names(), filter, `LIMIT ${MAX_LISTED}`);
}

/** The steps that differ between redrive and discard. */
interface DecisionSteps {
  readonly what: Decision['what'];
  take(boss: PgBoss, session: Session, queue: QueueName, ids: string[]): Promise<void>;
  readonly messages: (deadLetters: readonly DeadLetter[]) => ReturnType<typeof decisionMessages>;
}

/** Sends dead-letter messages back. See `Engine.redrive`. */
export function redriveDeadLetters(
  store: Store,
  filter: DeadLetterFilter,
  decided: Decided,
): Promise<number> {
  return decide(store, filter, decided, {
    what: 'redriven',
    take: move,
    messages: (deadLetters) => decisionMessages('redriven', deadLetters, decided),
  });
}

/** Deletes dead-letter messages for good. See `Engine.discard`. */
export function discardDeadLetters(
  store: Store,
  filter: DeadLetterFilter,
  decided: Decided & { readonly reason: string },
): Promise<number> {
  return decide(store, filter, decided, {
    what: 'discarded',
    take: remove,
    messages: (deadLetters) => decisionMessages('discarded', deadLetters, decided),
  });
}

interface Store {
  readonly database: Database;
  readonly queues: Queues;
  readonly wakeups: WorkerWakeups;
  readonly onAudited: (entry: AuditEntry) => void;
}

/**
 * Moves or deletes the dead-letter messages, sends the messages to the coordinator and records the
 * decision, in one transaction.
 */
async function decide(
  { database, queues, wakeups, onAudited }: Store,
  filter: DeadLetterFilter,
  decided: Decided,
  steps: DecisionSteps,
): Promise<number> {
  const names = await queues.names();
  await queues.ensure(['coordinate', ...names]);
  const result = await database.transaction(async (session) => {
    const found = await find(session, names, filter, 'FOR UPDATE SKIP LOCKED');
    for (const [queue, deadLetters] of Map.groupBy(found, (deadLetter) => deadLetter.queue))
      await steps.take(
        queues.boss,
        session,
        queue,
        deadLetters.map(({ id }) => id),
      );
    const notices = steps.messages(found).map((message) => ({ data: storableMessage(message) }));
    if (notices.length > 0)
      await queues.boss.insert('coordinate', notices, { db: bossOn(session) });
    const decisions = decisionsOf(steps.what, found, decided, Date.now());
    await record(session, decisions);
    const audited = await appendAudit(session, recordsOf(decisions, decided));
    const queuesToWake = new Set(steps.what === 'redriven' ? found.map(({ queue }) => queue) : []);
    if (notices.length > 0) queuesToWake.add('coordinate');
    await database.notifyWorkers(session, [...queuesToWake]);
    return { touched: queuesToWake, audited, deadLetters: found.length };
  });
  result.audited.forEach(onAudited);
  for (const queue of result.touched) wakeups.wake(queue);
  return result.deadLetters;
}

async function move(
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

const remove = async (
  boss: PgBoss,
  session: Session,
  queue: QueueName,
  ids: string[],
): Promise<void> => {
  await boss.deleteJob(deadLetterQueueOf(queue), ids, { db: bossOn(session) });
};

async function record(session: Session, decisions: readonly Decision[]): Promise<void> {
  if (decisions.length > 0)
    await session.query(
      `INSERT INTO propagator.decision (operation_id, body)
       SELECT body->>'operationId', body FROM jsonb_array_elements($1::text::jsonb) AS body`,
      [toJson(decisions)],
    );
}
