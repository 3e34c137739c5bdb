import type { OperationId, TaskId } from '../../events/ids.ts';
import type { Message, QueueName } from '../../events/index.ts';
import type { AuditOrigin } from '../audit/entry.ts';
import type { ErrorReport } from '../shared/errors.ts';

/** A message that its queue or its task gave up. */
export interface DeadLetter {
  readonly id: string;
  /** The source queue, to which a redrive returns the message. */
  readonly queue: QueueName;
  /** `undefined` when this release cannot read it. */
  readonly message: Message | undefined;
  /**
   * The stored text when it is not a readable message: without secrets, cut to {@link
   * MAX_SHOWN_LENGTH} characters.
   */
  readonly unreadable: string | undefined;
  /** The operation that the message is about, if it can be determined. */
  readonly operationId: OperationId | undefined;
  /** The task of the message. `run` is the fence against outdated requests. */
  readonly task: { readonly taskId: TaskId; readonly run: number } | undefined;
  /** The error. `undefined` if the function died at every delivery, so that the queue gave up. */
  readonly error: ErrorReport | undefined;
  /**
   * Deliveries before the queue gave up; `undefined` if unknown, or if the task gave up instead.
   */
  readonly receiveCount: number | undefined;
  /**
   * Epoch milliseconds at which the message was given up. On AWS, if the queue gave up: at which
   * the message was first sent.
   */
  readonly at: number;
  /**
   * Epoch milliseconds at which the engine deletes the message; `undefined` if it is kept until a
   * person decides.
   */
  readonly expiresAt: number | undefined;
}
export const MAX_SHOWN_LENGTH = 2000;

/** The person who decided, and the reason. */
export interface Decided {
  readonly by: string;
  readonly reason?: string | undefined;
  /** For the audit log. Without it the decision is not in the audit log. */
  readonly origin?: AuditOrigin | undefined;
}

/**
 * A person's decision about dead-letter messages, kept for good. There is one record for each
 * operation, queue and cause: see `decisionsOf`.
 */
export interface Decision extends Omit<Decided, 'origin'> {
  readonly id: string;
  readonly what: 'redriven' | 'discarded';
  readonly at: number;
  readonly queue: QueueName;
  /** The operation that the messages were about. */
  readonly operationId: OperationId | undefined;
  /** As in {@link DeadLetterFilter}. */
  readonly cause: string;
  readonly count: number;
}

/**
 * All fields that are set must match. For an unreadable message, only the fields that can be
 * determined are compared.
 */
export interface DeadLetterFilter {
  /** `ingest`, `coordinate`, or for example `service-nova`. */
  readonly queue?: QueueName;
  /** Short form for the queue of a service. */
  readonly service?: string;
  readonly operationId?: string;
  /** The error's code, or {@link GAVE_UP_WITHOUT_ERROR}. */
  readonly cause?: string;
  readonly id?: string;
  /** One of these ids: limits a decision to the messages that a person has seen. */
  readonly ids?: readonly string[];
}
/** Cause of a dead-letter message without an error: its queue gave up. */
export const GAVE_UP_WITHOUT_ERROR = 'engine.gave-up';
