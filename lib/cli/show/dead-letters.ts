import { countText } from '../../shared/count-text.ts';
import { durationText, quoteWord, table, timeText, wrapText } from '../output.ts';
import type { DeadLetterShape, DecisionShape } from '../shapes.ts';

const NO_ERROR_REPORT = 'the function failed each time without an error report';
const READ_LOG_ADVICE = 'Read the log of this operation, fix the cause, then redrive the message.';
const serviceOrQueueName = (queue: string): string => queue.replace(/^service-/, '');
const operationsText = (
  records: readonly { readonly operationId?: string | undefined }[],
): string => {
  const ids = [...new Set(records.flatMap(({ operationId }) => operationId ?? []))];
  return ids.length > 2 ? countText(ids.length, 'operation') : ids.join(', ');
};

/**
 * Dead-letter messages grouped by cause, because each cause is fixed once: first a summary, then
 * each cause with its advice.
 */
export function showDeadLetters(deadLetters: readonly DeadLetterShape[], now: number): string {
  if (deadLetters.length === 0) return 'No dead letters.';
  const groups = [
    ...Map.groupBy(deadLetters, ({ queue, cause }) => `${queue}\u0000${cause}`).values(),
  ];
  const rows = groups.map((group) => [
    serviceOrQueueName(group[0]?.queue ?? ''),
    group.length,
    durationText(now - Math.min(...group.map(({ at }) => at))),
    expiryText(
      Math.min(...group.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY)),
      now,
    ),
    group[0]?.cause ?? '',
  ]);
  const tableText = table(['SERVICE', 'COUNT', 'OLDEST', 'EXPIRES', 'CAUSE'], rows, ['COUNT']);
  return [tableText, ...groups.map(showCause)].join('\n\n');
}

function showCause(group: readonly DeadLetterShape[]): string {
  const [first] = group;
  if (!first) return '';
  const { id, queue, cause, error } = first;
  const name = serviceOrQueueName(queue);
  const selection = `${queue === name ? '--queue' : '--service'} ${name}`;
  const operations = operationsText(group);
  return [
    `${name}, ${cause}${operations === '' ? '' : `: ${operations}`}`,
    wrapText(error?.message ?? NO_ERROR_REPORT, '  '),
    wrapText(error?.advice ?? READ_LOG_ADVICE, '  '),
    '  show one message:',
    `    propagator dead-letter show ${quoteWord(id)}`,
    '  after the cause is fixed:',
    `    propagator dead-letter redrive ${selection} --cause ${quoteWord(cause)}`,
  ].join('\n');
}

const expiryText = (at: number, now: number): string => {
  if (at === Number.POSITIVE_INFINITY) return 'never';
  return at <= now ? 'now' : `in ${durationText(at - now)}`;
};

/** Returns all details of one dead-letter message, and the commands that decide about it. */
export function showDeadLetter(deadLetter: DeadLetterShape, now: number): string {
  const {
    id,
    queue,
    at,
    expiresAt,
    receiveCount,
    operationId,
    task,
    cause,
    error,
    message,
    unreadable,
  } = deadLetter;
  const lines = [
    ['queue', queue],
    ['given up', `${timeText(at)}, ${durationText(now - at)} ago${deliveriesText(receiveCount)}`],
    [
      'kept',
      expiresAt === undefined
        ? 'until it is redriven or discarded'
        : `until ${timeText(expiresAt)}, expires ${expiryText(expiresAt, now)}`,
    ],
    ['operation', operationId],
    ['task', task && `${task.taskId}, run ${task.run}`],
    ['cause', error ? `${cause} (${error.class})` : cause],
    ['error', error?.message ?? NO_ERROR_REPORT],
    ['status', error?.status],
    ['request id', error?.requestId],
    ['advice', error?.advice ?? READ_LOG_ADVICE],
  ].flatMap(([name, value]) =>
    value === undefined ? [] : [wrapText(String(value), String(name).padEnd(11), ' '.repeat(11))],
  );
  const body = unreadable ?? JSON.stringify(message, undefined, 2);
  const title = unreadable === undefined ? 'Message' : 'Message, which this release cannot read';
  const nextCommands =
    `Then: propagator dead-letter redrive --id ${quoteWord(id)}\n  or: propagator dead-letter ` +
    `discard --id ${quoteWord(id)} --reason "…"`;
  return [`${id}\n${lines.join('\n')}`, `${title}\n${body}`, nextCommands].join('\n\n');
}

const decisionText = ({
  what,
  by,
  at,
  count: number,
  queue,
  cause,
  reason,
}: DecisionShape): string =>
  `${what} by ${by} at ${timeText(at)}: ${countText(number, 'message')} of ` +
  `${serviceOrQueueName(queue)}, ` +
  cause +
  (reason === undefined ? '' : `: ${reason}`);

/** Returns the lines for the decisions about the dead letters of an operation. */
export const decisionLines = (decisions: readonly DecisionShape[]): string[] =>
  decisions.map((decision) => `- ${decisionText(decision)}`);

function deliveriesText(count: number | undefined): string {
  if (count === undefined) return '';
  return count === 1 ? ', after one delivery' : `, after ${count} deliveries`;
}
