import type { Database } from './database.ts';
import { BOSS_SCHEMA } from './schema.ts';

/** Lists the tables, each with its file and the columns of its primary key. */
const SELECT_TABLES = `
  SELECT c.oid::regclass::text AS name, pg_relation_filepath(c.oid) AS file,
    (SELECT string_agg(quote_ident(a.attname), ', ' ORDER BY k.place)
      FROM unnest(i.indkey::int2[]) WITH ORDINALITY AS k (number, place)
      JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = k.number) AS key
  FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace
    JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
  WHERE c.relkind = 'r' AND n.nspname IN ('propagator', $1) ORDER BY 1`;

/** The SQLSTATE of PostgreSQL for damaged data, which `damage.ts` converts to a clear error. */
const DATA_CORRUPTED = 'XX001';

/**
 * Compares the number of rows in each table with the number of entries in the index of its primary
 * key. PostgreSQL itself does not notice that the file of a table was cut: the last rows are
 * missing, and the index still has their entries. Throws an error with the SQLSTATE of damaged data
 * and the name of the file if the numbers differ.
 */
export async function checkTables(database: Database): Promise<void> {
  await database.transaction(async (session) => {
    const countRows = async (from: string): Promise<number> =>
      Number((await session.query(`SELECT count(*) AS rows FROM ${from}`))[0]?.rows);
    const tables = await session.query(SELECT_TABLES, [BOSS_SCHEMA]);
    const rowCounts = new Map<unknown, number>();
    for (const { name } of tables) rowCounts.set(name, await countRows(String(name)));
    // When these plans are off, PostgreSQL must scan the index, so the next statements count its
    // entries.
    for (const plan of ['seqscan', 'bitmapscan', 'sort'])
      await session.query(`SET LOCAL enable_${plan} = off`);
    for (const { name, file, key } of tables) {
      const indexedCount = await countRows(`(SELECT FROM ${name} ORDER BY ${key} OFFSET 0) AS one`);
      const rowCount = rowCounts.get(name);
      if (indexedCount === rowCount) continue;
      const message = `${file} has ${rowCount} rows of ${name}, and its index has ${indexedCount}`;
      throw Object.assign(new Error(message), { code: DATA_CORRUPTED });
    }
  });
}
