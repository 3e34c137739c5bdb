import { foldId } from '../../../events/ids.ts';
import type { AccountRecord } from '../../account/inventory.ts';
import type { Operation, Task } from '../../operation/model.ts';
import { checkCounterAmounts } from '../counter-amounts.ts';
import { storableRecord, storableText, toJson } from '../json.ts';
import { type Change, MAX_QUARANTINE_RECORDS } from '../port.ts';
import type { Session } from './database.ts';
import {
  VersionConflict,
  versionedWriteSql,
  writeDocuments,
  writeVersioned,
} from './versioned-rows.ts';

/** The number of days for which the id of a notification is kept to recognize duplicates. */
const SEEN_ID_RETENTION_DAYS = 14;

/** Writes all records of a change except its counters and its decisions for the audit log. */
export async function writeRecords(session: Session, change: Change): Promise<void> {
  if (change.operations?.length)
    await writeVersioned(session, WRITE_OPERATIONS, change.operations.map(operationRow));
  if (change.tasks?.length) await writeVersioned(session, WRITE_TASKS, change.tasks.map(taskRow));
  if (change.documents?.length) await writeDocuments(session, change.documents);
  if (change.seen?.length) await writeSeenIds(session, change.seen);
  if (change.accounts?.length)
    await session.query(MERGE_ACCOUNTS, [
      toJson(lastOfEachAccount(change.accounts).map(accountRow)),
    ]);
  if (change.waivers?.length) await session.query(WRITE_WAIVERS, [toJson(change.waivers)]);
  if (change.removedWaiverTypes?.length)
    await session.query(
      'DELETE FROM propagator.waiver WHERE type IN (SELECT ' +
        'jsonb_array_elements_text($1::text::jsonb))',
      [toJson(change.removedWaiverTypes)],
    );
  if (change.stopDecision)
    await session.query('INSERT INTO propagator.stop_decision (body) VALUES ($1::text::jsonb)', [
      toJson(change.stopDecision),
    ]);
  if (change.quarantine?.length)
    await session.query(WRITE_QUARANTINE, [
      toJson(change.quarantine.map(storableRecord)),
      MAX_QUARANTINE_RECORDS,
    ]);
}

/**
 * Records the ids of `Change.seen`. Throws {@link VersionConflict} if an earlier commit has
 * recorded one of them.
 */
async function writeSeenIds(session: Session, seenIds: readonly string[]): Promise<void> {
  const ids = [...new Set(seenIds.map(storableText))];
  const addedRows = await session.query(
    'INSERT INTO propagator.seen (id) SELECT jsonb_array_elements_text($1::text::jsonb) ' +
      'ORDER BY 1 ON CONFLICT DO NOTHING RETURNING 1',
    [toJson(ids)],
  );
  if (addedRows.length < ids.length) throw new VersionConflict();
}

const operationRow = (operation: Operation) => ({
  id: operation.id,
  version: operation.version,
  scope_type: operation.scope.type,
  scope_id: operation.scope.id,
  domain_id: operation.scope.type === 'domain' ? operation.scope.id : operation.scope.domainId,
  parent_id: operation.parentId,
  mode: operation.mode,
  state: operation.state,
  generation: operation.generation,
  opened_at: operation.openedAt,
  started_at: operation.startedAt,
  body: { ...operation, version: operation.version + 1 },
});

const taskRow = (task: Task) => ({
  id: task.id,
  version: task.version,
  operation_id: task.operationId,
  state: task.state,
  body: { ...task, version: task.version + 1 },
});

const WRITE_OPERATIONS = versionedWriteSql(
  'operation',
  'scope_type text, scope_id text, domain_id text, parent_id text, mode text, state text, ' +
    'generation int, opened_at double precision, started_at double precision',
);
const WRITE_TASKS = versionedWriteSql('task', 'operation_id text, state text');

const accountRow = (record: AccountRecord) => ({
  type: record.account.type,
  id: record.account.id,
  folded: foldId(record.account.id),
  domain_id: record.account.type === 'project' ? record.account.domainId : undefined,
  body: record,
});

/** Returns the last record of each account, because one statement cannot write a row twice. */
const lastOfEachAccount = (records: readonly AccountRecord[]): AccountRecord[] => [
  ...new Map(
    records.map((record) => [`${record.account.type} ${record.account.id}`, record]),
  ).values(),
];

/** Inserts records, and merges a record with its stored record like `mergeAccounts`. */
const MERGE_ACCOUNTS = `
  INSERT INTO propagator.account AS old (type, id, folded, domain_id, body)
  SELECT type, id, folded, domain_id, body
  FROM jsonb_to_recordset($1::text::jsonb) 
    AS x (type text, id text, folded text, domain_id text, body jsonb) ORDER BY type, id
  ON CONFLICT (type, id) DO UPDATE SET domain_id = excluded.domain_id,
    folded = excluded.folded,
    body = excluded.body || jsonb_strip_nulls(jsonb_build_object(
    'seenAt', greatest((old.body->>'seenAt')::float8, (excluded.body->>'seenAt')::float8),
    'deletedAt', greatest((old.body->>'deletedAt')::float8, (excluded.body->>'deletedAt')::float8),
    'members', CASE WHEN old.body ? 'members' OR excluded.body ? 'members' THEN (
      SELECT coalesce(jsonb_agg(DISTINCT member), '[]')
      FROM jsonb_array_elements(coalesce(old.body->'members', '[]')
        || coalesce(excluded.body->'members', '[]')) AS member) END))`;

const WRITE_WAIVERS = `
  INSERT INTO propagator.waiver (type, body)
  SELECT body->>'type', body FROM jsonb_array_elements($1::text::jsonb) AS body
  ON CONFLICT (type) DO UPDATE SET body = excluded.body`;

/**
 * Adds records, then deletes the oldest records by their sequence numbers. These numbers may have
 * gaps, so the quarantine may hold fewer records than its limit.
 */
const WRITE_QUARANTINE = `
  WITH added AS (
    INSERT INTO propagator.quarantine (id, record)
    SELECT record->>'id', record FROM jsonb_array_elements($1::text::jsonb) AS record
    ON CONFLICT (id) DO NOTHING RETURNING sequence
  )
  DELETE FROM propagator.quarantine WHERE sequence <= (SELECT max(sequence) FROM added) - $2::int`;

/** Adds amounts to the counters. Throws `engine.counter` for an amount that is not an integer. */
export async function addToCounters(
  session: Session,
  counters: Readonly<Record<string, number>>,
): Promise<void> {
  checkCounterAmounts(counters);
  if (Object.keys(counters).length > 0)
    await session.query(
      `INSERT INTO propagator.counter AS old (name, value)
       SELECT key, value::bigint FROM jsonb_each_text($1::text::jsonb) ORDER BY key
       ON CONFLICT (name) DO UPDATE SET value = old.value + excluded.value`,
      [toJson(counters)],
    );
}

/** Deletes the ids of `Change.seen` that were recorded more than 14 days ago. */
export async function deleteOldSeenIds(session: Session): Promise<void> {
  await session.query(
    `DELETE FROM propagator.seen WHERE at < now() - interval '${SEEN_ID_RETENTION_DAYS} days'`,
  );
}
