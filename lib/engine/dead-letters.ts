import { randomUUID } from 'node:crypto';
import * as z from 'zod';
import { OperationId, TaskId } from '../../events/ids.ts';
import type { Message } from '../../events/index.ts';
import { bodyBytes } from '../account/received.ts';
import { redactText } from '../shared/redaction.ts';
import {
  type DeadLetter,
  type DeadLetterFilter,
  type Decided,
  type Decision,
  GAVE_UP_WITHOUT_ERROR,
  MAX_SHOWN_LENGTH,
} from './port.ts';
import { StoredMessage } from './records.ts';

/** Functions on dead-letter messages that all engines share. */

/**
 * Fields that messages have in every release. These fields identify the operation even if this
 * release cannot read the rest of the message.
 */
const Operations = z.object({ data: z.object({ operationId: OperationId }) });
const Requests = z.object({
  type: z.literal('service.requested'),
  data: z.object({ taskId: TaskId, run: z.number().int().min(1) }),
});

/** Builds a dead-letter message. `body` is the stored message: parsed JSON, or other text. */
export function parseDeadLetter({
  body,
  ...found
}: Pick<DeadLetter, 'id' | 'queue' | 'error' | 'receiveCount' | 'at' | 'expiresAt'> & {
  readonly body: unknown;
}): DeadLetter {
  const message = StoredMessage.safeParse(body);
  const task = Requests.safeParse(body);
  return {
    ...found,
    message: message.data,
    unreadable: message.success ? undefined : asText(body),
    operationId: Operations.safeParse(body).data?.data.operationId,
    task: task.success ? { taskId: task.data.data.taskId, run: task.data.data.run } : undefined,
  };
}

const asText = (body: unknown): string =>
  shownText(typeof body === 'string' ? body : (JSON.stringify(body) ?? ''));

/**
 * Prepares foreign text for display: removes secrets, and cuts the text to {@link MAX_SHOWN_LENGTH}
 * characters.
 */
export function shownText(text: string): string {
  // Redact before the final cut, because a secret that is cut in half is not recognized.
  const page = redactText(text.slice(0, 4 * MAX_SHOWN_LENGTH));
  return page.length > MAX_SHOWN_LENGTH || text.length > 4 * MAX_SHOWN_LENGTH
    ? `${page.slice(0, MAX_SHOWN_LENGTH)}…`
    : page;
}

/** Like {@link shownText}, for a stored body. */
export const shownBody = (stored: Parameters<typeof bodyBytes>[0]): string =>
  shownText(new TextDecoder().decode(bodyBytes(stored)));

/**
 * Returns the cause by which messages are grouped: the error code, or {@link
 * GAVE_UP_WITHOUT_ERROR}.
 */
export const causeOf = ({ error }: Pick<DeadLetter, 'error'>): string =>
  error?.code ?? GAVE_UP_WITHOUT_ERROR;

/** True if the message matches every field of the filter that is set. */
export const matches = (
  deadLetter: DeadLetter,
  { queue, service, operationId, cause, id, ids }: DeadLetterFilter,
): boolean =>
  (queue === undefined || deadLetter.queue === queue) &&
  (service === undefined || deadLetter.queue === `service-${service}`) &&
  (operationId === undefined || deadLetter.operationId === operationId) &&
  (cause === undefined || causeOf(deadLetter) === cause) &&
  (id === undefined || deadLetter.id === id) &&
  (ids === undefined || ids.includes(deadLetter.id));

/** Returns the messages to the coordinator: one for each dead-letter message of a task. */
export function decisionMessages(
  what: 'redriven',
  deadLetters: readonly DeadLetter[],
  decided: Decided,
): Message[];
export function decisionMessages(
  what: 'discarded',
  deadLetters: readonly DeadLetter[],
  decided: Decided & { readonly reason: string },
): Message[];
export function decisionMessages(
  what: Decision['what'],
  deadLetters: readonly DeadLetter[],
  { by, reason }: Decided,
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
 * Returns the records of a decision: one for each operation, queue and cause. `at` is in epoch
 * milliseconds.
 */
export function decisionsOf(
  what: Decision['what'],
  deadLetters: readonly DeadLetter[],
  decided: Decided,
  at: number,
): Decision[] {
  const alike = Map.groupBy(deadLetters, (deadLetter) =>
    JSON.stringify([deadLetter.operationId, deadLetter.queue, causeOf(deadLetter)]),
  );
  return [...alike.values()].flatMap((group) =>
    group.slice(0, 1).map((deadLetter) => ({
      id: randomUUID(),
      what,
      by: decided.by,
      reason: decided.reason,
      at,
      queue: deadLetter.queue,
      operationId: deadLetter.operationId,
      cause: causeOf(deadLetter),
      count: group.length,
    })),
  );
}
