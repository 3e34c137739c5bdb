import type { PgBoss } from 'pg-boss';
import * as z from 'zod';
import { deadLetterQueueOf, type Message, type QueueName } from '../../../events/index.ts';
import { ErrorReport } from '../../../events/service.ts';
import { storableMessage } from '../json.ts';
import type { DeadLetter, DeadLetterFilter } from '../port.ts';
import { StoredMessage } from '../records.ts';
import type { Bells } from './bells.ts';
import { bossOn, type Database, engineError, type Session } from './database.ts';
import type { Queues } from './queues.ts';
import { BOSS_SCHEMA } from './schema.ts';

const LISTED_AT_MOST = 10_000;

/** What {@link failure} or `Change.deadLetters` wrote; pg-boss's own words ("job timed out") fit too, and then there is no report. */
const Output = z.object({ error: ErrorReport.optional() }).catch({ error: undefined });
const Letter = z.object({ id: z.string(), queue: z.string(), data: z.unknown(), output: z.unknown(), at: z.number() });

/** What is kept of a throw, beside the message: pg-boss moves it to the dead letter. */
export const failure = (error: z.output<typeof ErrorReport>): object => ({ error });

type Found = {
  readonly id: string;
  readonly queue: QueueName;
  readonly message: Message;
  readonly error: DeadLetter['error'];
  readonly at: number;
};

async function find(session: Session, names: readonly QueueName[], filter: DeadLetterFilter, rest: string): Promise<Found[]> {
  const rows = await session.query(
    `SELECT id::text, name AS queue, data, source_output AS output, extract(epoch FROM created_on)::float8 * 1000 AS at
     FROM ${BOSS_SCHEMA}.job
     WHERE name = ANY($1::text[]) AND state = 'created'
       AND ($2::text IS NULL OR data->'data'->>'service' = $2) AND ($3::text IS NULL OR data->'data'->>'operationId' = $3)
       AND ($4::text IS NULL OR source_output->'error'->>'code' = $4) AND ($5::text IS NULL OR id::text = $5)
     ORDER BY created_on, id ${rest}`,
    [names.map(deadLetterQueueOf), filter.service ?? null, filter.operationId ?? null, filter.cause ?? null, filter.id ?? null],
  );
  const queueOf = new Map(names.map((name) => [String(deadLetterQueueOf(name)), name]));
  return rows.flatMap((row) => {
    const letter = Letter.parse(row);
    const queue = queueOf.get(letter.queue);
    const message = StoredMessage.safeParse(letter.data);
    // A message of another release that this one can't read stays where it is.
    if (queue === undefined || !message.success) return [];
    return [{ id: letter.id, queue, message: message.data, error: Output.parse(letter.output).error, at: Math.round(letter.at) }];
  });
}

/** Oldest first, at most 10,000. See `Engine.deadLetters`. */
export async function listDeadLetters(database: Database, queues: Queues, filter: DeadLetterFilter): Promise<DeadLetter[]> {
  return find(database, await queues.names(), filter, `LIMIT ${LISTED_AT_MOST}`);
}

/** One transaction: the letters back to their queues, and word of it to the coordinator. See `Engine.redrive`. */
export async function redriveDeadLetters(
  database: Database,
  queues: Queues,
  bells: Bells,
  filter: DeadLetterFilter,
  by: string,
): Promise<number> {
  const names = await queues.names();
  await queues.ensure(['coordinate', ...names]);
  const touched = await database.transaction(async (session) => {
    const found = await find(session, names, filter, 'FOR UPDATE SKIP LOCKED');
    for (const [queue, letters] of Map.groupBy(found, (letter) => letter.queue))
      await move(
        queues.boss,
        session,
        queue,
        letters.map(({ id }) => id),
      );
    const told = found.flatMap(({ message }) => (message.type === 'service.requested' ? [message.data] : []));
    const jobs = told.map(({ operationId, taskId }) => ({
      data: storableMessage({ type: 'task.redriven', data: { operationId, taskId, by } }),
    }));
    if (jobs.length > 0) await queues.boss.insert('coordinate', jobs, { db: bossOn(session) });
    const touched = [...found.map(({ queue }) => queue), ...(jobs.length > 0 ? (['coordinate'] as const) : [])];
    await database.announce(session, [...new Set(touched)]);
    return { queues: new Set(touched), letters: found.length };
  });
  for (const queue of touched.queues) bells.ring(queue);
  return touched.letters;
}

async function move(boss: PgBoss, session: Session, queue: QueueName, ids: string[]): Promise<void> {
  const moved = await boss.redrive(deadLetterQueueOf(queue), { ids, destination: queue, limit: ids.length, db: bossOn(session) });
  if (moved !== ids.length)
    throw engineError('redrive', `Only ${moved} of ${ids.length} dead letters of ${queue} could be moved, so none was.`, 'Try again.');
}
