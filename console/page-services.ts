import { command, REASON_OPTION } from './command.ts';
import { type Child, h } from './element.ts';
import { countWithNoun } from './format.ts';
import {
  adviceElements,
  age,
  commandLine,
  empty,
  section,
  stateElement,
  table,
  wrapped,
} from './parts.ts';
import type { Service, Services, Uncovered } from './shapes.ts';

/** Shows the services that the propagator may not access, then uncovered and covered services. */
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
            adviceElements(problem?.advice),
          ),
        ),
      ),
    uncovered.length > 0 && section('Not covered or unreachable', uncovered.map(uncoveredCard)),
    section(
      'Covered, in the order of the cleanup',
      coveredTable(services),
      absentServicesNote(services, httpPlugins),
    ),
    waived.length > 0 &&
      section(
        'Waived',
        table(
          'Waivers',
          [
            { title: 'Type', isHead: true, cell: ({ type }) => type },
            { title: 'By', cell: ({ by }) => by },
            { title: 'Reason', cell: ({ reason }) => wrapped(reason) },
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
      { title: 'State', cell: ({ on }) => stateElement(on ? 'present' : 'off by default') },
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
    ? wrapped(noProjectResources ?? 'no resources of projects')
    : h(
        'details',
        {},
        h('summary', {}, countWithNoun(resourceTypes.length, 'type')),
        h(
          'ul',
          {},
          resourceTypes.map((type) => h('li', {}, type)),
        ),
      );

function absentServicesNote(services: readonly Service[], httpPlugins: readonly string[]): Child {
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
        'No service file covers this type. Its resources are not removed, and each operation ' +
          'ends as unverified.',
    ),
    advice === undefined
      ? commandLine(`${command('waiver add', type)} ${REASON_OPTION}`, `waive ${type}`)
      : adviceElements(advice),
  );
