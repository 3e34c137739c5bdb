import { createHash } from 'node:crypto';
import type { ToQuery } from './pool.ts';

/** The limit of prepared statements. PostgreSQL keeps the plan of each of them in memory. */
const MAX_PREPARED_STATEMENTS = 300;
/** A statement is prepared at its third run, so that rare statements need no memory. */
const PREPARED_AT_RUN = 3;
/**
 * The limit of statements whose runs are counted. Above this limit, all counts start again at 0.
 */
const MAX_COUNTED_STATEMENTS = 1000;

/**
 * Returns a function that gives a name to each statement that runs often. PostgreSQL parses and
 * plans a named statement only once. In the embedded database, parsing and planning take most of
 * the time of a short statement.
 */
export function createPreparedQueries(): ToQuery {
  const runCountBySql = new Map<string, number>();
  const nameBySql = new Map<string, string>();

  const toQuery: ToQuery = (sql, values) => {
    if (!nameBySql.has(sql) && nameBySql.size < MAX_PREPARED_STATEMENTS) countRun(sql);
    const name = nameBySql.get(sql);
    return { text: sql, values: [...values], ...(name === undefined ? {} : { name }) };
  };

  /** Counts a run of a statement without a name, and names it when it runs often enough. */
  function countRun(sql: string): void {
    const runs = (runCountBySql.get(sql) ?? 0) + 1;
    runCountBySql.set(sql, runs);
    if (runs >= PREPARED_AT_RUN) {
      runCountBySql.delete(sql);
      nameBySql.set(sql, createHash('sha256').update(sql).digest('hex').slice(0, 32));
    } else if (runCountBySql.size > MAX_COUNTED_STATEMENTS) runCountBySql.clear();
  }

  return toQuery;
}
