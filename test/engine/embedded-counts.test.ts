import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbedded } from '../../lib/engine/postgres/embedded.ts';
import { openPostgresEngine } from '../../lib/engine/postgres/open.ts';
import { countStarted } from '../../lib/engine/postgres/schema.ts';

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
const COUNT = countStarted('$1', '$2', '$3');

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
      await database.script(OPERATIONS);
      const count = async (...values: unknown[]) =>
        (await database.query(`SELECT ${COUNT} AS number`, values))[0]?.number;
      expect(await count(0, 'project', 'cleanup')).toBe(1000);
      expect(await count(1000, 'project', 'cleanup')).toBe(5);
      expect(await count(0, 'domain', 'cleanup')).toBe(1);
      expect(await count(0, 'project', 'suspend')).toBe(1);
      const constants = countStarted('0', "'project'", "'cleanup'");
      const plan = JSON.stringify(await database.query(`EXPLAIN SELECT ${constants}`));
      expect(plan).toContain('Index Scan using operation_counted');
      expect(plan).not.toContain('Filter');
    } finally {
      await database.close();
    }
  },
  TIMEOUT_MILLIS,
);
