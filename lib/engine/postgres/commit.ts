import { randomUUID } from 'node:crypto';
import { foldId } from '../../../events/ids.ts';
import { deadLetterQueueOf, type Outgoing, queueOf } from '../../../events/index.ts';
import type { AccountRecord } from '../../account/inventory.ts';
import type { AuditEntry } from '../../audit/entry.ts';
import type { Operation } from '../../operation/model.ts';
import { storable, storableMessage, storableRecord, toJson } from '../json.ts';
import { type Change, MAX_QUARANTINED } from '../port.ts';
import type { WorkerWakeups } from '../worker-wakeups.ts';
import { appendAudit } from './audit.ts';
import { bossOn, type Database, detailOf, type Session } from './database.ts';
import type { Queues } from './queues.ts';
import { BOSS_SCHEMA } from './schema.ts';
import { Conflict, versionedWrite, writeDocuments, writeVersioned } from './versioned-rows.ts';

/**
 * The SQLSTATE of a transaction that PostgreSQL has aborted because of a deadlock. The transaction
 * has written nothing, so the commit is a `conflict`.
 */
const DEADLOCK = '40P01';

/** The number of days for which the id of a notification is kept to recognize duplicates. */
const SEEN_DAYS = 14;

/**
 * Writes the records and messages of a change in one transaction, then wakes the workers of this
 * process. See `Engine.commit`.
 */
export async function commit(
  database: Database,
  queues: Queues,
  wakeups: WorkerWakeups,
  change: Change,
  onAudited: (entry: AuditEntry) => void = () => {},
): Promise<'committed' | 'conflict'> {
  const jobsByQueue = Map.groupBy((change.messages ?? []).map(jobOf), ({ queue }) => queue);
  const deadLetters = change.deadLetters ?? [];
  await queues.ensure(
    new Set([...jobsByQueue.keys(), ...deadLetters.map(({ message }) => queueOf(message))]),
  );
  let audited: readonly AuditEntry[] = [];
  try {
    await database.transaction(async (session) => {
      await writeRecords(session, change);
      audited = await appendAudit(session, change.audit ?? []);
      for (const [queue, jobs] of jobsByQueue)
        await queues.boss.insert(
          queue,
          jobs.map(({ job }) => job),
          { db: bossOn(session) },
        );
      await moveToDeadLetters(session, queues, deadLetters);
      await database.notifyWorkers(
        session,
        [...jobsByQueue]
          .filter(([, jobs]) => jobs.some(({ delaySeconds }) => !delaySeconds))
          .map(([queue]) => queue),
      );
      // Counters come last, because many transactions change these rows: their locks must be short.
      await addToCounters(session, change.counters ?? {});
    });
  } catch (error) {
    if (error instanceof Conflict || detailOf(error, 'code') === DEADLOCK) return 'conflict';
    throw error;
  }
  audited.forEach(onAudited);
  for (const [queue, jobs] of jobsByQueue)
    for (const [delay, sameDelay] of Map.groupBy(jobs, ({ delaySeconds }) => delaySeconds))
      wakeups.wake(
        queue,
        delay,
        sameDelay.map(({ job }) => job.id),
      );
  return 'committed';
}

/** pg-boss delivers a higher priority first. All other messages have the priority 0. */
const URGENT = 1;

const jobOf = (message: Outgoing) => ({
  queue: queueOf(message),
  delaySeconds: message.delaySeconds,
  job: {
    id: randomUUID(),
    data: storableMessage(message),
    ...(message.isUrgent ? { priority: URGENT } : {}),
    ...(message.delaySeconds ? { startAfter: `${message.delaySeconds.toFixed(3)} seconds` } : {}),
  },
});

/** Writes all records of a change except its counters and its decisions for the audit log. */
async function writeRecords(session: Session, change: Change): Promise<void> {
  if (change.operations?.length)
    await writeVersioned(session, WRITE_OPERATIONS, change.operations.map(operationRow));
  if (change.tasks?.length)
    await writeVersioned(
      session,
      WRITE_TASKS,
      change.tasks.map((task) => ({
        id: task.id,
        version: task.version,
        operation_id: task.operationId,
        state: task.state,
        body: { ...task, version: task.version + 1 },
      })),
    );
  if (change.documents?.length) await writeDocuments(session, change.documents);
  if (change.seen?.length) {
    const ids = [...new Set(change.seen.map(storable))];
    const added = await session.query(
      'INSERT INTO propagator.seen (id) SELECT jsonb_array_elements_text($1::text::jsonb) ' +
        'ORDER BY 1 ON CONFLICT DO NOTHING RETURNING 1',
      [toJson(ids)],
    );
    if (added.length < ids.length) throw new Conflict();
  }
  if (change.accounts?.length)
    await session.query(MERGE_ACCOUNTS, [
      toJson(lastOfEachAccount(change.accounts).map(accountRow)),
    ]);
  if (change.waivers?.length) await session.query(WRITE_WAIVERS, [toJson(change.waivers)]);
  if (change.removedWaivers?.length)
    await session.query(
      'DELETE FROM propagator.waiver WHERE type IN (SELECT ' +
        'jsonb_array_elements_text($1::text::jsonb))',
      [toJson(change.removedWaivers)],
    );
  if (change.stopDecision)
    await session.query('INSERT INTO propagator.stop_decision (body) VALUES ($1::text::jsonb)', [
      toJson(change.stopDecision),
    ]);
  if (change.quarantine?.length)
    await session.query(WRITE_QUARANTINE, [
      toJson(change.quarantine.map(storableRecord)),
      MAX_QUARANTINED,
    ]);
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

const WRITE_OPERATIONS = versionedWrite(
  'operation',
  'scope_type text, scope_id text, domain_id text, parent_id text, mode text, state text, ' +
    'generation int, opened_at double precision, started_at double precision',
);
const WRITE_TASKS = versionedWrite('task', 'operation_id text, state text');

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

async function addToCounters(
  session: Session,
  counters: Readonly<Record<string, number>>,
): Promise<void> {
  if (Object.keys(counters).length > 0)
    await session.query(
      `INSERT INTO propagator.counter AS old (name, value)
       SELECT key, value::bigint FROM jsonb_each_text($1::text::jsonb) ORDER BY key
       ON CONFLICT (name) DO UPDATE SET value = old.value + excluded.value`,
      [toJson(counters)],
    );
}

/**
 * Inserts dead-letter messages. Their columns `source_name` and `source_output` have the values
 * that pg-boss itself sets for a message that it gives up.
 */
async function moveToDeadLetters(
  session: Session,
  queues: Queues,
  deadLetters: NonNullable<Change['deadLetters']>,
): Promise<void> {
  for (const { message, error } of deadLetters) {
    const queue = queueOf(message);
    const id = randomUUID();
    await queues.boss.insert(deadLetterQueueOf(queue), [{ id, data: storableMessage(message) }], {
      db: bossOn(session),
    });
    await session.query(
      `UPDATE ${BOSS_SCHEMA}.job SET source_name = $3, source_output = $4::text::jsonb WHERE ` +
        'name = $1 AND id = $2',
      [deadLetterQueueOf(queue), id, queue, toJson({ error })],
    );
  }
}

/** Deletes the ids of notifications that are so old that the broker will not deliver them again. */
export async function deleteSeenNotifications(session: Session): Promise<void> {
  await session.query(
    `DELETE FROM propagator.seen WHERE at < now() - interval '${SEEN_DAYS} days'`,
  );
}
