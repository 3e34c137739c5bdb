import type { PgBoss } from 'pg-boss';
import { deadLetterQueueOf, type QueueName } from '../../../events/index.ts';
import type { AuditEntry } from '../../audit/entry.ts';
import { deadLetterAuditRecordsOf } from '../audit.ts';
import { decisionMessages, decisionsOf } from '../dead-letters.ts';
import { storableMessage, toJson } from '../json.ts';
import type { DeadLetter, DeadLetterDecision, DeadLetterFilter, DecisionAuthor } from '../port.ts';
import type { WorkerWakeups } from '../worker-wakeups.ts';
import { appendAudit } from './audit.ts';
import { bossDatabaseOn, type Database, engineError, type Session } from './database.ts';
import { readDeadLetters } from './dead-letter-reads.ts';
import type { Queues } from './queues.ts';

/** The steps that differ between redrive and discard. */
interface DecisionSteps {
  readonly what: DeadLetterDecision['what'];
  /** Moves or deletes the jobs with these ids in the dead-letter queue of `queue`. */
  removeJobs(boss: PgBoss, session: Session, queue: QueueName, ids: string[]): Promise<void>;
  /** Builds the messages that inform the coordinator. */
  messagesAbout(deadLetters: readonly DeadLetter[]): ReturnType<typeof decisionMessages>;
}

/** Sends dead-letter messages back to their queues. See `Engine.redrive`. */
export function redriveDeadLetters(
  deps: DeadLetterDeps,
  filter: DeadLetterFilter,
  author: DecisionAuthor,
): Promise<number> {
  return carryOutDecision(deps, filter, author, {
    what: 'redriven',
    removeJobs: moveJobs,
    messagesAbout: (deadLetters) => decisionMessages('redriven', deadLetters, author),
  });
}

/** Deletes dead-letter messages. See `Engine.discard`. */
export function discardDeadLetters(
  deps: DeadLetterDeps,
  filter: DeadLetterFilter,
  author: DecisionAuthor & { readonly reason: string },
): Promise<number> {
  return carryOutDecision(deps, filter, author, {
    what: 'discarded',
    removeJobs: deleteJobs,
    messagesAbout: (deadLetters) => decisionMessages('discarded', deadLetters, author),
  });
}

export interface DeadLetterDeps {
  readonly database: Database;
  readonly queues: Queues;
  readonly wakeups: WorkerWakeups;
  readonly onAudited: (entry: AuditEntry) => void;
}

/**
 * Carries out a decision in one transaction: moves or deletes the matching messages, informs the
 * coordinator, and records the decision. Returns the number of messages.
 */
async function carryOutDecision(
  { database, queues, wakeups, onAudited }: DeadLetterDeps,
  filter: DeadLetterFilter,
  author: DecisionAuthor,
  { what, removeJobs, messagesAbout }: DecisionSteps,
): Promise<number> {
  const { boss } = queues;
  const queueNames = await queues.names();
  await queues.ensure(['coordinate', ...queueNames]);
  const { queuesToWake, auditEntries, count } = await database.transaction(async (session) => {
    const deadLetters = await readDeadLetters(
      session,
      queueNames,
      filter,
      'FOR UPDATE SKIP LOCKED',
    );
    for (const [queue, group] of Map.groupBy(deadLetters, (deadLetter) => deadLetter.queue)) {
      const ids = group.map(({ id }) => id);
      await removeJobs(boss, session, queue, ids);
    }
    const coordinatorJobs = messagesAbout(deadLetters).map((message) => ({
      data: storableMessage(message),
    }));
    if (coordinatorJobs.length > 0)
      await boss.insert('coordinate', coordinatorJobs, { db: bossDatabaseOn(session) });
    const decisions = decisionsOf(what, deadLetters, author, Date.now());
    await storeDecisions(session, decisions);
    const auditEntries = await appendAudit(session, deadLetterAuditRecordsOf(decisions, author));
    const queuesToWake = new Set(what === 'redriven' ? deadLetters.map(({ queue }) => queue) : []);
    if (coordinatorJobs.length > 0) queuesToWake.add('coordinate');
    await database.notifyWorkers(session, [...queuesToWake]);
    return { queuesToWake, auditEntries, count: deadLetters.length };
  });
  auditEntries.forEach(onAudited);
  for (const queue of queuesToWake) wakeups.wake(queue);
  return count;
}

async function moveJobs(
  boss: PgBoss,
  session: Session,
  queue: QueueName,
  ids: string[],
): Promise<void> {
  const movedCount = await boss.redrive(deadLetterQueueOf(queue), {
    ids,
    destination: queue,
    limit: ids.length,
    db: bossDatabaseOn(session),
  });
  if (movedCount !== ids.length)
    throw engineError(
      'redrive',
      `Only ${movedCount} of ${ids.length} dead-letter messages of ${queue} could be moved, and ` +
        'the transaction was rolled back.',
      'Run the command again.',
    );
}

async function deleteJobs(
  boss: PgBoss,
  session: Session,
  queue: QueueName,
  ids: string[],
): Promise<void> {
  await boss.deleteJob(deadLetterQueueOf(queue), ids, { db: bossDatabaseOn(session) });
}

async function storeDecisions(
  session: Session,
  decisions: readonly DeadLetterDecision[],
): Promise<void> {
  if (decisions.length > 0)
    await session.query(
      `INSERT INTO propagator.decision (operation_id, body)
       SELECT body->>'operationId', body FROM jsonb_array_elements($1::text::jsonb) AS body`,
      [toJson(decisions)],
    );
}
