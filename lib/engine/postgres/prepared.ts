import { createHash } from 'node:crypto';
import type { ToQuery } from './pool.ts';

/** PostgreSQL keeps the plan of each prepared statement in memory. */
const MAX_PREPARED = 300;
/** A statement is prepared at this run, so that rare statements need no memory. */
const PREPARED_AT_RUN = 3;
/** The number of statements whose runs are counted. Above it, the count starts again. */
const MAX_COUNTED = 1000;

/**
 * Returns a function that gives the statements that run often a name. PostgreSQL then parses and
 * plans them once, which takes most of the time of a short statement in the embedded database.
 */
export function createPreparedQueries(): ToQuery {
  const runsBySql = new Map<string, number>();
  const nameBySql = new Map<string, string>();

  const toQuery: ToQuery = (sql, values) => {
    if (!nameBySql.has(sql) && nameBySql.size < MAX_PREPARED) countRun(sql);
    const name = nameBySql.get(sql);
    return { text: sql, values: [...values], ...(name === undefined ? {} : { name }) };
  };

  /** Counts a run of a statement without a name, and names it when it runs often enough. */
  function countRun(sql: string): void {
    const runs = (runsBySql.get(sql) ?? 0) + 1;
    runsBySql.set(sql, runs);
    if (runs >= PREPARED_AT_RUN) {
      runsBySql.delete(sql);
      nameBySql.set(sql, createHash('sha256').update(sql).digest('hex').slice(0, 32));
    } else if (runsBySql.size > MAX_COUNTED) runsBySql.clear();
  }

  return toQuery;
}
