import { duration, table, time } from '../output.ts';
import type { DeadLetterShape, DecisionShape } from '../shapes.ts';

const GAVE_UP = 'the function died on it again and again';
const nameOf = (queue: string): string => queue.replace(/^service-/, '');

/** Grouped by cause, for one cause is mended once. */
export function showDeadLetters(letters: readonly DeadLetterShape[], now: number): string {
  if (letters.length === 0) return 'No dead letters.';
  const groups = Map.groupBy(letters, ({ queue, cause }) => `${queue}\u0000${cause}`);
  const rows = [...groups.values()].map((group) => {
    const [first] = group;
    const operations = [...new Set(group.flatMap(({ operationId }) => operationId ?? []))];
    return [
      nameOf(first?.queue ?? ''),
      group.length,
      duration(now - Math.min(...group.map(({ at }) => at))),
      expiry(Math.min(...group.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY)), now),
      first?.cause ?? '',
      operations.length > 2 ? `${operations.length} operations` : operations.join(', '),
      (first?.error?.message ?? GAVE_UP).slice(0, 80),
    ];
  });
  const all = table(['SERVICE', 'LETTERS', 'OLDEST', 'EXPIRES', 'CAUSE', 'OPERATION', 'MESSAGE'], rows, ['LETTERS']);
  return `${all}\n\nOne of them in full: propagator dead-letters show ${letters[0]?.id}`;
}

const expiry = (at: number, now: number): string => {
  if (at === Number.POSITIVE_INFINITY) return 'never';
  return at <= now ? 'now' : `in ${duration(at - now)}`;
};

/** All that is known of one. */
export function showDeadLetter(letter: DeadLetterShape, now: number): string {
  const { id, queue, at, expiresAt, receiveCount, operationId, task, cause, error, message, unreadable } = letter;
  const lines = [
    ['queue', queue],
    ['given up', `${time(at)}, ${duration(now - at)} ago${receiveCount === undefined ? '' : `, after ${receiveCount} deliveries`}`],
    ['kept', expiresAt === undefined ? 'until a person decides' : `until ${time(expiresAt)}, expires ${expiry(expiresAt, now)}`],
    ['operation', operationId],
    ['task', task && `${task.taskId}, pass ${task.pass}`],
    ['cause', error ? `${cause} (${error.class})` : cause],
    ['error', error?.message ?? GAVE_UP],
    ['status', error?.status],
    ['request id', error?.requestId],
    ['advice', error?.advice ?? 'Read the log of this operation, mend the cause, then redrive.'],
  ].flatMap(([name, value]) => (value === undefined ? [] : [`${String(name).padEnd(11)}${value}`]));
  const body = unreadable ?? JSON.stringify(message, undefined, 2);
  const title = unreadable === undefined ? 'Message' : 'Message, which this release cannot read';
  const next = `Then: propagator redrive --id ${id}\n  or: propagator discard --id ${id} --reason "…"`;
  return [`${id}\n${lines.join('\n')}`, `${title}\n${body}`, next].join('\n\n');
}

const decided = ({ what, by, at, letters, queue, cause, reason }: DecisionShape): string =>
  `${what} by ${by} at ${time(at)}: ${letters} of ${nameOf(queue)}, ${cause}${reason === undefined ? '' : `: ${reason}`}`;

/** For the page of an operation. */
export const decisionLines = (decisions: readonly DecisionShape[]): string[] => decisions.map((decision) => `- ${decided(decision)}`);

export function showDecisions(decisions: readonly DecisionShape[]): string {
  if (decisions.length === 0) return 'Nobody has decided anything yet.';
  return decisions.map((decision) => `${decision.operationId ?? '-'}  ${decided(decision)}`).join('\n');
}
