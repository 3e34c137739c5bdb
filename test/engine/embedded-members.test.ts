import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ProjectId, UserId } from '../../events/ids.ts';
import { openEmbedded } from '../../lib/engine/postgres/embedded.ts';
import { openPostgresEngine } from '../../lib/engine/postgres/open.ts';
import { readsOf } from '../../lib/engine/postgres/reads.ts';

/** The start of a new database takes half a minute on a busy machine. */
const TIMEOUT_MILLIS = 300_000;
const PROJECTS = 5000;
const MEMBER = UserId.parse('ann');

let parent: string;
beforeAll(() => {
  parent = mkdtempSync(join(tmpdir(), 'members-'));
});
afterAll(() => rmSync(parent, { recursive: true }));

it(
  'the embedded database finds the projects of a user with an index',
  async () => {
    const dataFolder = join(parent, 'data');
    const engine = await openPostgresEngine({ dataFolder });
    const accounts = Array.from({ length: PROJECTS }, (_, index) => ({
      account: {
        type: 'project' as const,
        id: ProjectId.parse(`p${index}`),
        name: `p${index}`,
        enabled: true,
      },
      seenAt: 1,
      deletedAt: undefined,
      members: [UserId.parse(`u${index}`), ...(index === 7 ? [MEMBER] : [])],
    }));
    for (let from = 0; from < PROJECTS; from += 1000)
      expect(await engine.commit({ accounts: accounts.slice(from, from + 1000) })).toBe(
        'committed',
      );
    await engine.close();

    const database = await openEmbedded(dataFolder);
    try {
      const projects = await readsOf(database).projectsOfMember(MEMBER);
      expect(projects.map(({ account }) => account.id)).toEqual(['p7']);
      await database.query('SELECT pg_stat_force_next_flush()');
      const [row] = await database.query(
        'SELECT idx_scan::int AS scans FROM pg_stat_user_indexes ' +
          "WHERE indexrelname = 'account_members'",
      );
      expect(row?.scans).toBe(1);
      // Batches of a queue are read without bitmap scans (embedded-receive.test.ts).
      const setting = "SELECT current_setting('enable_bitmapscan') AS value";
      expect(await database.query(setting)).toEqual([{ value: 'off' }]);
    } finally {
      await database.close();
    }
  },
  TIMEOUT_MILLIS,
);
