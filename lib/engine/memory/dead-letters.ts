import { randomUUID } from 'node:crypto';
import type { QueueName } from '../../../events/index.ts';
import { decisionsOf, matches, readLetter, wordOf } from '../dead-letters.ts';
import type { DeadLetter, DeadLetterFilter, Decided, Decision } from '../port.ts';
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
  const letter = readLetter({
    id,
    queue,
    body,
    error,
    receiveCount,
    expiresAt,
    at: Math.round(at),
  });
  store.dead.push({ letter, body });
}

/** The matching dead-letter messages, oldest first. */
export const deadLetters = (store: MemoryStore, filter: DeadLetterFilter): DeadLetter[] =>
  store.dead.map(({ letter }) => letter).filter((letter) => matches(letter, filter));

export interface Outcome {
  readonly letters: number;
  /** What the queues received: the redriven messages, and those for the coordinator. */
  readonly sent: readonly QueuedMessage[];
}

/** Returns the messages to their queues. See `Engine.redrive`. `now` is in epoch milliseconds. */
export function redrive(
  store: MemoryStore,
  filter: DeadLetterFilter,
  decided: Decided,
  now: number,
): Outcome {
  const taken = take(store, filter, 'redriven', decided, now);
  const back = taken.map(({ letter, body }) => store.queues.put(letter.queue, body, now));
  const letters = taken.map(({ letter }) => letter);
  const told = wordOf('redriven', letters, decided).map((one) => store.queues.send(one, now));
  return { letters: taken.length, sent: [...back, ...told] };
}

/** Deletes the messages for good. See `Engine.discard`. */
export function discard(
  store: MemoryStore,
  filter: DeadLetterFilter,
  decided: Decided & { readonly reason: string },
  now: number,
): Outcome {
  const letters = take(store, filter, 'discarded', decided, now).map(({ letter }) => letter);
  const sent = wordOf('discarded', letters, decided).map((one) => store.queues.send(one, now));
  return { letters: letters.length, sent };
}

/** Removes the matching messages and records the decision about them. */
function take(
  store: MemoryStore,
  filter: DeadLetterFilter,
  what: Decision['what'],
  decided: Decided,
  now: number,
): DeadMessage[] {
  const taken = store.dead.filter(({ letter }) => matches(letter, filter));
  for (const one of taken) store.dead.splice(store.dead.indexOf(one), 1);
  const letters = taken.map(({ letter }) => letter);
  store.decisions.unshift(...decisionsOf(what, letters, decided, Math.round(now)));
  return taken;
}
