import type { OperationId, TaskId } from '../../events/ids.ts';
import type { Message, QueueName } from '../../events/index.ts';
import type { AuditOrigin } from '../audit/entry.ts';
import type { ErrorReport } from '../shared/errors.ts';

/**
 * A message that is not retried any more. Either all its deliveries failed, or the coordinator gave
 * the message up, for example because too many runs of its task failed.
 */
export interface DeadLetter {
  readonly id: string;
  /** The queue from which the message came. A redrive sends the message back to this queue. */
  readonly queue: QueueName;
  /** `undefined` for a message that this release cannot read. */
  readonly message: Message | undefined;
  /**
   * The stored text of an unreadable message: without secrets, cut to {@link MAX_SHOWN_LENGTH}
   * characters.
   */
  readonly unreadable: string | undefined;
  /** The operation of the message, if this release can read its id. */
  readonly operationId: OperationId | undefined;
  /**
   * The task of the message, and the number of its run. A discard has no effect on a task that has
   * a newer run.
   */
  readonly task: { readonly taskId: TaskId; readonly run: number } | undefined;
  /** The last error. `undefined` if no error is stored, for example because the process died. */
  readonly error: ErrorReport | undefined;
  /**
   * The number of failed deliveries. `undefined` if the number is unknown, and for a message that
   * the coordinator gave up.
   */
  readonly receiveCount: number | undefined;
  /**
   * Epoch milliseconds at which the message became a dead letter. Exception: if SQS itself moved
   * the message to the dead-letter queue, the time at which the message was first sent.
   */
  readonly at: number;
  /**
   * Epoch milliseconds at which the engine deletes the message. `undefined`: the message stays
   * until a person redrives or discards it.
   */
  readonly expiresAt: number | undefined;
}
/** The maximum number of characters of an unreadable message that an operator sees. */
export const MAX_SHOWN_LENGTH = 2000;

/** The person that redrives or discards dead-letter messages, and the reason. */
export interface DecisionAuthor {
  readonly by: string;
  readonly reason?: string | undefined;
  /** The caller for the audit log. Without `origin`, the audit log gets no entry. */
  readonly origin?: AuditOrigin | undefined;
}

/**
 * The stored record of a person's decision about dead-letter messages. A decision about several
 * operations, queues or causes has one record for each combination: see `decisionsOf`. Records are
 * never deleted.
 */
export interface DeadLetterDecision extends Omit<DecisionAuthor, 'origin'> {
  readonly id: string;
  readonly what: 'redriven' | 'discarded';
  readonly at: number;
  readonly queue: QueueName;
  /** The operation of the messages. */
  readonly operationId: OperationId | undefined;
  /** As in {@link DeadLetterFilter}. */
  readonly cause: string;
  /** The number of messages. */
  readonly count: number;
}

/**
 * Selects the messages that match all fields that are set. `operationId` does not select an
 * unreadable message if this release cannot read the id of its operation.
 */
export interface DeadLetterFilter {
  /** `ingest`, `coordinate`, or for example `service-nova`. */
  readonly queue?: QueueName;
  /** `nova` selects the queue `service-nova`. */
  readonly service?: string;
  readonly operationId?: string;
  /** The error's code, or {@link GAVE_UP_WITHOUT_ERROR}. */
  readonly cause?: string;
  readonly id?: string;
  /** The ids of the messages that a person has seen. Only these messages are selected. */
  readonly ids?: readonly string[];
}
/** The cause of a dead-letter message without an error. */
export const GAVE_UP_WITHOUT_ERROR = 'engine.gave-up';
