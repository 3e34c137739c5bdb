import type { OperationId, TaskId } from '../../events/ids.ts';
import type { Message, QueueName } from '../../events/index.ts';
import type { AuditOrigin } from '../audit/entry.ts';
import type { ErrorReport } from '../shared/errors.ts';

/** A message that its queue or its task gave up. */
export interface DeadLetter {
  readonly id: string;
  /**
   * The queue of the message before it was given up. A redrive returns the message to this queue.
   */
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
  /** The task of the message. The task ignores requests with an outdated `run`. */
  readonly task: { readonly taskId: TaskId; readonly run: number } | undefined;
  /** The last error. `undefined` if the function died at every delivery. */
  readonly error: ErrorReport | undefined;
  /**
   * Deliveries before the queue gave up. `undefined` if the number is unknown, and for a message
   * that its task gave up.
   */
  readonly receiveCount: number | undefined;
  /**
   * Epoch milliseconds at which the message was given up. For a message that a queue on AWS gave
   * up: epoch milliseconds at which it was first sent.
   */
  readonly at: number;
  /**
   * Epoch milliseconds at which the engine deletes the message. `undefined`: the message stays
   * until a person decides.
   */
  readonly expiresAt: number | undefined;
}
export const MAX_SHOWN_LENGTH = 2000;

/** The author of a decision, and the reason. */
export interface Decided {
  readonly by: string;
  readonly reason?: string | undefined;
  /** The caller for the audit log. A decision without a caller is not in the audit log. */
  readonly origin?: AuditOrigin | undefined;
}

/**
 * A person's decision about dead-letter messages. Decisions are never deleted. There is one record
 * for each operation, queue and cause: see `decisionsOf`.
 */
export interface Decision extends Omit<Decided, 'origin'> {
  readonly id: string;
  readonly what: 'redriven' | 'discarded';
  readonly at: number;
  readonly queue: QueueName;
  /** The operation of the messages. */
  readonly operationId: OperationId | undefined;
  /** As in {@link DeadLetterFilter}. */
  readonly cause: string;
  readonly count: number;
}

/**
 * Selects the messages that match all fields that are set. An unreadable message has no operation
 * if this release cannot read its id.
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
