import { command, quoted, REASON } from './command.ts';
import { type Child, h } from './element.ts';
import { counted, duration, time } from './format.ts';
import {
  adviceOf,
  age,
  commandLine,
  empty,
  free,
  operationLink,
  section,
  stateOf,
  table,
} from './parts.ts';
import type { DeadLetter, Hold, Service, Services, Suspension, Uncovered } from './shapes.ts';

const serviceOf = (queue: string): string => queue.replace(/^service-/, '');

/** Dead-letter messages by cause, because each cause is fixed once. */
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
          `${counted(deadLetters.length, 'message')}, ${counted(groups.size, 'cause')}.`,
        ),
    [...groups].map(([key, group]) => cause(key, group, now)),
  ];
}

function cause(key: string, group: readonly DeadLetter[], now: number): Child {
  const [first] = group;
  if (!first) return undefined;
  const { queue, cause: code, error } = first;
  const name = serviceOf(queue);
  const oldest = Math.min(...group.map(({ at }) => at));
  const expires = Math.min(...group.map(({ expiresAt }) => expiresAt ?? Number.POSITIVE_INFINITY));
  const operations = [...new Set(group.flatMap(({ operationId }) => operationId ?? []))];
  const select = queue === name ? 'redrive --queue' : 'redrive --service';
  return h(
    'div',
    { class: 'card bad', 'data-key': key },
    h('h3', {}, `${name}: ${code}`),
    h('p', {}, error?.message ?? 'The function failed each time without an error report.'),
    h(
      'p',
      {},
      `${counted(group.length, 'message')}, the oldest for `,
      age(oldest, now),
      Number.isFinite(expires) && `; the first is deleted in ${duration(expires - now)}`,
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
    commandLine(command(`dead-letter ${select}`, name, '--cause', code)),
    h('p', {}, 'One message in full:'),
    commandLine(command('dead-letter show', first.id)),
  );
}

export function holdsPage(
  {
    holds,
    suspensions,
  }: { readonly holds: readonly Hold[]; readonly suspensions: readonly Suspension[] },
  now: number,
): Child[] {
  return [
    h('h1', {}, 'Holds'),
    section(
      'Kept from being deleted',
      holds.length === 0
        ? empty(
            'No hold is in force. To add one:',
            commandLine(`propagator hold add --project ID ${REASON}`),
          )
        : table(
            'Holds in force',
            [
              { title: 'Kept', isHead: true, cell: ({ target, id }) => free(`${target} ${id}`) },
              { title: 'By', cell: ({ by }) => by },
              { title: 'Reason', cell: ({ reason }) => free(reason) },
              { title: 'Ticket', cell: ({ ticket }) => ticket ?? '-' },
              { title: 'Age', isNumber: true, cell: ({ at }) => age(at, now) },
              {
                title: 'Until',
                cell: ({ until }) => (until === undefined ? 'it is removed' : time(until)),
              },
              {
                title: 'End it',
                cell: ({ target, id }) =>
                  commandLine(`propagator hold remove --${target} ${quoted(id)}`),
              },
            ],
            holds,
            ({ target, id }) => `${target}/${id}`,
          ),
      h(
        'p',
        { class: 'note' },
        'Tags of projects in Keystone and metadata of resources can hold, too. An operation ' +
          'that waits for one names it.',
      ),
    ),
    section(
      'Projects that an operator holds suspended',
      suspensions.length === 0
        ? empty('No project is held suspended.')
        : suspensions.map(({ project, by, reason, at, enabledAt, advice }) =>
            h(
              'div',
              { class: `card ${enabledAt === undefined ? 'quiet' : 'bad'}`, 'data-key': project },
              h('h3', {}, `project ${project}`),
              h('p', {}, `By ${by} for `, age(at, now), `: ${reason}`),
              enabledAt !== undefined &&
                h(
                  'p',
                  {},
                  h('strong', {}, `Enabled in Keystone since ${enabledAt}, although it is held.`),
                ),
              adviceOf(advice),
              enabledAt === undefined &&
                commandLine(`${command('project resume', project)} ${REASON}`),
            ),
          ),
    ),
  ];
}

export function servicesPage(
  { services, httpPlugins, uncovered, waived }: Services,
  now: number,
): Child[] {
  const denied = services.filter(({ problem }) => problem !== undefined);
  return [
    h('h1', {}, 'Services'),
    denied.length > 0 &&
      section(
        'Not permitted',
        denied.map(({ name, problem }) =>
          h(
            'div',
            { class: 'card bad', 'data-key': name },
            h('h3', {}, `${name}: ${problem?.message ?? ''}`),
            adviceOf(problem?.advice),
          ),
        ),
      ),
    uncovered.length > 0 && section('Not covered or unreachable', uncovered.map(uncoveredCard)),
    section(
      'Covered, in the order of the cleanup',
      coveredTable(services),
      absent(services, httpPlugins),
    ),
    waived.length > 0 &&
      section(
        'Waived',
        table(
          'Waivers',
          [
            { title: 'Type', isHead: true, cell: ({ type }) => type },
            { title: 'By', cell: ({ by }) => by },
            { title: 'Reason', cell: ({ reason }) => free(reason) },
            { title: 'Age', isNumber: true, cell: ({ at }) => age(at, now) },
            { title: 'End it', cell: ({ type }) => commandLine(command('waiver remove', type)) },
          ],
          waived,
          ({ type }) => type,
        ),
      ),
  ];
}

function coveredTable(services: readonly Service[]): Child {
  const present = services.filter(({ regions }) => regions.length > 0);
  if (present.length === 0)
    return empty('The catalog of this cloud has no service that is covered.');
  return table(
    'Covered services of this cloud',
    [
      { title: 'Service', isHead: true, cell: ({ name }) => name },
      { title: 'State', cell: ({ on }) => stateOf(on ? 'present' : 'off by default') },
      { title: 'Regions', cell: ({ regions }) => regions.join(', ') },
      { title: 'Catalog types', cell: ({ catalogTypes }) => catalogTypes.join(', ') || '-' },
      { title: 'Resource types', cell: typesOf },
    ],
    present,
    ({ name }) => name,
  );
}

const typesOf = ({ resourceTypes, noProjectResources }: Service): Child =>
  resourceTypes.length === 0
    ? free(noProjectResources ?? 'none of projects')
    : h(
        'details',
        {},
        h('summary', {}, counted(resourceTypes.length, 'type')),
        h(
          'ul',
          {},
          resourceTypes.map((type) => h('li', {}, type)),
        ),
      );

function absent(services: readonly Service[], httpPlugins: readonly string[]): Child {
  const names = services.filter(({ regions }) => regions.length === 0).map(({ name }) => name);
  return [
    names.length > 0 && h('p', { class: 'note' }, `Not in this cloud: ${names.join(', ')}.`),
    httpPlugins.length > 0 &&
      h('p', { class: 'note' }, `Called over HTTP: ${httpPlugins.join(', ')}.`),
  ];
}

const uncoveredCard = ({ type, name, region, because, advice }: Uncovered): Child =>
  h(
    'div',
    { class: 'card wait', 'data-key': `${type} ${region ?? ''} ${because ?? ''}` },
    h('h3', {}, `${type} (${name})${region === undefined ? '' : ` in ${region}`}`),
    h(
      'p',
      {},
      because ??
        'No service file covers it. Its resources are not removed, and each operation ends as ' +
          'unverified.',
    ),
    advice === undefined
      ? commandLine(`${command('waiver add', type)} ${REASON}`, `waive ${type}`)
      : adviceOf(advice),
  );
