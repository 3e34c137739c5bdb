import type { Database } from './database.ts';
import { BOSS_SCHEMA } from './schema.ts';

/** Lists the tables, each with its file and the columns of its primary key. */
const TABLES = `
  SELECT c.oid::regclass::text AS name, pg_relation_filepath(c.oid) AS file,
    (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.place)
      FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number) AS key
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
  WHERE c.relkind = 'r' AND n.nspname IN ('propagator', $1) ORDER BY 1`;

/** PostgreSQL's SQLSTATE for inconsistent data. `damage.ts` recognizes it. */
const DATA_CORRUPTED = 'XX001';

/**
 * Compares the number of rows in each table with the number of entries in its primary key. If a
 * table file is truncated, PostgreSQL reports no error: the last rows are missing, but the index
 * still has their entries. Throws an error with the SQLSTATE of damaged data and the name of the
 * file.
 */
export async function checkTables(database: Database): Promise<void> {
  await database.transaction(async (session) => {
    const counted = async (from: string): Promise<number> =>
      Number((await session.query(`SELECT count(*) AS rows FROM ${from}`))[0]?.rows);
    const tables = await session.query(TABLES, [BOSS_SCHEMA]);
    const rows = new Map<unknown, number>();
    for (const { name } of tables) rows.set(name, await counted(String(name)));
    for (const way of ['seqscan', 'bitmapscan', 'sort'])
      await session.query(`SET LOCAL enable_${way} = off`);
    for (const { name, file, key } of tables) {
      const indexed = await counted(`(SELECT FROM ${name} ORDER BY ${key} OFFSET 0) AS one`);
      if (indexed === rows.get(name)) continue;
      const message = `${file} has ${rows.get(name)} rows of ${name}, and its index has ${indexed}`;
      throw Object.assign(new Error(message), { code: DATA_CORRUPTED });
    }
  });
}
