import { randomUUID } from 'node:crypto';
import type { QueueName } from '../../../events/index.ts';
import type { AuditEntry } from '../../audit/entry.ts';
import { auditRecordsOf } from '../audit.ts';
import { decisionMessages, decisionsOf, matchesFilter, parseDeadLetter } from '../dead-letters.ts';
import type { DeadLetter, DeadLetterFilter, Decision, DecisionAuthor } from '../port.ts';
import { appendAudit } from './audit.ts';
import type { QueuedMessage } from './queues.ts';
import type { DeadMessage, MemoryStore } from './store.ts';

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
  store.dead.push({ deadLetter, body });
}

/** Returns the matching dead-letter messages, oldest first. */
export const listDeadLetters = (store: MemoryStore, filter: DeadLetterFilter): DeadLetter[] =>
  store.dead
    .map(({ deadLetter }) => deadLetter)
    .filter((deadLetter) => matchesFilter(deadLetter, filter));

/** The result of a redrive or a discard. */
export interface DecisionResult {
  /** The number of redriven or discarded messages. */
  readonly deadLetters: number;
  /** The messages that were sent: the redriven messages, and the messages to the coordinator. */
  readonly sent: readonly QueuedMessage[];
  readonly audited: readonly AuditEntry[];
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
  const { removed, audited } = removeMatching(store, filter, 'redriven', author, now);
  const redriven = removed.map(({ deadLetter, body }) =>
    store.queues.put(deadLetter.queue, body, now),
  );
  const deadLetters = removed.map(({ deadLetter }) => deadLetter);
  const notices = decisionMessages('redriven', deadLetters, author).map((message) =>
    store.queues.send(message, now),
  );
  return { deadLetters: removed.length, sent: [...redriven, ...notices], audited };
}

/** Deletes the matching messages. See `Engine.discard`. `now` is in epoch milliseconds. */
export function discard(
  store: MemoryStore,
  filter: DeadLetterFilter,
  author: DecisionAuthor & { readonly reason: string },
  now: number,
): DecisionResult {
  const { removed, audited } = removeMatching(store, filter, 'discarded', author, now);
  const deadLetters = removed.map(({ deadLetter }) => deadLetter);
  const notices = decisionMessages('discarded', deadLetters, author).map((message) =>
    store.queues.send(message, now),
  );
  return { deadLetters: removed.length, sent: notices, audited };
}

/** Removes the matching messages and records the decision about them. */
function removeMatching(
  store: MemoryStore,
  filter: DeadLetterFilter,
  what: Decision['what'],
  author: DecisionAuthor,
  now: number,
): { readonly removed: DeadMessage[]; readonly audited: readonly AuditEntry[] } {
  const removed = store.dead.filter(({ deadLetter }) => matchesFilter(deadLetter, filter));
  for (const message of removed) store.dead.splice(store.dead.indexOf(message), 1);
  const deadLetters = removed.map(({ deadLetter }) => deadLetter);
  const decisions = decisionsOf(what, deadLetters, author, Math.round(now));
  store.decisions.unshift(...decisions);
  return { removed, audited: appendAudit(store, auditRecordsOf(decisions, author)) };
}
