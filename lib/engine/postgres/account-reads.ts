import { toJson } from '../json.ts';
import type { AccountReads } from '../port.ts';
import { StoredAccount } from '../records.ts';
import type { Database, Session } from './database.ts';
import { parseBodies, readNumber } from './rows.ts';

/** Reads the inventory. */
export const accountReads = (database: Database): AccountReads => ({
  async account(type, id) {
    const rows = await database.query(
      'SELECT body FROM propagator.account WHERE type = $1 AND id = $2',
      [type, id],
    );
    return parseBodies(StoredAccount, rows)[0];
  },
  async accounts(type, ids) {
    const rows = ids
      ? await database.query(
          'SELECT body FROM propagator.account WHERE type = $1 AND id IN (SELECT ' +
            'jsonb_array_elements_text($2::text::jsonb)) ORDER BY id',
          [type, toJson(ids)],
        )
      : await database.query('SELECT body FROM propagator.account WHERE type = $1 ORDER BY id', [
          type,
        ]);
    return parseBodies(StoredAccount, rows);
  },
  suspicions: (limit) => readSuspicions(database, limit),
  async accountsWithFoldedId(type, foldedId) {
    const rows = await database.query(
      'SELECT body FROM propagator.account WHERE type = $1 AND folded = $2 ORDER BY id',
      [type, foldedId],
    );
    return parseBodies(StoredAccount, rows);
  },
  async accountsAfter(type, after, limit) {
    const rows = await database.query(
      `SELECT body FROM propagator.account WHERE type = $1 AND ($2::text IS NULL OR id > $2)
       ORDER BY id LIMIT $3`,
      [type, after ?? null, limit],
    );
    return parseBodies(StoredAccount, rows);
  },
  async projectsOf(domainId) {
    const rows = await database.query(
      `SELECT body FROM propagator.account WHERE domain_id = $1 AND type = 'project' ORDER BY id`,
      [domainId],
    );
    return parseBodies(StoredAccount, rows);
  },
  projectsOfMember: (userId) => readProjectsOfMember(database, userId),
  accountCount: () =>
    readNumber(database, 'SELECT count(*)::int AS number FROM propagator.account'),
});

/**
 * Reads the accounts with a suspicious deletion. The undecided deletions are first, then the
 * dropped deletions. Within each group, the newest deletion is first.
 */
async function readSuspicions(
  database: Database,
  limit: number,
): ReturnType<AccountReads['suspicions']> {
  const undecidedCondition = "body ? 'suspicion' AND NOT body->'suspicion' ? 'dropped'";
  const total = await readNumber(
    database,
    `SELECT count(*)::int AS number FROM propagator.account WHERE ${undecidedCondition}`,
  );
  const rows = await database.query(
    `SELECT body FROM propagator.account WHERE body ? 'suspicion'
     ORDER BY (body->'suspicion' ? 'dropped'),
        (body->'suspicion'->>'at')::float8 DESC LIMIT $1`,
    [limit],
  );
  return { total, records: parseBodies(StoredAccount, rows) };
}

async function readProjectsOfMember(
  database: Database,
  userId: string,
): ReturnType<AccountReads['projectsOfMember']> {
  const selectProjects = (session: Session) =>
    session.query(
      "SELECT body FROM propagator.account WHERE type = 'project' AND body->'members' @> " +
        'jsonb_build_array($1::text) ORDER BY id',
      [userId],
    );
  const rows =
    database.kind === 'server'
      ? await selectProjects(database)
      : await database.transaction(async (session) => {
          // The embedded database disables bitmap scans, but only a bitmap scan can use the GIN
          // index on the members.
          await session.query('SET LOCAL enable_bitmapscan = on');
          return selectProjects(session);
        });
  return parseBodies(StoredAccount, rows);
}
