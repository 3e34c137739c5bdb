import type { QueueName } from '../../../events/index.ts';
import type { DeadLetter, DeadLetterFilter, DecisionAuthor } from '../port.ts';
import { StoredMessage } from '../records.ts';
import { moveToDeadLetters } from './dead-letters.ts';
import { MemoryEngine } from './open.ts';
import type { QueuedMessage } from './queues.ts';

/** A message that waits for its delivery. */
export type WaitingMessage = QueuedMessage;

/**
 * An engine in memory for tests. The test delivers each message and sets the clock.
 * @example
 * for (const waiting of engine.dueMessages()) {
 *   await coordinate([{ message: waiting.message, receiveCount: 1 }], deps);
 *   engine.removeDelivered(waiting);
 * }
 */
export class SteppedEngine extends MemoryEngine {
  readonly #clock: { time: number };
  #deadLetterCount = 0;

  constructor(clock = { time: 1_000_000_000 }) {
    super({ now: () => clock.time });
    this.#clock = clock;
  }

  /** Epoch milliseconds. */
  get time(): number {
    return this.#clock.time;
  }
  set time(time: number) {
    this.#clock.time = time;
  }

  get operations() {
    return this.store.operations;
  }
  get tasks() {
    return this.store.tasks;
  }
  get accounts() {
    return this.store.accounts;
  }
  get documents() {
    return this.store.documents;
  }
  get quarantineRecords() {
    return this.store.quarantineRecords;
  }
  get waivers() {
    return this.store.waivers;
  }
  get seenIds() {
    return this.store.seenTimesById;
  }
  get counters() {
    return this.store.counters;
  }
  get decisions() {
    return this.store.decisions;
  }
  get auditRows() {
    return this.store.audit;
  }
  get deadLetterList(): readonly DeadLetter[] {
    return this.store.deadLetters.map(({ deadLetter }) => deadLetter);
  }
  get waiting(): readonly WaitingMessage[] {
    return this.store.queues.allMessages();
  }

  /**
   * Returns the messages that are due. If no message is due, this function first sets the clock to
   * the time at which the next message is due.
   */
  dueMessages(): WaitingMessage[] {
    const { waiting } = this;
    const nextDueAt = Math.min(...waiting.map(({ dueAt }) => dueAt));
    if (Number.isFinite(nextDueAt)) this.time = Math.max(this.time, nextDueAt);
    return waiting.filter(({ dueAt }) => dueAt <= this.time);
  }

  /** Removes a message that was delivered. */
  removeDelivered(waiting: WaitingMessage): void {
    this.store.queues.delete(waiting);
  }

  /** Removes all waiting messages. */
  clear(): void {
    for (const waiting of this.waiting) this.removeDelivered(waiting);
  }

  /** Adds a dead-letter message with the next id: `1`, `2`, `3` … `body` may have any form. */
  moveToDeadLetters(queue: QueueName, body: unknown, details: Partial<DeadLetter> = {}): void {
    const id = String(++this.#deadLetterCount);
    moveToDeadLetters(this.store, queue, body, { id, at: this.time, ...details });
  }

  /**
   * Redrives like {@link MemoryEngine}. An unreadable message becomes a dead-letter message again
   * immediately, because a test cannot deliver it.
   */
  override async redrive(filter: DeadLetterFilter, author: DecisionAuthor): Promise<number> {
    const unreadableDeadLetters = this.store.deadLetters.filter(
      ({ deadLetter }) => deadLetter.message === undefined,
    );
    const redrivenCount = await super.redrive(filter, author);
    this.store.deadLetters.push(
      ...unreadableDeadLetters.filter((one) => !this.store.deadLetters.includes(one)),
    );
    for (const waiting of this.waiting)
      if (!StoredMessage.safeParse(waiting.message).success) this.removeDelivered(waiting);
    return redrivenCount;
  }

  override work(): Promise<void> {
    return Promise.reject(
      new TypeError('a stepped engine has no workers: the test delivers each message'),
    );
  }
}
