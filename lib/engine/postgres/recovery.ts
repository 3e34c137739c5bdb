import type { PgBoss } from 'pg-boss';
import type { Database } from './database.ts';
import { RETRY } from './queues.ts';
import { BOSS_SCHEMA } from './schema.ts';

/** A process that gave no sign of life for so long is dead; its messages go to others. */
export const SILENT_SECONDS = 30;
/** How often a process says that it still holds its messages, and looks for those of the dead. */
export const SIGN_OF_LIFE_SECONDS = 8;

/**
 * A message whose process died was delivered, so its receive count rises; but the death may be
 * another message's doing, or an administrator's. So each death adds one delivery to what is
 * allowed, up to this many: only what kills again and again is given up.
 */
const DELIVERIES_AT_MOST = 20;

/**
 * Hands out again what processes held that are dead: all that is taken (`everything`, at the start
 * of the only process), or all without a sign of life. The first time at once, then with a pause
 * that grows to 30 s, lest a message that kills the process kills it at each start. Returns the
 * queues that have something to take.
 */
export async function requeueOrphaned(
  database: Database,
  boss: PgBoss,
  everything: boolean,
): Promise<string[]> {
  const lost = `state = 'active'${everything ? '' : ` AND heartbeat_on < now() - interval '${SILENT_SECONDS} seconds'`}`;
  const back = await database.query(`
    UPDATE ${BOSS_SCHEMA}.job SET state = 'retry', heartbeat_on = NULL,
      retry_limit = greatest(retry_limit, least(retry_limit + 1, ${DELIVERIES_AT_MOST - 1})),
      start_after = now() + least(30, retry_count * retry_count) * interval '1 second'
    WHERE ${lost} AND retry_count < ${DELIVERIES_AT_MOST - 1} RETURNING name`);
  const deadly = await database.query(`SELECT name, id FROM ${BOSS_SCHEMA}.job WHERE ${lost}`);
  for (const { name, id } of deadly) await boss.fail(String(name), String(id));
  return [...new Set(back.map(({ name }) => String(name)))];
}

/** Puts messages back as if they had not been taken: the next delivery counts as this one. */
export async function putBack(database: Database, ids: readonly string[]): Promise<void> {
  if (ids.length > 0)
    await database.query(
      `UPDATE ${BOSS_SCHEMA}.job SET state = 'created', started_on = NULL, heartbeat_on = NULL WHERE state = 'active' AND id = ANY($1::uuid[])`,
      [ids],
    );
}

/**
 * Makes delayed messages due that have waited as long as was asked by the monotonic clock of this
 * process, whatever the clock of the database says.
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
 * A message that was sent in the future was sent before the clock of the database was set back, for
 * instance while no process ran. It waits from now on as long as was asked, and not until that
 * future; one that failed waits no longer than the longest pause between two deliveries.
 */
export async function boundWaits(database: Database): Promise<void> {
  await database.query(`
    UPDATE ${BOSS_SCHEMA}.job SET created_on = now(), start_after = now() + (start_after - created_on)
    WHERE state = 'created' AND created_on > now() + interval '5 seconds'`);
  await database.query(`
    UPDATE ${BOSS_SCHEMA}.job SET start_after = now() + interval '${RETRY.longestSeconds} seconds'
    WHERE state = 'retry' AND start_after > now() + interval '${RETRY.longestSeconds + 5} seconds'`);
}
