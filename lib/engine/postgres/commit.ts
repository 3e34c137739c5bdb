import { randomUUID } from 'node:crypto';
import {
  deadLetterQueueOf,
  type OutgoingMessage,
  type QueueName,
  queueOf,
} from '../../../events/index.ts';
import type { AuditEntry } from '../../audit/entry.ts';
import { storableMessage, toJson } from '../json.ts';
import type { Change } from '../port.ts';
import type { WorkerWakeups } from '../worker-wakeups.ts';
import { appendAudit } from './audit.ts';
import { bossDatabaseOn, type Database, errorFieldOf, type Session } from './database.ts';
import type { Queues } from './queues.ts';
import { addToCounters, writeRecords } from './record-writes.ts';
import { BOSS_SCHEMA } from './schema.ts';
import { VersionConflict } from './versioned-rows.ts';

/**
 * The SQLSTATE of a transaction that PostgreSQL has aborted because of a deadlock. The transaction
 * has written nothing, so the commit is a `conflict`.
 */
const DEADLOCK = '40P01';

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
  const jobsByQueue = Map.groupBy((change.messages ?? []).map(queuedJobOf), ({ queue }) => queue);
  const deadLetters = change.deadLetters ?? [];
  await queues.ensure(
    new Set([...jobsByQueue.keys(), ...deadLetters.map(({ message }) => queueOf(message))]),
  );
  let auditEntries: readonly AuditEntry[] = [];
  try {
    await database.groupedTransaction(async (session) => {
      await writeRecords(session, change);
      auditEntries = await appendAudit(session, change.audit ?? []);
      await insertJobs(session, queues, jobsByQueue);
      await insertDeadLetters(session, queues, deadLetters);
      await database.notifyWorkers(session, queuesWithDueJobs(jobsByQueue));
      // Counters come last, because many transactions change these rows: their locks must be short.
      await addToCounters(session, change.counters ?? {});
    });
  } catch (error) {
    if (error instanceof VersionConflict || errorFieldOf(error, 'code') === DEADLOCK)
      return 'conflict';
    throw error;
  }
  auditEntries.forEach(onAudited);
  wakeWorkers(jobsByQueue, wakeups);
  return 'committed';
}

/** pg-boss delivers a higher priority first. All other messages have the priority 0. */
const URGENT_PRIORITY = 1;

/** Returns the job of a message for pg-boss, with its queue and its delay. */
const queuedJobOf = (message: OutgoingMessage) => ({
  queue: queueOf(message),
  delaySeconds: message.delaySeconds,
  job: {
    id: randomUUID(),
    data: storableMessage(message),
    ...(message.isUrgent ? { priority: URGENT_PRIORITY } : {}),
    ...(message.delaySeconds ? { startAfter: `${message.delaySeconds.toFixed(3)} seconds` } : {}),
  },
});

type QueuedJob = ReturnType<typeof queuedJobOf>;
type JobsByQueue = ReadonlyMap<QueueName, readonly QueuedJob[]>;

async function insertJobs(
  session: Session,
  queues: Queues,
  jobsByQueue: JobsByQueue,
): Promise<void> {
  for (const [queue, jobs] of jobsByQueue)
    await queues.boss.insert(
      queue,
      jobs.map(({ job }) => job),
      { db: bossDatabaseOn(session) },
    );
}

const queuesWithDueJobs = (jobsByQueue: JobsByQueue): QueueName[] =>
  [...jobsByQueue]
    .filter(([, jobs]) => jobs.some(({ delaySeconds }) => !delaySeconds))
    .map(([queue]) => queue);

/** Wakes the workers of this process, immediately or after the delays of the jobs. */
function wakeWorkers(jobsByQueue: JobsByQueue, wakeups: WorkerWakeups): void {
  for (const [queue, jobs] of jobsByQueue)
    for (const [delay, group] of Map.groupBy(jobs, ({ delaySeconds }) => delaySeconds))
      wakeups.wake(
        queue,
        delay,
        group.map(({ job }) => job.id),
      );
}

/**
 * Inserts dead-letter messages. Their columns `source_name` and `source_output` have the values
 * that pg-boss itself sets for a message that it gives up.
 */
async function insertDeadLetters(
  session: Session,
  queues: Queues,
  deadLetters: NonNullable<Change['deadLetters']>,
): Promise<void> {
  for (const { message, error } of deadLetters) {
    const queue = queueOf(message);
    const id = randomUUID();
    await queues.boss.insert(deadLetterQueueOf(queue), [{ id, data: storableMessage(message) }], {
      db: bossDatabaseOn(session),
    });
    await session.query(
      `UPDATE ${BOSS_SCHEMA}.job SET source_name = $3, source_output = $4::text::jsonb WHERE ` +
        'name = $1 AND id = $2',
      [deadLetterQueueOf(queue), id, queue, toJson({ error })],
    );
  }
}
