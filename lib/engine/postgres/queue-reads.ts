import * as z from 'zod';
import { deadLetterQueueOf } from '../../../events/index.ts';
import type { QueueReads } from '../port.ts';
import type { Database } from './database.ts';
import { isQueueName } from './queues.ts';
import { BOSS_SCHEMA } from './schema.ts';

/**
 * Returns a subquery for the time at which the first message in this state is due. The subquery
 * reads one entry of an index of pg-boss. A count of the due messages would read every row.
 */
const firstDueAtSql = (state: 'created' | 'retry'): string =>
  `(SELECT start_after FROM ${BOSS_SCHEMA}.job WHERE name = $1 AND state = '${state}' ` +
  'AND NOT blocked ORDER BY start_after LIMIT 1)';
const SELECT_HAS_UNFINISHED =
  `SELECT coalesce(least(${firstDueAtSql('created')}, ` +
  `${firstDueAtSql('retry')}) <= now(), false) ` +
  `OR EXISTS (SELECT 1 FROM ${BOSS_SCHEMA}.job WHERE name = $1 AND state = 'active') AS due`;

const Depth = z.object({
  name: z.string(),
  ready: z.number(),
  delayed: z.number(),
  active: z.number(),
});

/** Reads the numbers of messages from the tables of pg-boss. */
export const queueReads = (database: Database): QueueReads => ({
  async hasUnfinished(queue) {
    const [row] = await database.query(SELECT_HAS_UNFINISHED, [queue]);
    return row?.due === true;
  },
  async depths() {
    const rows = await database.query(`
      SELECT q.name,
        count(*) FILTER (WHERE j.state < 'active' AND j.start_after <= now())::int AS ready,
        count(*) FILTER (WHERE j.state < 'active' AND j.start_after > now())::int AS delayed,
        count(*) FILTER (WHERE j.state = 'active')::int AS active
      FROM ${BOSS_SCHEMA}.queue q LEFT JOIN ${BOSS_SCHEMA}.job j ON j.name = q.name
      GROUP BY q.name ORDER BY q.name`);
    const depths = new Map(
      rows.map((row) => Depth.parse(row)).map(({ name, ...depth }) => [name, depth]),
    );
    return Object.fromEntries(
      [...depths].flatMap(([name, depth]) =>
        isQueueName(name)
          ? [[name, { ...depth, dead: depths.get(deadLetterQueueOf(name))?.ready ?? 0 }]]
          : [],
      ),
    );
  },
});
