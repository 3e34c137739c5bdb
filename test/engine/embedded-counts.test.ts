import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbedded } from '../../lib/engine/postgres/embedded.ts';
import { openPostgresEngine } from '../../lib/engine/postgres/open.ts';
import { countStartedSql } from '../../lib/engine/postgres/schema.ts';

/** The start of a new database takes half a minute on a busy machine. */
const TIMEOUT_MILLIS = 300_000;
/** 1000 operations that count, and four operations that differ in one condition each. */
const OPERATIONS = `
  INSERT INTO propagator.operation (id, scope_type, scope_id, mode, state, generation, opened_at,
      started_at, version, body)
  SELECT 'op-' || n, CASE n WHEN 1 THEN 'domain' ELSE 'project' END, 'id',
    CASE n WHEN 2 THEN 'observe' ELSE 'enforce' END, 'running', 1, 1, n, 1,
    jsonb_build_object('action', CASE n WHEN 3 THEN 'suspend' ELSE 'cleanup' END, 'cause',
      CASE n WHEN 4 THEN '{"suspicious": {}}'::jsonb ELSE '{}'::jsonb END)
  FROM generate_series(1, 1004) n`;
const COUNT = countStartedSql('$1', '$2', '$3');

/** Changes only the body, as most steps of an operation do. */
const UPDATE_BODY = `
  UPDATE propagator.operation SET version = version + 1,
    body = body || jsonb_build_object('version', version + 1)
  WHERE id = 'op-7'`;
const INDEX_ENTRIES_UNCHANGED = `
  SELECT pg_stat_get_xact_tuples_hot_updated('propagator.operation'::regclass)::int AS number`;

let parent: string;
beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), 'counts-'));
});
afterAll(() => rmSync(parent, { recursive: true }));

it(
  'the embedded database counts started operations in an index, without their bodies',
  async () => {
    const dataFolder = join(parent, 'data');
    await (await openPostgresEngine({ dataFolder })).close();
    const database = await openEmbedded(dataFolder);
    try {
      await database.runScript(OPERATIONS);
      const count = async (...values: unknown[]) =>
        (await database.query(`SELECT ${COUNT} AS number`, values))[0]?.number;
      expect(await count(0, 'project', 'cleanup')).toBe(1000);
      expect(await count(1000, 'project', 'cleanup')).toBe(5);
      expect(await count(0, 'domain', 'cleanup')).toBe(1);
      expect(await count(0, 'project', 'suspend')).toBe(1);
      for (const counted of [
        `SELECT ${countStartedSql('0', "'project'", "'cleanup'")}`,
        `SELECT ${countStartedSql('0', 'o.scope_type', 'o.action')}
          FROM propagator.operation o WHERE o.id = 'op-7'`,
      ]) {
        const plan = JSON.stringify(await database.query(`EXPLAIN ${counted}`));
        expect(plan).toMatch(/Index (Only )?Scan using operation_counted/);
        expect(plan).not.toContain('Filter');
      }
    } finally {
      await database.close();
    }
  },
  TIMEOUT_MILLIS,
);

it(
  'an update of the body of an operation adds no entry to an index',
  async () => {
    const dataFolder = join(parent, 'updates');
    await (await openPostgresEngine({ dataFolder })).close();
    const database = await openEmbedded(dataFolder);
    try {
      await database.runScript(
        `${OPERATIONS}; DELETE FROM propagator.operation WHERE id <> 'op-7'`,
      );
      await database.runScript('VACUUM propagator.operation');
      const [row] = await database.transaction(async (session) => {
        for (let updates = 0; updates < 3; updates += 1) await session.query(UPDATE_BODY);
        return session.query(INDEX_ENTRIES_UNCHANGED);
      });
      expect(row?.number).toBe(3);
    } finally {
      await database.close();
    }
  },
  TIMEOUT_MILLIS,
);
