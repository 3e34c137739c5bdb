import type { Message, QueueName } from '../../events/index.ts';
import type { Change } from './port-change.ts';
import type { DeadLetter, DeadLetterFilter, DecisionAuthor } from './port-dead-letters.ts';
import type { Reads } from './port-reads.ts';

export * from './port-change.ts';
export * from './port-dead-letters.ts';
export type * from './port-reads.ts';

/** A message that a worker receives, with the number of its deliveries. */
export interface Delivery<M extends Message = Message> {
  readonly message: M;
  /** 1 at the first delivery. A failed delivery adds 1, unless `close` interrupted it. */
  readonly receiveCount: number;
}

export interface WorkOptions {
  /** Concurrent handlers in this process. */
  readonly concurrency: number;
  /** Messages per handler call; default 1. If the handler throws, all of them are retried. */
  readonly batchSize?: number;
}

/**
 * Stores the state of the propagator and carries its messages. Three implementations: memory,
 * PostgreSQL (embedded as PGlite, or a server) and AWS.
 */
export interface Engine {
  readonly reads: Reads;
  /**
   * Writes the whole change, or nothing. After `conflict`, the caller reads the records again and
   * repeats its decision.
   */
  commit(change: Change): Promise<'committed' | 'conflict'>;
  /**
   * Lists dead-letter messages, oldest first. The list may end after 10,000 messages. The messages
   * stay in their dead-letter queues.
   */
  deadLetters(filter: DeadLetterFilter): Promise<DeadLetter[]>;
  /**
   * Sends the selected messages back to their source queues, and records the decision. For each
   * message of a task, the coordinator receives a message `task.redriven`. Returns the number of
   * redriven messages. On PostgreSQL this is one transaction. On AWS the engine first records the
   * decision, then sends the messages, and deletes the dead-letter messages last: a message may be
   * sent twice, but no message is lost.
   */
  redrive(filter: DeadLetterFilter, author: DecisionAuthor): Promise<number>;
  /**
   * Deletes the selected messages, and records the decision, with the same guarantees as
   * {@link redrive}. For each message of a task, the coordinator receives a message
   * `task.discarded`. The caller must first check that no open operation or hold forbids the
   * discard.
   */
  discard(
    filter: DeadLetterFilter,
    author: DecisionAuthor & { readonly reason: string },
  ): Promise<number>;
  /** Throws if the store does not answer, or if PostgreSQL does not accept a write. */
  health(): Promise<void>;
  /** Waits for running handlers (at most `graceSeconds`, default 10), then closes the store. */
  close(graceSeconds?: number): Promise<void>;
}

/**
 * An engine that receives messages in its own process. On AWS, Lambda receives the messages and
 * calls the functions.
 */
export interface WorkerEngine extends Engine {
  /**
   * Passes the messages of a queue to a handler until `close`. When the handler throws, the engine
   * retries the message with back-off. After the last delivery the message becomes a dead-letter
   * message.
   */
  work(
    queue: QueueName,
    options: WorkOptions,
    handler: (deliveries: readonly Delivery[]) => Promise<void>,
  ): Promise<void>;
}
