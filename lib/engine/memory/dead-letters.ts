import { randomUUID } from 'node:crypto';
import type { QueueName } from '../../../events/index.ts';
import type { AuditEntry } from '../../audit/entry.ts';
import { recordsOf } from '../audit.ts';
import { decisionMessages, decisionsOf, matches, parseDeadLetter } from '../dead-letters.ts';
import type { DeadLetter, DeadLetterFilter, Decided, Decision } from '../port.ts';
import { appendAudit } from './audit.ts';
import type { QueuedMessage } from './queues.ts';
import type { DeadMessage, MemoryStore } from './store.ts';

type Details = Pick<DeadLetter, 'at'> &
  Partial<Pick<DeadLetter, 'id' | 'error' | 'receiveCount' | 'expiresAt'>>;

/** Adds a dead-letter message of a queue. `body` may be unreadable. */
export function moveToDeadLetters(
  store: MemoryStore,
  queue: QueueName,
  body: unknown,
  { id = randomUUID(), error, receiveCount, expiresAt, at }: Details,
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

/** The matching dead-letter messages, oldest first. */
export const deadLetters = (store: MemoryStore, filter: DeadLetterFilter): DeadLetter[] =>
  store.dead
    .map(({ deadLetter }) => deadLetter)
    .filter((deadLetter) => matches(deadLetter, filter));

export interface Outcome {
  readonly deadLetters: number;
  /** The messages that were sent: the redriven messages, and the messages to the coordinator. */
  readonly sent: readonly QueuedMessage[];
  readonly audited: readonly AuditEntry[];
}

/** Returns the messages to their queues. See `Engine.redrive`. `now` is in epoch milliseconds. */
export function redrive(
  store: MemoryStore,
  filter: DeadLetterFilter,
  decided: Decided,
  now: number,
): Outcome {
  const { taken: removed, audited } = removeMatching(store, filter, 'redriven', decided, now);
  const returned = removed.map(({ deadLetter, body }) =>
    store.queues.put(deadLetter.queue, body, now),
  );
  const deadLetters = removed.map(({ deadLetter }) => deadLetter);
  const notices = decisionMessages('redriven', deadLetters, decided).map((one) =>
    store.queues.send(one, now),
  );
  return { deadLetters: removed.length, sent: [...returned, ...notices], audited };
}

/** Deletes the messages for good. See `Engine.discard`. */
export function discard(
  store: MemoryStore,
  filter: DeadLetterFilter,
  decided: Decided & { readonly reason: string },
  now: number,
): Outcome {
  const { taken, audited } = removeMatching(store, filter, 'discarded', decided, now);
  const deadLetters = taken.map(({ deadLetter }) => deadLetter);
  const sent = decisionMessages('discarded', deadLetters, decided).map((one) =>
    store.queues.send(one, now),
  );
  return { deadLetters: deadLetters.length, sent, audited };
}

/** Removes the matching messages and records the decision about them. */
function removeMatching(
  store: MemoryStore,
  filter: DeadLetterFilter,
  what: Decision['what'],
  decided: Decided,
  now: number,
): { readonly taken: DeadMessage[]; readonly audited: readonly AuditEntry[] } {
  const taken = store.dead.filter(({ deadLetter }) => matches(deadLetter, filter));
  for (const one of taken) store.dead.splice(store.dead.indexOf(one), 1);
  const deadLetters = taken.map(({ deadLetter }) => deadLetter);
  const decisions = decisionsOf(what, deadLetters, decided, Math.round(now));
  store.decisions.unshift(...decisions);
  return { taken, audited: appendAudit(store, recordsOf(decisions, decided)) };
}
