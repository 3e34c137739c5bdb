import { command, quoted, REASON_OPTION } from './command.ts';
import { type Child, h } from './element.ts';
import { timeText } from './format.ts';
import { adviceElements, age, commandLine, empty, section, table, wrapped } from './parts.ts';
import type { Hold, Suspension } from './shapes.ts';

/** The holds in force, and the projects that operators keep suspended. */
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
            commandLine(`propagator hold add --project ID ${REASON_OPTION}`),
          )
        : holdTable(holds, now),
      h(
        'p',
        { class: 'note' },
        'A tag of a project in Keystone and the metadata of a resource can also be holds. An ' +
          'operation that waits for a hold names the hold.',
      ),
    ),
    section(
      'Projects that operators keep suspended',
      suspensions.length === 0
        ? empty('No operator keeps a project suspended.')
        : suspensions.map((suspension) => suspensionCard(suspension, now)),
    ),
  ];
}

const holdTable = (holds: readonly Hold[], now: number): Child =>
  table(
    'Holds in force',
    [
      {
        title: 'Kept',
        isHead: true,
        cell: ({ target, id, project }) =>
          wrapped(`${target} ${id}${project === undefined ? '' : ` of project ${project}`}`),
      },
      { title: 'By', cell: ({ by }) => by },
      { title: 'Reason', cell: ({ reason }) => wrapped(reason) },
      { title: 'Ticket', cell: ({ ticket }) => ticket ?? '-' },
      { title: 'Age', isNumber: true, cell: ({ at }) => age(at, now) },
      {
        title: 'Until',
        cell: ({ until }) => (until === undefined ? 'it is removed' : timeText(until)),
      },
      {
        title: 'End it',
        cell: ({ target, id }) => commandLine(`propagator hold remove --${target} ${quoted(id)}`),
      },
    ],
    holds,
    ({ target, id }) => `${target}/${id}`,
  );

function suspensionCard(
  { project, by, reason, at, enabledAt, advice }: Suspension,
  now: number,
): Child {
  const isEnabled = enabledAt !== undefined;
  const enabledText = `Enabled in Keystone since ${enabledAt}, but kept suspended by an operator.`;
  return h(
    'div',
    { class: `card ${isEnabled ? 'bad' : 'quiet'}`, 'data-key': project },
    h('h3', {}, `project ${project}`),
    h('p', {}, `By ${by} for `, age(at, now), `: ${reason}`),
    isEnabled && h('p', {}, h('strong', {}, enabledText)),
    adviceElements(advice),
    !isEnabled && commandLine(`${command('project resume', project)} ${REASON_OPTION}`),
  );
}
