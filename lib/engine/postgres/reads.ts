import * as z from 'zod';
import { deadLetterQueueOf } from '../../../events/index.ts';
import { storable, toJson } from '../json.ts';
import type { Reads } from '../port.ts';
import {
  StoredAccount,
  StoredDecision,
  StoredOperation,
  StoredQuarantine,
  StoredStopDecision,
  StoredTask,
  StoredWaiver,
} from '../records.ts';
import { readAuditHead, readAuditRows } from './audit.ts';
import type { Database, Row } from './database.ts';
import { isQueueName } from './queues.ts';
import { BOSS_SCHEMA } from './schema.ts';

const MAX_LISTED = 100;

const bodies = <Schema extends z.ZodType>(
  schema: Schema,
  rows: readonly Row[],
): z.output<Schema>[] => rows.map(({ body }) => schema.parse(body));

/** Reads one index entry of pg-boss for each state. A count would read every row. */
const firstDueAt = (state: 'created' | 'retry'): string =>
  `(SELECT start_after FROM ${BOSS_SCHEMA}.job WHERE name = $1 AND state = '${state}' ` +
  'AND NOT blocked ORDER BY start_after LIMIT 1)';
const HAS_DUE =
  `SELECT coalesce(least(${firstDueAt('created')}, ${firstDueAt('retry')}) <= now(), false) ` +
  `OR EXISTS (SELECT 1 FROM ${BOSS_SCHEMA}.job WHERE name = $1 AND state = 'active') AS due`;

const Depth = z.object({
  name: z.string(),
  ready: z.number(),
  delayed: z.number(),
  active: z.number(),
});

/** Implements `Reads` on our tables. Throws a ZodError for a row that this release cannot read. */
export function readsOf(database: Database): Reads {
  const one = async (sql: string, ...values: unknown[]) => (await database.query(sql, values))[0];
  const number = async (sql: string, ...values: unknown[]) =>
    z.number().parse((await one(sql, ...values))?.number);

  const stopDecisions = async (limit: number) =>
    bodies(
      StoredStopDecision,
      await database.query(
        'SELECT body FROM propagator.stop_decision ORDER BY sequence DESC LIMIT $1',
        [limit],
      ),
    );

  return {
    async operation(id) {
      const [operation] = bodies(
        StoredOperation,
        await database.query('SELECT body FROM propagator.operation WHERE id = $1', [id]),
      );
      return operation;
    },
    async operationsAbout(type, id) {
      const rows = await database.query(
        'SELECT body FROM propagator.operation WHERE scope_type = $1 AND scope_id = $2 ORDER ' +
          'BY generation DESC, opened_at DESC',
        [type, id],
      );
      return bodies(StoredOperation, rows);
    },
    async operations({ state, projectId, domainId, userId, parentId, limit = MAX_LISTED }) {
      const rows = await database.query(
        `SELECT body FROM propagator.operation
         WHERE ($1::text IS NULL OR state = $1)
            AND ($2::text IS NULL OR (scope_type = 'project' AND scope_id = $2))
           AND ($3::text IS NULL OR domain_id = $3) AND ($4::text IS NULL OR parent_id = $4)
           AND ($5::text IS NULL OR (scope_type = 'user' AND scope_id = $5))
         ORDER BY opened_at DESC, id LIMIT $6`,
        [
          state ?? null,
          projectId ?? null,
          domainId ?? null,
          parentId ?? null,
          userId ?? null,
          limit,
        ],
      );
      return bodies(StoredOperation, rows);
    },
    async tasks(operationId) {
      return bodies(
        StoredTask,
        await database.query(
          'SELECT body FROM propagator.task WHERE operation_id = $1 ORDER BY id',
          [operationId],
        ),
      );
    },
    async task(id) {
      const [task] = bodies(
        StoredTask,
        await database.query('SELECT body FROM propagator.task WHERE id = $1', [id]),
      );
      return task;
    },
    countStartedSince: (at, type, action = 'cleanup') =>
      number(
        `SELECT count(*)::int AS number FROM propagator.operation
          WHERE started_at >= $1 AND mode = 'enforce' AND scope_type = $2
         AND body->>'action' = $3 AND NOT body->'cause' ? 'suspicious'`,
        at,
        type,
        action,
      ),
    async account(type, id) {
      const rows = await database.query(
        'SELECT body FROM propagator.account WHERE type = $1 AND id = $2',
        [type, id],
      );
      return bodies(StoredAccount, rows)[0];
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
      return bodies(StoredAccount, rows);
    },
    async suspicions(limit) {
      const open = "body ? 'suspicion' AND NOT body->'suspicion' ? 'dropped'";
      const total = await number(
        `SELECT count(*)::int AS number FROM propagator.account WHERE ${open}`,
      );
      const rows = await database.query(
        `SELECT body FROM propagator.account WHERE body ? 'suspicion'
         ORDER BY (body->'suspicion' ? 'dropped'),
            (body->'suspicion'->>'at')::float8 DESC LIMIT $1`,
        [limit],
      );
      return { total, records: bodies(StoredAccount, rows) };
    },
    async accountsWithFoldedId(type, folded) {
      const rows = await database.query(
        'SELECT body FROM propagator.account WHERE type = $1 AND folded = $2 ORDER BY id',
        [type, folded],
      );
      return bodies(StoredAccount, rows);
    },
    async accountsAfter(type, after, limit) {
      const rows = await database.query(
        `SELECT body FROM propagator.account WHERE type = $1 AND ($2::text IS NULL OR id > $2)
         ORDER BY id LIMIT $3`,
        [type, after ?? null, limit],
      );
      return bodies(StoredAccount, rows);
    },
    async projectsOf(domainId) {
      const rows = await database.query(
        `SELECT body FROM propagator.account WHERE domain_id = $1 AND type = 'project' ORDER BY id`,
        [domainId],
      );
      return bodies(StoredAccount, rows);
    },
    async projectsOfMember(userId) {
      const rows = await database.query(
        "SELECT body FROM propagator.account WHERE type = 'project' AND body->'members' @> " +
          'jsonb_build_array($1::text) ORDER BY id',
        [userId],
      );
      return bodies(StoredAccount, rows);
    },
    async coverageWaivers() {
      return bodies(
        StoredWaiver,
        await database.query('SELECT body FROM propagator.waiver ORDER BY type'),
      );
    },
    async stopDecision() {
      return (await stopDecisions(1))[0];
    },
    stopDecisions,
    async documents(collection, partition, prefix = '') {
      const rows = await database.query(
        `SELECT key, version, body FROM propagator.document
         WHERE collection = $1 AND partition = $2 AND starts_with(key, $3)
         ORDER BY key COLLATE "C"`,
        [collection, storable(partition), storable(prefix)],
      );
      return rows.map(({ key, version, body }) => ({
        collection,
        partition,
        id: String(key),
        version: Number(version),
        value: body,
      }));
    },
    auditRows: (from, limit) => readAuditRows(database, from, limit),
    auditHead: () => readAuditHead(database),
    accountCount: () => number('SELECT count(*)::int AS number FROM propagator.account'),
    async seen(messageIds) {
      const rows = await database.query(
        'SELECT id FROM propagator.seen WHERE id IN (SELECT ' +
          'jsonb_array_elements_text($1::text::jsonb))',
        [toJson(messageIds)],
      );
      const found = new Set(rows.map(({ id }) => id));
      return new Set(messageIds.filter((id) => found.has(storable(id))));
    },
    async decisions({ operationId, limit }) {
      const rows = await database.query(
        'SELECT body FROM propagator.decision WHERE ($1::text IS NULL OR operation_id = $1) ' +
          'ORDER BY sequence DESC LIMIT $2',
        [operationId ?? null, limit],
      );
      return bodies(StoredDecision, rows);
    },
    async quarantine(limit) {
      const total = await number('SELECT count(*)::int AS number FROM propagator.quarantine');
      const rows = await database.query(
        'SELECT record AS body FROM propagator.quarantine ORDER BY sequence DESC LIMIT $1',
        [limit],
      );
      return { total, records: bodies(StoredQuarantine, rows) };
    },
    async counters() {
      const rows = await database.query(
        'SELECT name, value::float8 AS value FROM propagator.counter ORDER BY name',
      );
      return Object.fromEntries(rows.map(({ name, value }) => [String(name), Number(value)]));
    },
    async hasDue(queue) {
      const [row] = await database.query(HAS_DUE, [queue]);
      return row?.due === true;
    },
    async depths() {
      const rows = await database.query(`
        SELECT q.name,
          count(*) FILTER (WHERE j.state < 'active' AND j.start_after <= now())::int AS ready,
          count(*) FILTER (WHERE j.state < 'active' AND j.start_after > now())::int AS delayed,
          count(*) FILTER (WHERE j.state = 'active')::int AS active
        FROM ${BOSS_SCHEMA}.queue q LEFT JOIN ${BOSS_SCHEMA}.job j ON j.name = q.name
        GROUP BY q.name ORDER BY q.name`);
      const depths = new Map(
        rows.map((row) => Depth.parse(row)).map(({ name, ...depth }) => [name, depth]),
      );
      return Object.fromEntries(
        [...depths].flatMap(([name, depth]) =>
          isQueueName(name)
            ? [[name, { ...depth, dead: depths.get(deadLetterQueueOf(name))?.ready ?? 0 }]]
            : [],
        ),
      );
    },
  };
}
