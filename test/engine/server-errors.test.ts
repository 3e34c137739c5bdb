import pg from 'pg';
import { ConnectionPool, unnamedQuery } from '../../lib/engine/postgres/pool.ts';
import { type Postgresql, startPostgresql } from './postgresql.ts';

let postgresql: Postgresql;
let pool: ConnectionPool;
let databaseUrl: string;
const lostConnections: Error[] = [];
beforeAll(async () => {
  postgresql = await startPostgresql();
  databaseUrl = await postgresql.createDatabase();
  pool = new ConnectionPool(new pg.Pool({ connectionString: databaseUrl, max: 2 }), {
    toQuery: unnamedQuery,
    removesFailedClients: true,
    onIdleError: (error) => lostConnections.push(error),
  });
}, 60_000);
afterAll(async () => {
  await pool.end();
  await postgresql.stop();
});

describe('the connections to a PostgreSQL server', () => {
  it('are in no transaction after several statements of which one failed', async () => {
    const statements = unnamedQuery('BEGIN; SELECT 1 / 0; COMMIT', []);
    for (let run = 0; run < 4; run += 1) {
      await expect(pool.runScript(statements)).rejects.toMatchObject({ code: '22012' });
      expect(await pool.query('SELECT 1 AS one')).toEqual([{ one: 1 }]);
      expect(await pool.transaction((session) => session.query('SELECT 2 AS two'))).toEqual([
        { two: 2 },
      ]);
    }
  });

  it.each([
    ['a statement', () => pool.query('SELECT pg_sleep(60)')],
    [
      'several statements',
      () => pool.runScript(unnamedQuery('BEGIN; SELECT pg_sleep(60); COMMIT', [])),
    ],
    ['a transaction', () => pool.transaction((session) => session.query('SELECT pg_sleep(60)'))],
  ])('are not used again after the server terminated one during %s', async (_, run) => {
    const terminated = expect(run()).rejects.toMatchObject({ code: '57P01' });
    const terminate =
      'SELECT pg_terminate_backend(pid) AS done FROM pg_stat_activity ' +
      "WHERE query LIKE '%pg_sleep(60)%' AND pid <> pg_backend_pid() AND state = 'active'";
    let rows: unknown[] = [];
    while (rows.length === 0) rows = await pool.query(terminate);
    await terminated;
    const results = await Promise.all([1, 2, 3].map((n) => pool.query('SELECT $1::int AS n', [n])));
    expect(results).toEqual([[{ n: 1 }], [{ n: 2 }], [{ n: 3 }]]);
  });
});
