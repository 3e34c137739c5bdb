import { command } from './command.ts';
import { type Child, h } from './element.ts';
import { countWithNoun, durationText } from './format.ts';
import { age, commandLine, empty, operationLink } from './parts.ts';
import type { DeadLetter } from './shapes.ts';

const serviceOf = (queue: string): string => queue.replace(/^service-/, '');

/** The dead-letter messages, with one card for all messages that have the same cause. */
export function deadLettersPage(
  { deadLetters }: { readonly deadLetters: readonly DeadLetter[] },
  now: number,
): Child[] {
  const groups = Map.groupBy(deadLetters, ({ queue, cause }) => `${queue} ${cause}`);
  return [
    h('h1', {}, 'Dead letters'),
    deadLetters.length === 0
      ? empty('No message was given up. There is nothing to do.')
      : h(
          'p',
          { class: 'note' },
          `${countWithNoun(deadLetters.length, 'message')}, ` +
            `${countWithNoun(groups.size, 'cause')}.`,
        ),
    [...groups].map(([key, group]) => causeCard(key, group, now)),
  ];
}

function causeCard(key: string, group: readonly DeadLetter[], now: number): Child {
  const [first] = group;
  if (!first) return undefined;
  const { queue, cause: code, error } = first;
  const name = serviceOf(queue);
  const oldest = Math.min(...group.map(({ at }) => at));
  const expires = Math.min(...group.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY));
  const operations = [...new Set(group.flatMap(({ operationId }) => operationId ?? []))];
  const redriveCommand = queue === name ? 'redrive --queue' : 'redrive --service';
  return h(
    'div',
    { class: 'card bad', 'data-key': key },
    h('h3', {}, `${name}: ${code}`),
    h('p', {}, error?.message ?? 'The function failed each time without an error report.'),
    h(
      'p',
      {},
      `${countWithNoun(group.length, 'message')}, the oldest for `,
      age(oldest, now),
      Number.isFinite(expires) && `; the first is deleted in ${durationText(expires - now)}`,
    ),
    operations.length > 0 &&
      h(
        'p',
        {},
        'Operations: ',
        operations.slice(0, 10).map((id) => [operationLink(id), ' ']),
        operations.length > 10 && `and ${operations.length - 10} more`,
      ),
    h(
      'p',
      { class: 'advice' },
      error?.advice ?? 'Read the log of the operation, and fix the cause.',
    ),
    h('p', {}, 'After the cause is fixed:'),
    commandLine(command(`dead-letter ${redriveCommand}`, name, '--cause', code)),
    h('p', {}, 'One message in full:'),
    commandLine(command('dead-letter show', first.id)),
  );
}
