import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { OperationId, TaskId } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import { bodyBytes } from '../account/received.ts';
import { redactText } from '../shared/redaction.ts';
import {
  type DeadLetter,
  type DeadLetterDecision,
  type DeadLetterFilter,
  type DecisionAuthor,
  GAVE_UP_WITHOUT_ERROR,
  MAX_SHOWN_LENGTH,
} from './port.ts';
import { StoredMessage } from './records.ts';

/** Functions for dead-letter messages that all engines share. */

/**
 * The fields that name the operation and the task. They are the same in every release, so they can
 * be read even if this release cannot read the rest of the message.
 */
const MessageWithOperation = z.object({ data: z.object({ operationId: OperationId }) });
const TaskRequest = z.object({
  type: z.literal('service.requested'),
  data: z.object({ taskId: TaskId, run: z.number().int().min(1) }),
});

/** Reads a dead-letter message. `body` is the stored message: parsed JSON, or other text. */
export function parseDeadLetter({
  body,
  ...details
}: Pick<DeadLetter, 'id' | 'queue' | 'error' | 'receiveCount' | 'at' | 'expiresAt'> & {
  readonly body: unknown;
}): DeadLetter {
  const message = StoredMessage.safeParse(body);
  const task = TaskRequest.safeParse(body);
  return {
    ...details,
    message: message.data,
    unreadable: message.success ? undefined : bodyText(body),
    operationId: MessageWithOperation.safeParse(body).data?.data.operationId,
    task: task.success ? { taskId: task.data.data.taskId, run: task.data.data.run } : undefined,
  };
}

const bodyText = (body: unknown): string =>
  displayText(typeof body === 'string' ? body : (JSON.stringify(body) ?? ''));

/**
 * Prepares a text from outside of the propagator for display: removes secrets, and cuts the text to
 * {@link MAX_SHOWN_LENGTH} characters.
 */
export function displayText(text: string): string {
  // Redact before the final cut, because a secret that is cut in half is not recognized.
  const redacted = redactText(text.slice(0, 4 * MAX_SHOWN_LENGTH));
  return redacted.length > MAX_SHOWN_LENGTH || text.length > 4 * MAX_SHOWN_LENGTH
    ? `${redacted.slice(0, MAX_SHOWN_LENGTH)}…`
    : redacted;
}

/** Decodes a stored body, and prepares it like {@link displayText}. */
export const displayBody = (stored: Parameters<typeof bodyBytes>[0]): string =>
  displayText(new TextDecoder().decode(bodyBytes(stored)));

/** Returns the cause of a dead-letter message: its error code, or {@link GAVE_UP_WITHOUT_ERROR}. */
export const causeOf = ({ error }: Pick<DeadLetter, 'error'>): string =>
  error?.code ?? GAVE_UP_WITHOUT_ERROR;

/** True if the message matches every field of the filter that is set. */
export const matchesFilter = (
  deadLetter: DeadLetter,
  { queue, service, operationId, cause, id, ids }: DeadLetterFilter,
): boolean =>
  (queue === undefined || deadLetter.queue === queue) &&
  (service === undefined || deadLetter.queue === `service-${service}`) &&
  (operationId === undefined || deadLetter.operationId === operationId) &&
  (cause === undefined || causeOf(deadLetter) === cause) &&
  (id === undefined || deadLetter.id === id) &&
  (ids === undefined || ids.includes(deadLetter.id));

/**
 * Builds the messages that inform the coordinator of a decision: one for each dead-letter message
 * that belongs to a task.
 */
export function decisionMessages(
  what: 'redriven',
  deadLetters: readonly DeadLetter[],
  author: DecisionAuthor,
): Message[];
export function decisionMessages(
  what: 'discarded',
  deadLetters: readonly DeadLetter[],
  author: DecisionAuthor & { readonly reason: string },
): Message[];
export function decisionMessages(
  what: DeadLetterDecision['what'],
  deadLetters: readonly DeadLetter[],
  { by, reason }: DecisionAuthor,
): Message[] {
  return deadLetters.flatMap(({ operationId, task }): Message[] => {
    if (!operationId || !task) return [];
    const { taskId, run } = task;
    if (what === 'redriven') return [{ type: 'task.redriven', data: { operationId, taskId, by } }];
    return [
      { type: 'task.discarded', data: { operationId, taskId, run, by, reason: reason ?? '' } },
    ];
  });
}

/**
 * Builds the records of one person's decision: one for each operation, queue and cause. `at`: the
 * time of the decision in epoch milliseconds.
 */
export function decisionsOf(
  what: DeadLetterDecision['what'],
  deadLetters: readonly DeadLetter[],
  author: DecisionAuthor,
  at: number,
): DeadLetterDecision[] {
  const groups = Map.groupBy(deadLetters, (deadLetter) =>
    JSON.stringify([deadLetter.operationId, deadLetter.queue, causeOf(deadLetter)]),
  );
  return [...groups.values()].flatMap((group) =>
    group.slice(0, 1).map((deadLetter) => ({
      id: randomUUID(),
      what,
      by: author.by,
      reason: author.reason,
      at,
      queue: deadLetter.queue,
      operationId: deadLetter.operationId,
      cause: causeOf(deadLetter),
      count: group.length,
    })),
  );
}
