import { createHash } from 'node:crypto';
import type { ToQuery } from './pool.ts';

/** PostgreSQL keeps the plan of each prepared statement in memory. */
const MAX_PREPARED = 300;
/** A statement is prepared when it runs for this time, so that rare statements need no memory. */
const PREPARED_AT_RUN = 3;

/**
 * Returns a function that gives the statements that run often a name. PostgreSQL then parses and
 * plans them once, which takes most of the time of a short statement in the embedded database.
 */
export function createPreparedQueries(): ToQuery {
  const runs = new Map<string, number>();
  const names = new Map<string, string>();
  return (sql, values) => {
    const name = names.get(sql) ?? nameAtRun(sql);
    return { text: sql, values: [...values], ...(name === undefined ? {} : { name }) };
  };

  function nameAtRun(sql: string): string | undefined {
    if (names.size >= MAX_PREPARED) return undefined;
    const run = (runs.get(sql) ?? 0) + 1;
    runs.set(sql, run);
    if (run < PREPARED_AT_RUN) {
      for (const oldest of runs.keys()) if (runs.size > MAX_PREPARED) runs.delete(oldest);
      return undefined;
    }
    runs.delete(sql);
    const name = createHash('sha256').update(sql).digest('hex').slice(0, 32);
    names.set(sql, name);
    return name;
  }
}
