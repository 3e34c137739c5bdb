import type { PgBoss } from 'pg-boss';
import type { Database } from './database.ts';
import { DEFAULT_RETRY } from './queues.ts';
import { BOSS_SCHEMA } from './schema.ts';

/**
 * A process that has sent no heartbeat for this time counts as dead. Other processes then receive
 * its messages.
 */
export const MAX_SILENCE_SECONDS = 30;
/**
 * The interval at which each process sends its heartbeat and requeues the messages of dead
 * processes.
 */
export const HEARTBEAT_SECONDS = 8;

/**
 * The maximum number of deliveries of a message whose processes die. A process may die because of
 * one of its messages, or because an administrator kills it. The death counts as a failed delivery
 * of all messages that the process has received, also of messages that did not cause it. Each death
 * therefore increases the permitted number of deliveries of each of these messages by one, up to
 * this limit. A message that reaches the limit becomes a dead letter, because it probably kills its
 * process.
 */
const MAX_DELIVERIES = 20;

/**
 * Requeues the active messages of dead processes. `processes`: `silent` for the processes without a
 * heartbeat; `all` at the start of the only process of a database, because all earlier processes
 * are dead. The first retry is immediate. Later retries have a back-off of up to 30 s, because a
 * message could kill its process at every start. Returns the queues with requeued messages.
 */
export async function requeueOrphanedMessages(
  database: Database,
  boss: PgBoss,
  processes: 'silent' | 'all',
): Promise<string[]> {
  const silentCondition = ` AND heartbeat_on < now() - interval '${MAX_SILENCE_SECONDS} seconds'`;
  const orphanedCondition = `state = 'active'${processes === 'all' ? '' : silentCondition}`;
  const requeuedRows = await database.query(`
    UPDATE ${BOSS_SCHEMA}.job SET state = 'retry', heartbeat_on = NULL,
      retry_limit = greatest(retry_limit, least(retry_limit + 1, ${MAX_DELIVERIES - 1})),
      start_after = now() + least(30, retry_count * retry_count) * interval '1 second'
    WHERE ${orphanedCondition} AND retry_count < ${MAX_DELIVERIES - 1} RETURNING name`);
  const exhaustedRows = await database.query(
    `SELECT name, id FROM ${BOSS_SCHEMA}.job WHERE ${orphanedCondition}`,
  );
  for (const { name, id } of exhaustedRows) await boss.fail(String(name), String(id));
  return [...new Set(requeuedRows.map(({ name }) => String(name)))];
}

/** Returns unfinished messages to their queues, and does not count their delivery. */
export async function returnUnfinishedMessages(
  database: Database,
  ids: readonly string[],
): Promise<void> {
  if (ids.length > 0)
    await database.query(
      `UPDATE ${BOSS_SCHEMA}.job SET state = 'created', started_on = NULL, heartbeat_on = ` +
        "NULL WHERE state = 'active' AND id = ANY($1::uuid[])",
      [ids],
    );
}

/**
 * Makes messages due whose delay has ended by the clock of this process. Without this statement, a
 * message would become due too late if the clock of the database was set back during the delay.
 */
export async function makeDue(
  database: Database,
  queue: string,
  ids: readonly string[],
): Promise<void> {
  if (ids.length > 0)
    await database.query(
      `UPDATE ${BOSS_SCHEMA}.job SET start_after = now()
        WHERE name = $1 AND id = ANY($2::uuid[]) AND state = 'created'
          AND start_after > now() + interval '500 milliseconds'`,
      [queue, ids],
    );
}

/**
 * Limits the delays of all messages, because the clock of the database may have been set back. If
 * the creation time of a delayed message is in the future, its delay starts again now. The wait
 * before the retry of a failed message is cut to the longest back-off.
 */
export async function limitDelays(database: Database): Promise<void> {
  const { maxDelaySeconds } = DEFAULT_RETRY;
  await database.query(`
    UPDATE ${BOSS_SCHEMA}.job SET created_on = now(),
      start_after = now() + (start_after - created_on)
    WHERE state = 'created' AND created_on > now() + interval '5 seconds'`);
  await database.query(`
    UPDATE ${BOSS_SCHEMA}.job SET start_after = now() + interval '${maxDelaySeconds} seconds'
    WHERE state = 'retry'
      AND start_after > now() + interval '${maxDelaySeconds + 5} seconds'`);
}
