import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openEmbedded } from '../../lib/engine/postgres/embedded.ts';
import { openPostgresEngine } from '../../lib/engine/postgres/open.ts';
import { BOSS_SCHEMA } from '../../lib/engine/postgres/schema.ts';

/** The start of a new database takes half a minute on a busy machine. */
const TIMEOUT_MILLIS = 300_000;
const WAITING = 20_000;
/** The conditions and the order with which pg-boss 12.38 receives messages. */
const NEXT_MESSAGES = `
  SELECT id FROM ${BOSS_SCHEMA}.job_common j
  WHERE name = 'ingest' AND state < 'active' AND NOT blocked AND start_after <= now()
  ORDER BY priority DESC, created_on LIMIT 200 FOR UPDATE OF j SKIP LOCKED`;

let parent: string;
beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), 'receive-'));
});
afterAll(() => rmSync(parent, { recursive: true }));

it(
  'the embedded database reads the next messages from an index, and sorts no waiting messages',
  async () => {
    const dataFolder = join(parent, 'data');
    const engine = await openPostgresEngine({ dataFolder });
    const data = { body: '{}', encoding: 'utf8', source: 'test', receivedAt: 1 } as const;
    const messages = Array.from({ length: 1000 }, () => ({
      type: 'notification.received' as const,
      data,
    }));
    for (let batch = 0; batch < WAITING / messages.length; batch += 1)
      expect(await engine.commit({ messages })).toBe('committed');
    await engine.close();

    const database = await openEmbedded(dataFolder);
    try {
      expect(await database.query(NEXT_MESSAGES)).toHaveLength(200);
      const plan = JSON.stringify(await database.query(`EXPLAIN ${NEXT_MESSAGES}`));
      expect(plan).toContain('Index Scan using job_common_i11');
      expect(plan).not.toContain('Sort');
    } finally {
      await database.close();
    }
  },
  TIMEOUT_MILLIS,
);
