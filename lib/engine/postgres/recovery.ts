import type { PgBoss } from 'pg-boss';
import type { Database } from './database.ts';
import { RETRY } from './queues.ts';
import { BOSS_SCHEMA } from './schema.ts';

/**
 * A process without a heartbeat for this time counts as dead. Other processes then receive its
 * messages.
 */
export const SILENT_SECONDS = 30;
/**
 * Interval of the heartbeat. At the same interval each process requeues the messages of dead
 * processes.
 */
export const HEARTBEAT_SECONDS = 8;

/**
 * The maximum number of deliveries if the process dies during each delivery. When a process dies, a
 * delivery counts for each of its messages, although only one message, or an administrator, caused
 * the death. Each death therefore allows one more delivery, up to this limit. After this limit the
 * message is given up, because it probably kills its process.
 */
const MAX_DELIVERIES = 20;

/**
 * Requeues messages of dead processes: messages in progress without a heartbeat. With `everything`,
 * which the only process of a database passes at its start, it requeues all messages in progress.
 * The first retry is immediate. Later retries have a back-off of up to 30 s, because a message
 * could kill its process at every start. Returns the queues with new messages.
 */
export async function requeueOrphaned(
  database: Database,
  boss: PgBoss,
  everything: boolean,
): Promise<string[]> {
  const silent = ` AND heartbeat_on < now() - interval '${SILENT_SECONDS} seconds'`;
  const lost = `state = 'active'${everything ? '' : silent}`;
  const requeued = await database.query(`
    UPDATE ${BOSS_SCHEMA}.job SET state = 'retry', heartbeat_on = NULL,
      retry_limit = greatest(retry_limit, least(retry_limit + 1, ${MAX_DELIVERIES - 1})),
      start_after = now() + least(30, retry_count * retry_count) * interval '1 second'
    WHERE ${lost} AND retry_count < ${MAX_DELIVERIES - 1} RETURNING name`);
  const deadly = await database.query(`SELECT name, id FROM ${BOSS_SCHEMA}.job WHERE ${lost}`);
  for (const { name, id } of deadly) await boss.fail(String(name), String(id));
  return [...new Set(requeued.map(({ name }) => String(name)))];
}

/** Returns messages to the queue, and does not count their delivery. */
export async function releaseUnstarted(database: Database, ids: readonly string[]): Promise<void> {
  if (ids.length > 0)
    await database.query(
      `UPDATE ${BOSS_SCHEMA}.job SET state = 'created', started_on = NULL, heartbeat_on = ` +
        "NULL WHERE state = 'active' AND id = ANY($1::uuid[])",
      [ids],
    );
}

/**
 * Makes delayed messages due after their delay on this process's monotonic clock. The clock of the
 * database may have been set back.
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
 * Limits the delay of messages after the clock of the database was set back. If the creation time
 * of a message is in the future, its delay starts again now. A retry waits at most the longest
 * back-off.
 */
export async function boundWaits(database: Database): Promise<void> {
  await database.query(`
    UPDATE ${BOSS_SCHEMA}.job SET created_on = now(),
      start_after = now() + (start_after - created_on)
    WHERE state = 'created' AND created_on > now() + interval '5 seconds'`);
  await database.query(`
    UPDATE ${BOSS_SCHEMA}.job SET start_after = now() + interval '${RETRY.maxDelaySeconds} seconds'
    WHERE state = 'retry'
      AND start_after > now() + interval '${RETRY.maxDelaySeconds + 5} seconds'`);
}
