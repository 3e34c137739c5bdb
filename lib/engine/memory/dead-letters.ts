import { randomUUID } from 'node:crypto';
import type { QueueName } from '../../../events/index.ts';
import type { AuditEntry } from '../../audit/entry.ts';
import { deadLetterAuditRecordsOf } from '../audit.ts';
import { decisionMessages, decisionsOf, matchesFilter, parseDeadLetter } from '../dead-letters.ts';
import type { DeadLetter, DeadLetterDecision, DeadLetterFilter, DecisionAuthor } from '../port.ts';
import { appendAudit } from './audit.ts';
import type { QueuedMessage } from './queues.ts';
import type { MemoryStore, StoredDeadLetter } from './store.ts';

type DeadLetterDetails = Pick<DeadLetter, 'at'> &
  Partial<Pick<DeadLetter, 'id' | 'error' | 'receiveCount' | 'expiresAt'>>;

/** Adds a dead-letter message of a queue. This release may be unable to read `body`. */
export function moveToDeadLetters(
  store: MemoryStore,
  queue: QueueName,
  body: unknown,
  { id = randomUUID(), error, receiveCount, expiresAt, at }: DeadLetterDetails,
): void {
  store.queues.ensure(queue);
  const deadLetter = parseDeadLetter({
    id,
    queue,
    body,
    error,
    receiveCount,
    expiresAt,
    at: Math.round(at),
  });
  store.deadLetters.push({ deadLetter, body });
}

/** Returns the matching dead-letter messages, oldest first. */
export const listDeadLetters = (store: MemoryStore, filter: DeadLetterFilter): DeadLetter[] =>
  store.deadLetters
    .map(({ deadLetter }) => deadLetter)
    .filter((deadLetter) => matchesFilter(deadLetter, filter));

/** The result of a redrive or a discard. */
export interface DecisionResult {
  /** The number of redriven or discarded messages. */
  readonly deadLetterCount: number;
  /** The messages that were sent: the redriven messages, and the messages to the coordinator. */
  readonly sentMessages: readonly QueuedMessage[];
  readonly auditEntries: readonly AuditEntry[];
}

/**
 * Sends the matching messages back to their queues. See `Engine.redrive`. `now` is in epoch
 * milliseconds.
 */
export function redrive(
  store: MemoryStore,
  filter: DeadLetterFilter,
  author: DecisionAuthor,
  now: number,
): DecisionResult {
  const { removedMessages, auditEntries } = removeMatching(store, filter, 'redriven', author, now);
  const redrivenMessages = removedMessages.map(({ deadLetter, body }) =>
    store.queues.put(deadLetter.queue, body, now),
  );
  const deadLetters = removedMessages.map(({ deadLetter }) => deadLetter);
  const coordinatorMessages = decisionMessages('redriven', deadLetters, author).map((message) =>
    store.queues.send(message, now),
  );
  return {
    deadLetterCount: removedMessages.length,
    sentMessages: [...redrivenMessages, ...coordinatorMessages],
    auditEntries,
  };
}

/** Deletes the matching messages. See `Engine.discard`. `now` is in epoch milliseconds. */
export function discard(
  store: MemoryStore,
  filter: DeadLetterFilter,
  author: DecisionAuthor & { readonly reason: string },
  now: number,
): DecisionResult {
  const { removedMessages, auditEntries } = removeMatching(store, filter, 'discarded', author, now);
  const deadLetters = removedMessages.map(({ deadLetter }) => deadLetter);
  const sentMessages = decisionMessages('discarded', deadLetters, author).map((message) =>
    store.queues.send(message, now),
  );
  return { deadLetterCount: removedMessages.length, sentMessages, auditEntries };
}

/** Removes the matching messages and records the decision about them. */
function removeMatching(
  store: MemoryStore,
  filter: DeadLetterFilter,
  what: DeadLetterDecision['what'],
  author: DecisionAuthor,
  now: number,
): { readonly removedMessages: StoredDeadLetter[]; readonly auditEntries: readonly AuditEntry[] } {
  const removedMessages = store.deadLetters.filter(({ deadLetter }) =>
    matchesFilter(deadLetter, filter),
  );
  for (const message of removedMessages)
    store.deadLetters.splice(store.deadLetters.indexOf(message), 1);
  const deadLetters = removedMessages.map(({ deadLetter }) => deadLetter);
  const decisions = decisionsOf(what, deadLetters, author, Math.round(now));
  store.decisions.unshift(...decisions);
  return {
    removedMessages,
    auditEntries: appendAudit(store, deadLetterAuditRecordsOf(decisions, author)),
  };
}
