import type { Message, QueueName } from '../../events/index.ts';
import type { Change } from './port-change.ts';
import type { DeadLetter, DeadLetterFilter, Decided } from './port-dead-letters.ts';
import type { Reads } from './port-reads.ts';

export * from './port-change.ts';
export * from './port-dead-letters.ts';
export type * from './port-reads.ts';

/** A message that a worker receives, with the number of its deliveries. */
export interface Delivery<M extends Message = Message> {
  readonly message: M;
  /** 1 at the first delivery. Each delivery that ended without success adds 1. */
  readonly receiveCount: number;
}

export interface WorkOptions {
  /** Concurrent handlers in this process. */
  readonly concurrency: number;
  /** Messages per handler call; default 1. If the handler throws, all of them are retried. */
  readonly batch?: number;
}

/**
 * The platform that the propagator runs on. Three implementations: memory, PostgreSQL (embedded as
 * PGlite, or a server) and AWS.
 */
export interface Engine {
  readonly reads: Reads;
  /** Writes the whole change, or nothing. After `conflict`, the caller reads and decides again. */
  commit(change: Change): Promise<'committed' | 'conflict'>;
  /**
   * Lists dead-letter messages, oldest first. A listing may end after 10,000 messages. The messages
   * stay in their dead-letter queues.
   */
  deadLetters(filter: DeadLetterFilter): Promise<DeadLetter[]>;
  /**
   * Returns the messages to their source queue, sends a `task.redriven` for each task and records
   * the decision. Returns the number of messages. On PostgreSQL this is one transaction. AWS
   * records and sends each message before it deletes the dead-letter message: a message may repeat,
   * but no message is lost.
   */
  redrive(filter: DeadLetterFilter, decided: Decided): Promise<number>;
  /**
   * Deletes the messages, sends a `task.discarded` for each task and records the decision, with the
   * same guarantees as {@link redrive}. The caller decides which messages may be discarded.
   */
  discard(
    filter: DeadLetterFilter,
    decided: Decided & { readonly reason: string },
  ): Promise<number>;
  /** Throws when the store does not answer. */
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
